"""Memory of a subject from its headers, and how many fit."""

import nibabel as nib
import numpy as np
import pytest

from petsynth.errors import ArgumentError
from petsynth.io.bids.index import Scan
from petsynth.prepare.memory import processes_within, subject_mb


@pytest.fixture
def scan(tmp_path):
    """Return the function that writes a T1 and a PET of given shapes."""

    def write(name: str, t1: tuple[int, ...], pet: tuple[int, ...]) -> Scan:
        paths = [tmp_path / f"{name}_{suffix}.nii" for suffix in ("T1w", "pet")]
        for path, shape in zip(paths, (t1, pet), strict=True):
            nib.save(nib.Nifti1Image(np.zeros(shape, np.uint8), np.eye(4)), path)
        return Scan(name, *paths, "FDG")

    return write


def test_a_static_pet(scan):
    """1,000,000 + 250,000 voxels, 8 copies of 4 bytes: 40 MB beside 400, or 1500 with deepbet."""
    one = scan("sub-1", (100, 100, 100), (50, 50, 100))
    assert subject_mb([one], deepbet=False) == 440
    assert subject_mb([one], deepbet=True) == 1540


def test_frames_count(scan):
    """The first frame as above; 20 more of 250,000 voxels, 3 copies of 4 bytes: 60 MB."""
    one = scan("sub-1", (100, 100, 100), (50, 50, 100, 21))
    assert subject_mb([one], deepbet=False) == 500


def test_the_largest_subject_decides_and_damaged_files_count_nothing(scan):
    small, large = scan("a", (10, 10, 10), (10, 10, 10)), scan("b", (100, 100, 100), (10, 10, 10))
    large.pet.write_bytes(b"no image")
    assert subject_mb([small, large], deepbet=False) == 432
    large.t1.unlink()
    assert subject_mb([small, large], deepbet=False) == 401
    assert subject_mb([], deepbet=False) == 400


@pytest.mark.parametrize(
    ("mem_mb", "nprocs", "each", "expected"),
    [(16_000, 8, 3000, 5), (16_000, 4, 3000, 4), (3000, 4, 3000, 1), (5999, 4, 3000, 1)],
)
def test_as_many_processes_as_fit(mem_mb, nprocs, each, expected):
    assert processes_within(mem_mb, nprocs, each) == expected


def test_too_little_for_one_is_refused():
    with pytest.raises(ArgumentError, match=r"--mem-mb 2999: one subject .* about 3000 MB"):
        processes_within(2999, 4, 3000)
