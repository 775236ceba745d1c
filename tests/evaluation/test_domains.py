"""Metrics in each domain: by hand, and in agreement with the functions of `petsynth.metrics`."""

import numpy as np
import pytest

from petsynth.evaluation.domains import (
    DOMAINS,
    MetricSettings,
    choose_data_range,
    compute_frames_metrics,
    compute_intensity_metrics,
    compute_metrics,
    compute_slice_metrics,
    unit_of,
)
from petsynth.metrics import image
from petsynth.slicing import take_slices

SETTINGS = MetricSettings(pet_scale=2.0, data_range=2.5, unit="SUVR", tracer="FDG")


def pair(shape=(13, 15, 14)):
    random = np.random.default_rng(0)
    pet = random.uniform(0, 2.2, shape)
    mask = np.zeros(shape, dtype=bool)
    mask[3:9, 4:10, 5:11] = True
    return pet, pet + random.normal(0, 0.2, shape), mask


def test_grey_levels_by_hand():
    levels = SETTINGS.grey_levels(np.array([-1.0, 0.0, 0.5, 2.0, 3.0]))
    assert levels.tolist() == [0, 0, 63.75, 255, 255]


def test_middle_slice_by_hand():
    # 1.0 and 0.5 SUVR are grey levels 127.5 and 63.75: a squared error of 63.75².
    pet, synthetic_pet = np.full((13, 13, 13), 1.0), np.full((13, 13, 13), 0.5)
    scores = compute_metrics(pet, synthetic_pet, np.ones(pet.shape, bool), SETTINGS)
    assert scores["middle_slice"]["mse"] == pytest.approx(4064.0625)
    assert scores["middle_slice"]["psnr"] == pytest.approx(20 * np.log10(4))
    c1 = 2.55**2
    luminance = (2 * 127.5 * 63.75 + c1) / (127.5**2 + 63.75**2 + c1)
    assert scores["middle_slice"]["ssim"] == pytest.approx(luminance)
    assert scores["axial_slices"] == pytest.approx(scores["middle_slice"])
    assert scores["brain"]["mae"] == pytest.approx(0.5)
    assert scores["brain"]["nrmse"] == pytest.approx(0.2)
    assert scores["brain"]["psnr"] == pytest.approx(20 * np.log10(5))
    assert np.isnan(scores["brain"]["pearson_r"])


def test_only_the_middle_slice_counts_for_the_middle_slice():
    pet, synthetic_pet, mask = pair()
    synthetic_pet[:, :, 7] = pet[:, :, 7]
    scores = compute_metrics(pet, synthetic_pet, mask, SETTINGS)
    assert scores["middle_slice"]["mse"] == 0
    assert scores["axial_slices"]["mse"] > 0


def test_axial_slices_are_those_with_brain_one_by_one():
    pet, synthetic_pet, mask = pair()
    each = [
        compute_slice_metrics(SETTINGS.grey_levels(one), SETTINGS.grey_levels(other))
        for one, other, brain in zip(
            *(take_slices(volume, "axial") for volume in (pet, synthetic_pet, mask)), strict=True
        )
        if brain.any()
    ]
    assert len(each) == 6
    scores = compute_metrics(pet, synthetic_pet, mask, SETTINGS)["axial_slices"]
    for name, value in scores.items():
        assert value == pytest.approx(np.mean([slice_[name] for slice_ in each])), name


def test_volume_and_brain_agree_with_the_metrics():
    pet, synthetic_pet, mask = pair((23, 22, 24))
    scores = compute_metrics(pet, synthetic_pet, mask, SETTINGS)
    for domain, where in (("volume", None), ("brain", mask)):
        assert scores[domain] == pytest.approx(
            {
                "mae": image.mae(pet, synthetic_pet, where),
                "rmse": image.rmse(pet, synthetic_pet, where),
                "nrmse": image.nrmse(pet, synthetic_pet, 2.5, where),
                "psnr": image.psnr(pet, synthetic_pet, 2.5, where),
                "ssim": image.ssim(pet, synthetic_pet, 2.5, where),
                "ms_ssim": image.ms_ssim(pet, synthetic_pet, 2.5, where),
                "pearson_r": image.pearson_r(pet, synthetic_pet, where),
            }
        )


