"""What registration compares: local normalisation, masks and the template."""

import numpy as np
import pytest
from nilearn.datasets import load_mni152_template
from scipy.ndimage import gaussian_filter
from skimage.filters import threshold_otsu

from petsynth.preprocessing.registration.inputs import (
    centre_of_mass,
    dilate,
    normalise_locally,
    otsu_threshold,
    template_brain,
)
from petsynth.preprocessing.resampling import resample
from petsynth.volume import Volume


def test_the_template_is_nilearns(cohort):
    loaded = load_mni152_template(resolution=2)
    theirs = Volume(np.asarray(loaded.dataobj, dtype=np.float32), loaded.affine)
    ours, _ = template_brain()
    inside = ours.data > 0
    theirs_here = resample(theirs, ours.grid).data
    assert ((theirs_here > 0.05) == inside).mean() > 0.97
    assert np.corrcoef(theirs_here[inside], ours.data[inside])[0, 1] > 0.85


def test_local_normalisation_removes_a_drift_and_leaves_air_at_zero(cohort):
    """A brightness that doubles from left to right is gone; the mean inside is 1."""
    t1, inside = cohort[0].t1, cohort[0].mask.data > 0
    drift = np.linspace(-0.35, 0.35, t1.data.shape[0], dtype=np.float32)
    even = normalise_locally(t1, cohort[0].mask)
    uneven = even.with_data(even.data * np.exp(drift)[:, np.newaxis, np.newaxis])
    again = normalise_locally(uneven, cohort[0].mask).data
    left, right = inside.copy(), inside.copy()
    left[t1.data.shape[0] // 2 :] = False
    right[: t1.data.shape[0] // 2] = False
    assert again[right].mean() / again[left].mean() == pytest.approx(1, abs=0.05)
    assert not again[~inside].any()
    np.testing.assert_allclose(again[inside].mean(), 1, atol=0.1)


def test_dilation_is_in_millimetres():
    mask = Volume(np.zeros((9, 9, 9), dtype=bool), np.diag([2.0, 4.0, 2.0, 1.0]))
    mask.data[4, 4, 4] = True
    wide = dilate(mask, 4.0).data
    assert np.flatnonzero(wide[:, 4, 4]).tolist() == [2, 3, 4, 5, 6]
    assert np.flatnonzero(wide[4, :, 4]).tolist() == [3, 4, 5]


def test_otsu_splits_two_classes():
    values = np.concatenate([np.full(900, 2.0), np.full(100, 8.0)])
    assert 2 < otsu_threshold(values) < 8


def test_otsu_is_scikit_images_at_the_upper_edge_of_the_bin(cohort):
    values = cohort[0].t1.data
    counts, edges = np.histogram(np.clip(values, None, np.percentile(values, 99.9)), bins=256)
    assert otsu_threshold(values) == pytest.approx(threshold_otsu(hist=(counts, edges[1:])))


def test_centre_of_mass_is_in_millimetres():
    data = np.zeros((5, 5, 5))
    data[1, 2, 3] = data[3, 2, 3] = 1
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = [10, 0, 0]
    assert centre_of_mass(Volume(data, affine)).tolist() == [14, 4, 6]


def test_local_means_are_those_of_gaussian_filters_over_the_whole_image():
    """Near the edge too, where the image is reflected."""
    random = np.random.default_rng(1)
    image = random.random((30, 26, 22)).astype(np.float32)
    inside = np.zeros(image.shape, np.float32)
    inside[2:20, 5:25, 4:21] = random.random((18, 20, 17)) > 0.2
    whole = [gaussian_filter(each, 5.0, truncate=3) for each in (inside, image * inside)]
    expected = np.where(inside > 0, image * whole[0] / whole[1], 0)
    affine = np.diag([3.0, 3.0, 3.0, 1.0])
    found = normalise_locally(Volume(image, affine), Volume(inside, affine))
    assert found.data == pytest.approx(expected, abs=1e-6)
    empty = normalise_locally(Volume(image, affine), Volume(0 * inside, affine))
    assert not empty.data.any()
