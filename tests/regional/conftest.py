"""A label phantom: blocks with FreeSurfer's numbers, and a PET of known values in them."""

import json
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

EDGE_MM = 4.0
BLOCK, GAP = 5, 4
VALUES = {
    8: 2.0, 47: 2.0, 7: 2.0, 46: 2.0,  # cerebellum
    1028: 3.0, 2028: 2.0, 1025: 4.0, 2025: 4.0, 1031: 2.5, 2031: 2.5,
    10: 3.5, 49: 3.5, 17: 1.5, 53: 1.0,
}  # fmt: skip
"""Label -> what the PET has there, in SUV; SUVR by the whole cerebellum is half of it."""


@dataclass
class Phantom:
    """Files of one phantom in a folder of its own."""

    folder: Path
    labels: np.ndarray
    pet: np.ndarray
    affine: np.ndarray

    def write(
        self, *, name: str = "sub-01_trc-18FFDG_pet", units: str = "g/mL", pet=None, affine=None
    ) -> tuple[Path, Path]:
        """Write PET, sidecar and labels, and return their paths."""
        data = self.pet if pet is None else pet
        pet_path = self.folder / f"{name}.nii.gz"
        place = self.affine if affine is None else affine
        nib.save(nib.Nifti1Image(data.astype(np.float32), place), pet_path)
        (self.folder / f"{name}.json").write_text(json.dumps({"Units": units}))
        labels_path = self.folder / "sub-01_dseg.nii.gz"
        nib.save(nib.Nifti1Image(self.labels.astype(np.int16), self.affine), labels_path)
        return pet_path, labels_path

    def place(self, label: int) -> tuple[slice, slice, slice]:
        """Return the box of a label's voxels."""
        index = np.argwhere(self.labels == label)
        return tuple(slice(a, b + 1) for a, b in zip(index.min(0), index.max(0), strict=True))


@pytest.fixture
def phantom(tmp_path) -> Phantom:
    """Return blocks of 5 x 5 x 5 voxels of 4 mm (8 mL); the PET is constant around each."""
    step = BLOCK + GAP
    labels = np.zeros((4 * step, 4 * step, step + GAP), np.int32)
    pet = np.full(labels.shape, 0.5)
    for number, (label, value) in enumerate(VALUES.items()):
        x, y = (GAP // 2 + step * place for place in divmod(number, 4))
        box = tuple(slice(start, start + BLOCK) for start in (x, y, GAP))
        around = tuple(slice(each.start - 2, each.stop + 2) for each in box)
        labels[box] = label
        pet[around] = value
    affine = np.diag([EDGE_MM, EDGE_MM, EDGE_MM, 1.0])
    affine[:3, 3] = -70, -70, -30
    return Phantom(tmp_path, labels, pet, affine)
