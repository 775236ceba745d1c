"""Metrics against hand-computed tables and against scikit-image."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.measure import block_reduce
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from petsynth.metrics import image

PET = np.array([[0.0, 1.0], [2.0, 3.0]])
SYNTHETIC = np.array([[0.0, 1.0], [4.0, 0.0]])
MASK = np.array([[True, True], [True, False]])

# By hand: differences 0, 0, -2, 3; in the mask 0, 0, -2.
TABLE = [
    (image.mse, {}, None, 13 / 4),
    (image.mse, {}, MASK, 4 / 3),
    (image.mae, {}, None, 5 / 4),
    (image.mae, {}, MASK, 2 / 3),
    (image.rmse, {}, None, 1.802775637731995),
    (image.rmse, {}, MASK, 1.1547005383792515),
    (image.nrmse, {"data_range": 10}, None, 0.1802775637731995),
    (image.nrmse, {"data_range": 10}, MASK, 0.11547005383792515),
    (image.psnr, {"data_range": 10}, None, 10 * np.log10(100 / 3.25)),
    (image.psnr, {"data_range": 10}, MASK, 10 * np.log10(75)),
    # Deviations (-1.5, -.5, .5, 1.5) and (-1.25, -.25, 2.75, -1.25): 1.5 / sqrt(5 * 10.75).
    (image.pearson_r, {}, None, 1.5 / np.sqrt(53.75)),
    # In the mask (0, 1, 2) and (0, 1, 4): 4 / sqrt(2 * 26/3).
    (image.pearson_r, {}, MASK, 4 / np.sqrt(52 / 3)),
]


@pytest.mark.parametrize(("metric", "arguments", "mask", "expected"), TABLE)
def test_hand_computed(metric, arguments, mask, expected):
    assert metric(PET, SYNTHETIC, mask=mask, **arguments) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("metric", "arguments", "expected"),
    [
        (image.mse, {}, 0),
        (image.mae, {}, 0),
        (image.rmse, {}, 0),
        (image.nrmse, {"data_range": 2}, 0),
        (image.psnr, {"data_range": 2}, np.inf),
        (image.ssim, {"data_range": 2}, 1),
        (image.ms_ssim, {"data_range": 2}, 1),
        (image.pearson_r, {}, 1),
    ],
)
@pytest.mark.parametrize("shape", [(30, 41), (23, 24, 25)])
def test_equal_images(metric, arguments, expected, shape):
    pet = np.random.default_rng(0).random(shape)
    assert metric(pet, pet.copy(), **arguments) == pytest.approx(expected)


def test_correlation_with_a_constant_is_undefined():
    assert np.isnan(image.pearson_r(PET, np.ones_like(PET)))


def pair(shape, seed=0):
    rng = np.random.default_rng(seed)
    pet = rng.random(shape) * 200
    return pet, pet + rng.normal(0, 30, shape)


@pytest.mark.parametrize("shape", [(121, 145), (11, 40), (33, 34, 35), (12, 11, 13)])
@pytest.mark.parametrize("data_range", [255.0, 2.5])
def test_ssim_is_that_of_scikit_image(shape, data_range):
    pet, synthetic_pet = pair(shape)
    expected = structural_similarity(
        pet,
        synthetic_pet,
        data_range=data_range,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert image.ssim(pet, synthetic_pet, data_range) == pytest.approx(expected, abs=1e-6)


def test_ssim_in_a_mask_is_the_mean_of_scikit_images_map():
    pet, synthetic_pet = pair((30, 31, 32))
    mask = np.zeros(pet.shape, dtype=bool)
    mask[:9, 4:20, 10:] = True
    _, full = structural_similarity(
        pet,
        synthetic_pet,
        data_range=255,
        gaussian_weights=True,
        use_sample_covariance=False,
        full=True,
    )
    result = image.ssim(pet, synthetic_pet, 255, mask)
    assert result == pytest.approx(full[mask].mean(), abs=1e-6)


def test_psnr_is_that_of_scikit_image():
    pet, synthetic_pet = pair((20, 21, 22))
    expected = peak_signal_noise_ratio(pet, synthetic_pet, data_range=255)
    assert image.psnr(pet, synthetic_pet, 255) == pytest.approx(expected, abs=1e-9)


def test_ssim_of_constants_is_the_luminance_term():
    # Without variance: (2 a b + c1) / (a² + b² + c1), c1 = (0.01 * 100)² = 1.
    pet, synthetic_pet = np.full((20, 20), 50.0), np.full((20, 20), 100.0)
    assert image.ssim(pet, synthetic_pet, 100) == pytest.approx(10001 / 12501)


@pytest.mark.parametrize(
    ("shape", "scales"),
    [
        ((11, 11), 1),
        ((20, 99), 1),
        ((21, 99), 2),
        ((160, 200), 4),
        ((161, 161), 5),
        ((999, 999), 5),
    ],
)
def test_scales_that_fit(shape, scales):
    assert image.ms_ssim_scales(shape) == scales


def test_ms_ssim_of_one_scale_is_ssim():
    pet, synthetic_pet = pair((18, 19, 20))
    assert image.ms_ssim(pet, synthetic_pet, 255) == pytest.approx(
        image.ssim(pet, synthetic_pet, 255)
    )


def test_ms_ssim_of_two_scales_by_hand():
    # Constants differ in luminance alone, and that counts on the last scale, with its weight.
    pet, synthetic_pet = np.full((30, 30), 50.0), np.full((30, 30), 100.0)
    weight = 0.2856 / (0.0448 + 0.2856)
    expected = (10001 / 12501) ** weight
    assert image.ms_ssim(pet, synthetic_pet, 100) == pytest.approx(expected)


def plain_ms_ssim(first, second, data_range, scales):
    """MS-SSIM as Wang 2003 writes it, one scale after the other, in float64."""
    weights = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])[:scales]
    weights = weights / weights.sum()
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2

    def window(values):
        return gaussian_filter(values, 1.5, truncate=3.5)

    result = 1.0
    for scale in range(scales):
        mean_1, mean_2 = window(first), window(second)
        covariance = window(first * second) - mean_1 * mean_2
        variances = window(first**2) - mean_1**2 + window(second**2) - mean_2**2
        map_ = (2 * covariance + c2) / (variances + c2)
        if scale == scales - 1:
            map_ = map_ * (2 * mean_1 * mean_2 + c1) / (mean_1**2 + mean_2**2 + c1)
        result *= map_[(slice(5, -5),) * map_.ndim].mean() ** weights[scale]
        first, second = (block_reduce(each, 2, np.mean) for each in (first, second))
    return result


@pytest.mark.parametrize(("shape", "scales"), [((192, 176), 5), ((88, 96, 104), 4)])
def test_ms_ssim_is_that_of_a_plain_implementation(shape, scales):
    rng = np.random.default_rng(3)
    pet = gaussian_filter(rng.random(shape), 2) * 3
    synthetic_pet = gaussian_filter(pet + rng.normal(0, 0.5, shape), 1)
    assert image.ms_ssim_scales(shape) == scales
    expected = plain_ms_ssim(pet, synthetic_pet, 2.5, scales)
    assert 0.2 < expected < 0.99
    assert image.ms_ssim(pet, synthetic_pet, 2.5) == pytest.approx(expected, abs=1e-5)


def test_ms_ssim_mask_leaves_out_what_lies_far_away():
    pet, _ = pair((64, 64))
    synthetic_pet = pet.copy()
    synthetic_pet[:, :16] = 0
    mask = np.zeros(pet.shape, dtype=bool)
    mask[:, 58:] = True
    assert image.ms_ssim(pet, synthetic_pet, 255, mask) == pytest.approx(1)
    assert image.ms_ssim(pet, synthetic_pet, 255) < 0.9


def test_negative_structure_counts_as_zero():
    pet = np.indices((64, 64)).sum(axis=0) % 2 * 255.0
    assert image.ms_ssim(pet, 255 - pet, 255) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros((20, 20)), np.zeros((20, 21)), 1), "different shapes"),
        ((np.zeros((20, 20)), np.zeros((20, 20)), 1, np.zeros((20, 20), bool)), "mask is empty"),
        ((np.zeros((20, 20)), np.zeros((20, 20)), 1, np.ones((2, 2), bool)), "mask of shape"),
        ((np.zeros((20, 10)), np.zeros((20, 10)), 1), "smaller than the similarity window"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        image.ssim(*arguments)


@pytest.mark.parametrize("masked", [True, False])
def test_errors_in_one_go_are_those_one_by_one(masked, monkeypatch):
    monkeypatch.setattr(image, "_PART_VALUES", 100)  # several parts, the last one shorter
    random = np.random.default_rng(2)
    pet = random.random((9, 8, 7)).astype(np.float32)
    synthetic_pet = pet + random.normal(0, 0.1, pet.shape)
    mask = pet > 0.3 if masked else None
    assert image.voxel_errors(pet, synthetic_pet, 2.5, mask) == pytest.approx(
        {
            "mae": image.mae(pet, synthetic_pet, mask),
            "rmse": image.rmse(pet, synthetic_pet, mask),
            "nrmse": image.nrmse(pet, synthetic_pet, 2.5, mask),
            "psnr": image.psnr(pet, synthetic_pet, 2.5, mask),
            "pearson_r": image.pearson_r(pet, synthetic_pet, mask),
        },
        rel=1e-12,
    )
    same = image.voxel_errors(pet, pet, 2.5, mask)
    assert (same["psnr"], same["mae"]) == (np.inf, 0)
    assert same["pearson_r"] == pytest.approx(1)
    assert np.isnan(image.voxel_errors(pet, np.ones_like(pet), 2.5, mask)["pearson_r"])
