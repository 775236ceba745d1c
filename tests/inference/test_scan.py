"""What is no T1 of a brain is told from what is one."""

from __future__ import annotations

import dataclasses
import itertools

import nibabel as nib
import numpy as np
import pytest
import torch
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform
from scipy import ndimage

import petsynth
from petsynth.errors import ArgumentError, InputError, PetsynthWarning, RunError
from petsynth.inference import scan as scan_module
from petsynth.inference.run import load_run
from petsynth.inference.scan import OUT_OF_DISTRIBUTION_BELOW, InputCheck, check_input, predict_scan
from petsynth.io.nifti import read_volume
from petsynth.preprocessing.grids import model_grid
from petsynth.preprocessing.resampling import resample
from petsynth.preprocessing.t1.alignment import PreparedT1
from petsynth.preprocessing.t1.reading import read_t1
from petsynth.simulation.embedded import make_embedded_anatomy
from petsynth.volume import Volume

GRID = model_grid(3.0)


def read_untouched(path, coarsest_mm):
    """Read a T1 without raising its air, which is -1 here, to 0."""
    return read_volume(path)


@pytest.fixture(scope="module")
def brain():
    """An aligned simulated T1 and its brain mask on the models' grid, in [-1, 1]."""
    anatomy = make_embedded_anatomy(np.random.default_rng(2), 3.0, 0.3)
    mask = resample(Volume(anatomy.mask.astype(np.float32), anatomy.grid.affine), GRID).data > 0.5
    mri = resample(anatomy.mri, GRID).data
    top = np.percentile(mri[mask], 99.9)
    return np.clip(2 * mri / top - 1, -1, 1).astype(np.float32), mask


def check(mri, mask):
    return check_input(PreparedT1(mri, mask, np.eye(4), "given", 0.0), GRID)


def test_t1s_of_a_brain_are_similar(brain):
    mri, mask = brain
    random = np.random.default_rng(0)
    noisy = mri + 0.15 * random.standard_normal(mri.shape).astype(np.float32)
    thick = ndimage.uniform_filter1d(mri, 2, axis=2)
    shaded = (mri + 1) * np.linspace(0.6, 1.4, mri.shape[1], dtype=np.float32)[:, None] - 1

    for image in (mri, noisy, thick, shaded):
        assert not check(image, mask).is_out_of_distribution


def sphere(shape):
    index = np.indices(shape, dtype=np.float32)
    centre = np.array(shape).reshape(3, 1, 1, 1) / 2
    return np.sqrt(((index - centre) ** 2).sum(axis=0)) < 22


@pytest.mark.parametrize("kind", ["T2", "upside down", "noise", "sphere", "body"])
def test_what_is_no_t1_of_a_brain_is_out_of_distribution(brain, kind):
    mri, mask = brain
    random = np.random.default_rng(1)
    noise = random.uniform(-1, 1, mri.shape).astype(np.float32)
    if kind == "T2":
        image, inside = np.where(mask, -mri, mri), mask
    elif kind == "upside down":
        image, inside = mri[:, :, ::-1].copy(), mask[:, :, ::-1].copy()
    elif kind == "noise":
        image, inside = noise, sphere(mri.shape)
    elif kind == "sphere":
        inside = sphere(mri.shape)
        image = np.where(inside, np.float32(0.8), np.float32(-1))
    else:  # large blobs, as organs are
        image = ndimage.gaussian_filter(noise, 5)
        image, inside = image / np.abs(image).max(), sphere(mri.shape)

    found = check(image, inside)

    assert found.is_out_of_distribution
    assert found.similarity < OUT_OF_DISTRIBUTION_BELOW
    assert "is unlike the T1s" in found.describe()


def test_too_little_brain_is_not_similar(brain):
    mri, mask = brain
    little = np.zeros_like(mask)
    little[30:36, 30:36, 30:36] = True

    assert check(mri, little).similarity == 0
    assert check(mri, np.zeros_like(mask)).similarity == 0


AXIS_ORDERS = [
    "".join(letters)
    for order in itertools.permutations(["LR", "PA", "IS"])
    for letters in itertools.product(*order)
]

ROTATION = np.array(  # 10 degrees about z, and a shift: the head lies askew
    [
        [np.cos(np.pi / 18), -np.sin(np.pi / 18), 0, 4.0],
        [np.sin(np.pi / 18), np.cos(np.pi / 18), 0, -3.0],
        [0, 0, 1, 5.0],
        [0, 0, 0, 1],
    ]
)


class Identity(torch.nn.Module):
    def forward(self, mri_BCHW, keys_B):
        return mri_BCHW


@pytest.fixture
def run(tiny_run):
    """Return a run whose synthetic PET is the T1 as it was prepared, plus 1."""
    return dataclasses.replace(load_run(tiny_run), generator=Identity())


