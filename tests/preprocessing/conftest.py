"""Two simulated subjects, small enough to be registered in a second."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from nibabel.affines import apply_affine

from petsynth.io.nifti import read_volume
from petsynth.simulation.cohort import simulate_cohort
from petsynth.volume import Volume


@dataclass(frozen=True)
class Scans:
    """Scans of one simulated subject, and the truth about them."""

    t1: Volume
    pet: Volume
    mask: Volume
    pet_to_t1: np.ndarray
    folder: Path
    name: str


@pytest.fixture(scope="session")
def cohort(tmp_path_factory) -> list[Scans]:
    root = simulate_cohort(
        tmp_path_factory.mktemp("cohort") / "bids",
        subjects=2,
        t1_voxel_mm=3.0,
        pet_voxel_mm=4.0,
        seed=5,
    )
    return [_read(root, f"sub-{number:03}") for number in (1, 2)]


def _read(root: Path, name: str) -> Scans:
    truth = root / "derivatives" / "truth" / name
    transform = truth / "pet" / f"{name}_trc-18FFDG_from-pet_to-T1w_xfm.json"
    return Scans(
        read_volume(root / name / "anat" / f"{name}_T1w.nii.gz"),
        read_volume(root / name / "pet" / f"{name}_trc-18FFDG_pet.nii.gz"),
        read_volume(truth / "anat" / f"{name}_desc-brain_mask.nii.gz"),
        np.array(json.loads(transform.read_text())["matrix"]),
        root,
        name,
    )


@pytest.fixture(scope="session")
def target_error_mm():
    """Return a function: mean distance (mm) of brain voxels sent to the PET and truly back."""

    def measure(t1_to_pet: np.ndarray, scans: Scans) -> float:
        points = apply_affine(scans.mask.affine, np.argwhere(scans.mask.data > 0))
        there_and_back = apply_affine(scans.pet_to_t1 @ t1_to_pet, points)
        return float(np.linalg.norm(there_and_back - points, axis=1).mean())

    return measure
