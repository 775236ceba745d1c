"""A small simulated dataset that the commands' tests share, and their messages on stderr."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from petsynth.log import messages_on_stderr
from petsynth.simulation.cohort import simulate_cohort


@pytest.fixture
def messages() -> Iterator[None]:
    """Show petsynth's messages on stderr, as the command line does around a command."""
    with messages_on_stderr():
        yield


@pytest.fixture(scope="session")
def bids(tmp_path_factory) -> Path:
    """Return a BIDS dataset of four simulated subjects, FDG, 4 mm."""
    root = tmp_path_factory.mktemp("cohort") / "bids"
    return simulate_cohort(root, subjects=4, t1_voxel_mm=4.0, pet_voxel_mm=4.0, seed=2)


@pytest.fixture(scope="session")
def truth(bids) -> Path:
    """Return the derivatives with the true brain masks."""
    return bids / "derivatives" / "truth"


@pytest.fixture
def own_bids(bids, tmp_path) -> Path:
    """Return a dataset that a test may change."""
    return Path(shutil.copytree(bids, tmp_path / "bids"))
