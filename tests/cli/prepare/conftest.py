"""Prepared data that several tests of the command share."""

import shutil
from pathlib import Path

import pytest

from petsynth.cli.main import run


@pytest.fixture(scope="session")
def prepared(bids, truth, tmp_path_factory) -> Path:
    """Return the four simulated subjects of `bids`, prepared at 6 mm; two are for test."""
    out = tmp_path_factory.mktemp("prepared") / "out"
    words = ["prepare", bids, out, "--voxel-mm", "6", "--nprocs", "1", "--skip-bids-validation"]
    words += ["--masks", truth, "--jpeg", "--test", "2"]
    assert run(list(map(str, words))) == 0
    return out


@pytest.fixture
def copy(prepared, tmp_path) -> Path:
    """Return prepared data that a test may change."""
    return Path(shutil.copytree(prepared, tmp_path / "out"))
