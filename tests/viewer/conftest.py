"""A folder of scans, and a client of the viewer's application."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

AFFINE = np.array([[-2.0, 0, 0, 10], [0, 2, 0, -12], [0, 0, 2, -8], [0, 0, 0, 1]])
"""The first axis runs to the left, as in files of dcm2niix."""


def write_scan(path: Path, values, *, affine=AFFINE, **sidecar) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(np.asarray(values, dtype=np.float32), affine), path)
    if sidecar:
        name = path.name.removesuffix(".nii.gz")
        path.with_name(f"{name}.json").write_text(json.dumps(sidecar))
    return path


@pytest.fixture(scope="session")
def scans(tmp_path_factory) -> Path:
    """Return a folder of two subjects: T1, PET, synthetic PET and standard deviation."""
    folder = tmp_path_factory.mktemp("scans")
    for number in (1, 2):
        values = np.random.default_rng(number).uniform(0.5, 2, (10, 12, 8))
        name = f"sub-0{number}"
        write_scan(folder / name / "anat" / f"{name}_T1w.nii.gz", values * 100)
        pet = folder / name / "pet" / f"{name}_trc-18FFDG_pet.nii.gz"
        write_scan(pet, values, Units="SUVR")
        synthetic = pet.with_name(f"{name}_trc-18FFDG_space-T1w_desc-synth_pet.nii.gz")
        write_scan(synthetic, values + 0.25, Synthetic=True)
        write_scan(
            synthetic.with_name(synthetic.name.replace("desc-synth", "desc-synthstd")), values / 10
        )
        write_scan(synthetic.with_name(f"{name}_space-aligned_desc-synth_pet.nii.gz"), values)
        write_scan(folder / name / "anat" / f"{name}_desc-brain_mask.nii.gz", values > 0)
    return folder
