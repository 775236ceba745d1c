"""Maps of structural similarity, in part of the axes and at several scales."""

import numpy as np
import pytest
from skimage.metrics import structural_similarity

from petsynth.metrics import similarity
from petsynth.metrics.similarity import halve, mean_index, similarity_maps, similarity_pyramid


def pair(shape):
    rng = np.random.default_rng(0)
    pet = rng.random(shape) * 200
    return pet, pet + rng.normal(0, 30, shape)


def test_the_map_is_that_of_scikit_image():
    pet, synthetic_pet = pair((20, 31))
    _, expected = structural_similarity(
        pet,
        synthetic_pet,
        data_range=255,
        gaussian_weights=True,
        use_sample_covariance=False,
        full=True,
    )
    index, _ = similarity_maps(pet, synthetic_pet, 255)
    np.testing.assert_allclose(index, expected, atol=1e-6)


def test_axes_make_an_array_of_images():
    pet, synthetic_pet = pair((3, 14, 15))
    together = similarity_maps(pet, synthetic_pet, 255, axes=(1, 2))
    for number in range(3):
        alone = similarity_maps(pet[number], synthetic_pet[number], 255)
        for part, expected in zip(together, alone, strict=True):
            np.testing.assert_allclose(part[number], expected, rtol=1e-6)  # float32


@pytest.mark.parametrize("shape", [(75, 40), (40, 75), (37, 11, 50), (12, 74, 38)])
def test_blocks_and_slabs_leave_no_seam(shape, monkeypatch):
    pet, synthetic_pet = pair(shape)
    whole = similarity_maps(pet, synthetic_pet, 255)[0]
    monkeypatch.setattr(similarity, "_SLAB_VALUES", 3 * pet[0].size)
    monkeypatch.setattr(similarity, "_BLOCK_ROWS", 7)
    np.testing.assert_allclose(similarity_maps(pet, synthetic_pet, 255)[0], whole, atol=1e-6)


@pytest.mark.parametrize("axes", [None, (1, 2)])
def test_valid_is_the_part_whose_windows_lie_inside(axes):
    pet, synthetic_pet = pair((13, 20, 31))
    inside = (slice(5, -5) if axes is None else slice(None), slice(5, -5), slice(5, -5))
    full = similarity_maps(pet, synthetic_pet, 255, axes)
    valid = similarity_maps(pet, synthetic_pet, 255, axes, valid=True)
    for part, expected in zip(valid, full, strict=True):
        np.testing.assert_allclose(part, expected[inside], atol=1e-6)


@pytest.mark.parametrize("shape", [(40, 61), (37, 30, 31)])
def test_the_mean_is_that_of_the_valid_part_of_the_map(shape, monkeypatch):
    """Slab by slab, with layers that later slabs use again."""
    monkeypatch.setattr(similarity, "_SLAB_VALUES", 4 * shape[1] ** (len(shape) - 1))
    pet, synthetic_pet = pair(shape)
    index, contrast_structure = similarity_maps(pet, synthetic_pet, 255, valid=True)
    found = mean_index(pet, synthetic_pet, 255)
    assert found == pytest.approx(index.mean(dtype=float), abs=1e-6)
    found = mean_index(pet, synthetic_pet, 255, luminance=False)
    assert found == pytest.approx(contrast_structure.mean(dtype=float), abs=1e-6)


def test_a_constant_offset_changes_luminance_alone():
    pet = np.random.default_rng(0).random((20, 21, 22)).astype(np.float32) * 2
    _, contrast_structure = similarity_maps(pet, pet + np.float32(0.5), 2.5)
    np.testing.assert_allclose(contrast_structure, 1, atol=1e-6)


def test_values_far_beyond_the_data_range_are_computed_in_float64():
    pet, synthetic_pet = pair((20, 31))
    assert similarity_maps(pet, synthetic_pet, 255)[0].dtype == np.float32
    found = similarity_maps(pet, synthetic_pet, 2.5)[0]
    _, expected = structural_similarity(
        pet, synthetic_pet, data_range=2.5, gaussian_weights=True, use_sample_covariance=False,
        full=True,
    )  # fmt: skip
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_constants_differ_in_luminance_alone():
    pet, synthetic_pet = np.full((12, 12), 50.0), np.full((12, 12), 100.0)
    index, contrast_structure = similarity_maps(pet, synthetic_pet, 100)
    assert index == pytest.approx(10001 / 12501)
    assert contrast_structure == pytest.approx(1)


def test_an_axis_shorter_than_the_window_is_refused():
    with pytest.raises(ValueError, match=r"\(20, 10\) is smaller than the similarity window of 11"):
        similarity_maps(np.zeros((20, 10)), np.zeros((20, 10)), 1)


def test_the_pyramid_halves_both_images():
    pet, synthetic_pet = pair((48, 50))
    pyramid = similarity_pyramid(pet, synthetic_pet, 255, scales=3)
    assert [index.shape for index, _ in pyramid] == [(48, 50), (24, 25), (12, 13)]
    expected, _ = similarity_maps(halve(pet), halve(synthetic_pet), 255)
    np.testing.assert_array_equal(pyramid[1][0], expected)


def test_an_odd_last_pixel_is_repeated():
    image = np.array([[1.0, 3.0, 5.0], [1.0, 3.0, 5.0], [3.0, 5.0, 7.0]])
    assert halve(image).tolist() == [[2.0, 5.0], [4.0, 7.0]]


@pytest.mark.parametrize("luminance", [True, False])
@pytest.mark.parametrize("shape", [(70, 40, 44), (60, 50)])
def test_what_is_equal_in_both_images_need_not_be_computed(shape, luminance):
    """Most of the image is a background that both share; the objects differ near a corner."""
    random = np.random.default_rng(2)
    first = np.full(shape, 0.25, np.float32)
    corner = tuple(slice(6, 24) for _ in shape)
    first[corner] = random.random(first[corner].shape)
    second = first.copy()
    second[corner] += 0.2 * random.random(first[corner].shape).astype(np.float32)
    maps = similarity_maps(first, second, 1.0, valid=True)
    # float32 leaves about 1e-5 of rounding where the map has no structure at all.
    mean = float(maps[0 if luminance else 1].mean(dtype=np.float64))
    found = mean_index(first, second, 1.0, luminance=luminance)
    assert found == pytest.approx(mean, abs=1e-5)
    if luminance:
        images = first.astype(np.float64), second.astype(np.float64)
        options = {"gaussian_weights": True, "use_sample_covariance": False, "data_range": 1.0}
        assert found == pytest.approx(structural_similarity(*images, **options), abs=1e-6)
    assert mean_index(first, first, 1.0, luminance=luminance) == 1
    boxes = similarity._boxes_of_difference(first, second)
    assert sum(map(similarity._inside, boxes)) < 0.9 * maps[0].size
