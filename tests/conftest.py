"""Fixtures that many tests share."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"
"""Development data beside the checkout; see CONTRIBUTING.md."""


@pytest.fixture
def shared() -> Path:
    """Return the folder of development data, or skip."""
    if not (SHARED / "data").is_dir():
        pytest.skip(f"needs the development data in {SHARED}")
    return SHARED


@pytest.fixture
def ixi(shared: Path) -> Path:
    """Return the folder of real T1s with labels, or skip."""
    return shared / "data" / "ixi"
