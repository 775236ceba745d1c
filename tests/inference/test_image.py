"""petsynth.predict: a T1 in, a synthetic PET in memory out."""

import nibabel as nib
import numpy as np
import pytest

import petsynth
from petsynth.errors import RunError
from petsynth.inference import scan as scan_module
from petsynth.inference.input_check import InputCheck
from petsynth.preprocessing.resampling import resample
from petsynth.preprocessing.t1.alignment import PreparedT1


@pytest.fixture
def t1(tmp_path, monkeypatch):
    def prepare(t1, grid, mask=None, **steps):
        mri = np.clip(resample(t1, grid, fill=-1.0).data, -1, 1)
        return PreparedT1(mri, mri > 0, np.eye(4), "given", 1.0)

    monkeypatch.setattr(scan_module, "prepare_t1", prepare)
    monkeypatch.setattr(scan_module, "check_input", lambda *_: InputCheck(0.7))
    affine = np.array([[0, 0, -8.0, 90], [-9.0, 0, 0, 80], [0, 7.0, 0, -60], [0, 0, 0, 1]])
    data = np.random.default_rng(0).random((24, 26, 22), dtype=np.float32)
    nib.save(nib.Nifti1Image(data, affine), tmp_path / "T1.nii.gz")
    return tmp_path / "T1.nii.gz"


def test_the_image_lies_on_the_t1_and_says_that_it_is_synthetic(t1):
    pet = petsynth.predict(t1)

    assert pet.shape == (24, 26, 22)
    np.testing.assert_array_equal(pet.affine, nib.load(t1).affine)
    assert pet.get_data_dtype() == np.float32
    assert b"SYNTHETIC PET, not for diagnosis; petsynth-fdg" in pet.header["descrip"].item()
    assert pet.get_fdata().min() >= 0


def test_another_model_can_be_named(t1, tiny_run):
    assert b"pix2pix-axial" in petsynth.predict(t1, model=tiny_run).header["descrip"].item()
    with pytest.raises(RunError, match="pretrained: petsynth-fdg"):
        petsynth.predict(t1, model="no-such-model")
