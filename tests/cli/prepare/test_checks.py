"""Options of ``prepare`` by themselves, at the borders of what they take."""

import dataclasses
from pathlib import Path

import pytest
import torch

from petsynth.cli.prepare.checks import check, mask_folders
from petsynth.cli.prepare.options import Args
from petsynth.errors import ArgumentError, InputError

DEFAULTS = Args(Path("bids"), Path("out"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"voxel_mm": 18.1}, "--voxel-mm 18.1: give 0.5 <= mm <= 18"),
        ({"voxel_mm": 1e-300}, "--voxel-mm 1e-300: give 0.5 <= mm <= 18"),
        ({"voxel_mm": 0.9, "grid": "paper-b"}, "--voxel-mm 0.9: give 1.0 <= mm <= 18"),
        ({"voxel_mm": float("nan")}, "--voxel-mm nan"),
        ({"omp_nthreads": 0}, "--omp-nthreads 0: give 1 to 1024"),
        ({"omp_nthreads": 10**23}, f"--omp-nthreads {10**23}: give 1 to 1024"),
        ({"num_parts": 0, "analysis_level": ("participant",)}, "--num-parts 0: give 1 or more"),
        ({"part_id": -1}, "--part-id -1: give 0 to --num-parts - 1, which is 0"),
        ({"part_id": 1}, "--part-id 1: give 0 to --num-parts - 1, which is 0"),
        ({"max_interval": float("nan")}, "--max-interval nan"),
        ({"frames": 0}, "--frames 0: give mean, keep, or 1 or more"),
        ({"psf_mm": 0.0}, "--psf-mm 0.0: give 0 < mm <= 50"),
        ({"psf_mm": 1e9}, "--psf-mm 1000000000.0: give 0 < mm <= 50"),
        ({"psf_mm": float("inf")}, "--psf-mm inf: give 0 < mm <= 50"),
        ({"scanner_psf_mm": -1.0}, "--scanner-psf-mm -1.0: give 0 < mm <= 50"),
        ({"registration": "none"}, "--registration none: needs --grid paper-b"),
        ({"num_parts": 2, "analysis_level": ("participant", "group")}, "participant level alone"),
    ],
)
def test_what_makes_no_sense_is_refused(options, message):
    with pytest.raises(ArgumentError, match=message):
        check(dataclasses.replace(DEFAULTS, **options))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"voxel_mm": 18.0},
        {"test": 0, "validation": 0},
        {"test": 40.0},
        {"max_interval": None},
        {"max_interval": 0},
        {"frames": 1},
        {"frames": "keep"},
        {"registration": "none", "grid": "paper-b"},
        {"num_parts": 3, "part_id": 2, "analysis_level": ("participant",)},
        {"psf_mm": 8.0, "scanner_psf_mm": 5.5},
        {"reference_region": "pons-vermis"},
    ],
)
def test_what_stands_at_the_border_is_taken(options):
    check(dataclasses.replace(DEFAULTS, **options))


def test_an_unknown_reference_region_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match=r"pineal.*whole-cerebellum"):
        check(dataclasses.replace(DEFAULTS, reference_region="pineal"))


def test_masks_must_be_a_folder(tmp_path):
    check(dataclasses.replace(DEFAULTS, masks=(str(tmp_path),)))
    (tmp_path / "mask.nii.gz").touch()
    for name in ("mask.nii.gz", "nowhere"):
        with pytest.raises(InputError, match=f"{name}: no such folder of masks"):
            check(dataclasses.replace(DEFAULTS, masks=(str(tmp_path / name),)))


def test_masks_may_have_names_as_derivatives_of_bids_apps_do(tmp_path):
    odd = tmp_path / "a=b"
    for folder in (odd, tmp_path / "two"):
        folder.mkdir()
    words = (str(odd), f"smriprep={odd}", f"two={tmp_path / 'two'}")
    assert mask_folders(words) == (odd, odd, tmp_path / "two")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused_before_the_work():
    with pytest.raises(ArgumentError, match=r"--device cuda: .*--device cpu"):
        check(dataclasses.replace(DEFAULTS, device="cuda"))
