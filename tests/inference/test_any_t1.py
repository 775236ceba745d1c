"""Any T1, for real: brain found by a mask, aligned by registration, PET back on its voxels."""

import dataclasses

import nibabel as nib
import numpy as np
import pytest
import torch
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform
from scipy.spatial.transform import Rotation

from petsynth.inference.run import load_run
from petsynth.inference.scan import predict_scan
from petsynth.preprocessing.registration.rigid import rotation_about
from petsynth.simulation.embedded import make_embedded_anatomy


class Identity(torch.nn.Module):
    def forward(self, mri_BCHW, keys_B):
        return mri_BCHW


@pytest.fixture(scope="module")
def anatomy():
    return make_embedded_anatomy(np.random.default_rng(3), 3.0, 0.0)


@pytest.mark.parametrize(
    ("axis_codes", "rotation_deg", "shift_mm", "thinned"),
    [
        ("RAS", (0, 0, 0), (0, 0, 0), 1),
        ("PSR", (12, -7, 10), (25, -30, 40), 1),
        ("LPI", (-8, 5, 0), (0, 60, -15), 2),  # slices twice as thick
    ],
)
def test_synthetic_pet_overlays_on_any_t1(
    tmp_path, tiny_run, anatomy, axis_codes, rotation_deg, shift_mm, thinned
):
    """With a model that returns its input, the synthetic PET must look like the T1 itself."""
    mri = anatomy.mri
    rotation = Rotation.from_euler("xyz", rotation_deg, degrees=True).as_matrix()
    moved = rotation_about(mri.grid.centre_mm, rotation, np.array(shift_mm)) @ mri.affine
    moved[:3, 2] *= thinned
    for name, data in (("t1", mri.data), ("mask", anatomy.mask.astype(np.uint8))):
        image = nib.Nifti1Image(data[..., ::thinned], moved)
        change = ornt_transform(io_orientation(image.affine), axcodes2ornt(axis_codes))
        nib.save(image.as_reoriented(change), tmp_path / f"{name}.nii.gz")
    run = dataclasses.replace(load_run(tiny_run), generator=Identity())
    scan = predict_scan(run, tmp_path / "t1.nii.gz", mask=tmp_path / "mask.nii.gz")
    pet = scan.on_t1_grid(scan.prediction.mean)
    t1 = nib.load(tmp_path / "t1.nii.gz")
    assert pet.shape == t1.shape
    assert scan.prepared.mask_source == "given"
    inside = np.asarray(nib.load(tmp_path / "mask.nii.gz").dataobj) > 0
    # The tiny grid's voxels are 9 mm: a mean over as much is what can be compared.
    assert np.corrcoef(pet[inside], smooth(t1)[inside])[0, 1] > 0.9


def smooth(image):
    from nibabel.processing import smooth_image

    return smooth_image(image, fwhm=10).get_fdata()