@pytest.fixture(autouse=True)
def known_alignment(monkeypatch):
    """Align by a known matrix instead of by registration; T1 intensities are in [-1, 1]."""

    def prepare(t1, grid, mask=None, **steps):
        mri = resample(t1, grid, ROTATION, fill=-1.0).data
        return PreparedT1(mri, mri > 0, ROTATION, "given", 1.0)

    monkeypatch.setattr(scan_module, "prepare_t1", prepare)
    monkeypatch.setattr(scan_module, "read_t1", read_untouched)
    monkeypatch.setattr(scan_module, "check_input", lambda *_: InputCheck(0.7))


def smooth_head(points_mm: np.ndarray) -> np.ndarray:
    """Return a smooth lopsided blob, in [-1, 1], at world points (..., 3) in mm."""
    front = ((points_mm - (25, 30, 20)) / (30, 45, 35)) ** 2
    back = ((points_mm - (-20, -35, 10)) / (40, 25, 45)) ** 2
    value = np.exp(-front.sum(axis=-1)) + 0.6 * np.exp(-back.sum(axis=-1))
    return (2 * np.clip(value, 0, 1) - 1).astype(np.float32)


def save_head(path, affine, shape):
    voxels = np.stack(np.indices(shape), axis=-1)
    data = smooth_head(voxels @ affine[:3, :3].T + affine[:3, 3])
    image = nib.Nifti1Image(data, affine)
    nib.save(image, path)
    return image


AFFINE = np.array([[6.0, 0, 0, -75], [0, 5.0, 0, -100], [0, 0, 8.0, -60], [0, 0, 0, 1]])
SHAPE = (26, 42, 22)


@pytest.mark.parametrize("axis_codes", AXIS_ORDERS)
def test_48_axis_orders_overlay(tmp_path, run, axis_codes):
    image = save_head(tmp_path / "ras.nii.gz", AFFINE, SHAPE)
    change = ornt_transform(io_orientation(image.affine), axcodes2ornt(axis_codes))
    turned = image.as_reoriented(change)
    nib.save(turned, tmp_path / "t1.nii.gz")
    scan = predict_scan(run, tmp_path / "t1.nii.gz")
    pet = scan.on_t1_grid(scan.prediction.mean)
    assert pet.shape == turned.shape
    truth = np.asarray(turned.dataobj) + 1
    inside = truth > 0.3
    # The 9 mm grid blurs; a flip or permutation would be off by more than 1.
    assert np.abs(pet - truth)[inside].max() < 0.25
    assert np.corrcoef(pet[inside], truth[inside])[0, 1] > 0.99


@pytest.mark.parametrize("axis_codes", ["RAS", "PIR"])
def test_axis_order_does_not_change_the_values(tmp_path, run, axis_codes):
    image = save_head(tmp_path / "ras.nii.gz", AFFINE, SHAPE)
    change = ornt_transform(io_orientation(image.affine), axcodes2ornt(axis_codes))
    nib.save(image.as_reoriented(change), tmp_path / "t1.nii.gz")
    plain = predict_scan(run, tmp_path / "ras.nii.gz")
    turned = predict_scan(run, tmp_path / "t1.nii.gz")
    np.testing.assert_allclose(turned.prediction.mean, plain.prediction.mean, atol=1e-5)
    straight = nib.Nifti1Image(plain.on_t1_grid(plain.prediction.mean), image.affine)
    np.testing.assert_allclose(
        turned.on_t1_grid(turned.prediction.mean),
        np.asarray(straight.as_reoriented(change).dataobj),
        atol=1e-5,
    )


def test_oblique_t1(tmp_path, run):
    oblique = ROTATION @ AFFINE
    image = save_head(tmp_path / "t1.nii.gz", oblique, SHAPE)
    scan = predict_scan(run, tmp_path / "t1.nii.gz")
    truth = np.asarray(image.dataobj) + 1
    pet = scan.on_t1_grid(scan.prediction.mean)
    assert np.corrcoef(pet[truth > 0.3], truth[truth > 0.3])[0, 1] > 0.99
    straight = scan.prediction.mean  # as if the alignment were forgotten
    wrong = dataclasses.replace(scan.prepared, grid_to_t1=np.eye(4))
    forgotten = dataclasses.replace(scan, prepared=wrong).on_t1_grid(straight)
    assert np.corrcoef(forgotten[truth > 0.3], truth[truth > 0.3])[0, 1] < 0.98


def test_outside_the_field_of_view_is_zero(tmp_path, run):
    wide = AFFINE.copy()
    wide[:3, 3] = (-300, -100, -60)  # begins 200 mm left of the model's box
    save_head(tmp_path / "t1.nii.gz", wide, (80, 42, 22))
    scan = predict_scan(run, tmp_path / "t1.nii.gz")
    pet = scan.on_t1_grid(np.full(run.grid.shape, 1.5, np.float32))
    assert np.all(pet[:25] == 0)
    assert pet.max() == pytest.approx(1.5)


