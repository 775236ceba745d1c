"""What is no T1 of a brain is told from what is one."""

import numpy as np
import pytest
from scipy import ndimage

from petsynth.inference.input_check import OUT_OF_DISTRIBUTION_BELOW, check_input
from petsynth.preprocessing.grids import model_grid
from petsynth.preprocessing.resampling import resample
from petsynth.preprocessing.t1.alignment import PreparedT1
from petsynth.simulation.embedded import make_embedded_anatomy
from petsynth.volume import Volume

GRID = model_grid(3.0)


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