def test_every_domain_has_its_metrics():
    pet, synthetic_pet, mask = pair()
    scores = compute_metrics(pet, synthetic_pet, mask, SETTINGS, lesion=np.zeros(mask.shape, bool))
    assert {domain: tuple(values) for domain, values in scores.items()} == DOMAINS


def test_without_a_lesion_map_nothing_is_said_of_lesions():
    assert set(DOMAINS) - set(compute_metrics(*pair(), SETTINGS)) == {"lesion"}


@pytest.mark.parametrize(
    ("tracer", "unit", "given", "expected"),
    [
        ("FDG", "SUVR", None, 2.5),
        ("AV45", "suvr", None, 3.0),
        ("AV1451", "SUVR", None, 4.0),
        ("11CPIB", "SUVR", None, 1.7),
        ("FDG", "arbitrary", None, 1.7),
        ("FDG", "SUVR", 9.0, 9.0),
    ],
)
def test_the_data_range_never_depends_on_an_image(tracer, unit, given, expected):
    assert choose_data_range(tracer, unit, 1.7, given) == expected


def test_units():
    units = [unit_of(name, SETTINGS) for name in ("mse", "psnr", "mae", "rmse", "ssim", "nrmse")]
    assert units == ["grey levels²", "dB", "SUVR", "SUVR", "", ""]


def test_frames_are_measured_together_but_for_ssim():
    random = np.random.default_rng(0)
    pet = random.random((12, 12, 12, 2))
    synthetic_pet = pet + np.array([0.1, 0.3])
    scores = compute_frames_metrics(pet, synthetic_pet, data_range=1.0)
    assert scores["rmse"] == pytest.approx(np.sqrt((0.01 + 0.09) / 2))
    assert scores["psnr"] == pytest.approx(-10 * np.log10(0.05))
    each = [image.ssim(pet[..., frame], synthetic_pet[..., frame], 1.0) for frame in (0, 1)]
    assert scores["ssim"] == pytest.approx(np.mean(each))
    static = compute_frames_metrics(pet[..., 0], synthetic_pet[..., 0], 1.0)
    assert static["ssim"] == pytest.approx(each[0])


def test_intensities_by_hand():
    pet = np.array([0.0, 0.1, 5.0, 10.0])
    scores = compute_intensity_metrics(pet, np.array([-1.0, 0.3, 5.0, 10.0]), data_range=10.0)
    assert scores["out_of_range"] == 0.25
    assert scores["near_zero"] == pytest.approx((1.0 + 0.2) / 2)  # |reference| <= 0.5
    assert compute_intensity_metrics(pet, pet, 10.0)["distance"] == 0
    shifted = compute_intensity_metrics(pet, pet + 2.0, 10.0)["distance"]
    assert shifted == pytest.approx(2.0)


def test_without_values_near_zero_there_is_no_error_there():
    pet = np.full(8, 9.0)
    assert np.isnan(compute_intensity_metrics(pet, pet, 10.0)["near_zero"])


def test_frames_of_unequal_length_count_by_their_durations():
    """One minute at 1.0 and nine minutes at 3.0 is 2.8, so a prediction of 2.8 has no error."""
    frames = np.stack([np.full((16, 16, 16), 1.0), np.full((16, 16, 16), 3.0)], axis=3)
    prediction, mask = np.full((16, 16, 16), 2.8), np.ones((16, 16, 16), bool)
    settings = MetricSettings(pet_scale=4.0, data_range=4.0, unit="SUVR", tracer="FDG")
    weighted = compute_metrics(frames, prediction, mask, settings, durations=(60.0, 540.0))
    equal = compute_metrics(frames, prediction, mask, settings)
    assert weighted["brain"]["mae"] == pytest.approx(0, abs=1e-6)
    assert equal["brain"]["mae"] == pytest.approx(0.8)