def test_the_mask_is_handed_on(tmp_path, run, monkeypatch):
    save_head(tmp_path / "t1.nii.gz", AFFINE, SHAPE)
    nib.save(nib.Nifti1Image(np.ones(SHAPE, np.uint8), AFFINE), tmp_path / "mask.nii.gz")
    seen = []
    known = scan_module.prepare_t1

    def prepare(t1, grid, mask=None, **steps):
        seen.append((mask, steps))
        return known(t1, grid, mask)

    monkeypatch.setattr(scan_module, "prepare_t1", prepare)
    monkeypatch.setattr(scan_module, "read_t1", read_untouched)
    predict_scan(run, tmp_path / "t1.nii.gz", mask=tmp_path / "mask.nii.gz")
    predict_scan(run, tmp_path / "t1.nii.gz")
    assert seen[0][0].data.sum() == np.prod(SHAPE)
    assert seen[1] == (None, {"method": "auto", "bias_field": False})


def test_a_new_t1_is_prepared_as_those_of_training_were(tmp_path, run, monkeypatch):
    save_head(tmp_path / "t1.nii.gz", AFFINE, SHAPE)
    seen = []
    known = scan_module.prepare_t1

    def prepare(t1, grid, mask=None, **steps):
        seen.append(steps)
        return known(t1, grid, mask)

    monkeypatch.setattr(scan_module, "prepare_t1", prepare)
    monkeypatch.setattr(scan_module, "read_t1", read_untouched)
    steps = {"voxel_mm": 9.0, "frames": "mean", "brain_mask": "deepbet", "bias_field": True}
    metadata = run.metadata | {"preprocessing": steps}
    predict_scan(dataclasses.replace(run, metadata=metadata), tmp_path / "t1.nii.gz")
    assert seen == [{"method": "deepbet", "bias_field": True}]


@pytest.fixture
def t1(tmp_path, monkeypatch):
    def prepare(t1, grid, mask=None, **steps):
        mri = np.clip(resample(t1, grid, fill=-1.0).data, -1, 1)
        return PreparedT1(mri, mri > 0, np.eye(4), "given", 1.0)

    monkeypatch.setattr(scan_module, "prepare_t1", prepare)
    monkeypatch.setattr(scan_module, "read_t1", read_t1)
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


def test_a_path_an_image_and_an_array_give_the_same(t1, tiny_run):
    image = nib.load(t1)
    expected = petsynth.predict(t1, model=tiny_run)
    for same in (image, (image.get_fdata(dtype=np.float32), image.affine)):
        pet = petsynth.predict(same, model=tiny_run)
        np.testing.assert_array_equal(pet.get_fdata(), expected.get_fdata())
        np.testing.assert_array_equal(pet.affine, image.affine)
    with pytest.raises(InputError, match=r"T1: is no file, no nibabel image and no \(array"):
        petsynth.predict(image.get_fdata(), model=tiny_run)


def test_one_volume_of_several_is_named(t1, tiny_run, tmp_path):
    image = nib.load(t1)
    both = np.stack([np.zeros(image.shape, np.float32), image.get_fdata(dtype=np.float32)], axis=-1)
    nib.save(nib.Nifti1Image(both, image.affine), tmp_path / "both.nii.gz")
    pet = petsynth.predict(tmp_path / "both.nii.gz", model=tiny_run, volume=1)
    np.testing.assert_array_equal(pet.get_fdata(), petsynth.predict(t1, model=tiny_run).get_fdata())


def test_a_batch_goes_on_after_one_that_cannot_be_used(t1, tiny_run, tmp_path, capsys):
    t1s = [t1, tmp_path / "no.nii", nib.load(t1)]
    with pytest.warns(PetsynthWarning, match=r"T1 2 of 3: .*no\.nii: no such file"):
        first, none, last = petsynth.predict_batch(t1s, model=tiny_run)
    assert none is None
    np.testing.assert_array_equal(first.get_fdata(), last.get_fdata())
    assert capsys.readouterr().err == ""
    petsynth.predict_batch([t1], model=tiny_run, progress=True)
    assert "predicting: 1/1" in capsys.readouterr().err
    with pytest.raises(ArgumentError, match="masks: 1 for 2 T1s"):
        petsynth.predict_batch([t1, t1], masks=[t1], model=tiny_run)


def test_a_t1_much_finer_than_the_model_is_averaged_before_anything_else(t1, monkeypatch):
    seen = []

    def prepare(t1, grid, mask=None, **steps):
        seen.append(t1.grid.voxel_mm)
        mri = np.clip(resample(t1, grid, fill=-1.0).data, -1, 1)
        return PreparedT1(mri, mri > 0, np.eye(4), "given", 1.0)

    monkeypatch.setattr(scan_module, "prepare_t1", prepare)
    data = np.random.default_rng(0).random((30, 32, 12), dtype=np.float32)
    nib.save(nib.Nifti1Image(data, np.diag([0.3, 0.6, 3.0, 1])), t1)
    pet = petsynth.predict(t1)
    assert seen == [pytest.approx((0.9, 0.6, 3.0))]
    assert pet.shape == data.shape  # written where the T1 is, as fine as it is
