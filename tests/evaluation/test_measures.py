"""What is measured: hand-computed values, and agreement with the metrics one by one."""

import numpy as np
import pytest

from petsynth.evaluation.measures import (
    REGIONS,
    Ruler,
    choose_range,
    measure,
    measure_slice,
    unit_of,
)
from petsynth.metrics import image
from petsynth.slicing import take_slices

RULER = Ruler(pet_scale=2.0, data_range=2.5, unit="SUVR", tracer="FDG")


def pair(shape=(13, 15, 14)):
    random = np.random.default_rng(0)
    pet = random.uniform(0, 2.2, shape)
    mask = np.zeros(shape, dtype=bool)
    mask[3:9, 4:10, 5:11] = True
    return pet, pet + random.normal(0, 0.2, shape), mask


def test_grey_levels_by_hand():
    levels = RULER.grey_levels(np.array([-1.0, 0.0, 0.5, 2.0, 3.0]))
    assert levels.tolist() == [0, 0, 63.75, 255, 255]


def test_middle_slice_by_hand():
    # 1.0 and 0.5 SUVR are grey levels 127.5 and 63.75: a squared error of 63.75².
    pet, synthetic_pet = np.full((13, 13, 13), 1.0), np.full((13, 13, 13), 0.5)
    scores = measure(pet, synthetic_pet, np.ones(pet.shape, bool), RULER)
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
    scores = measure(pet, synthetic_pet, mask, RULER)
    assert scores["middle_slice"]["mse"] == 0
    assert scores["axial_slices"]["mse"] > 0


def test_axial_slices_are_those_with_brain_one_by_one():
    pet, synthetic_pet, mask = pair()
    each = [
        measure_slice(RULER.grey_levels(one), RULER.grey_levels(other))
        for one, other, brain in zip(
            *(take_slices(volume, "axial") for volume in (pet, synthetic_pet, mask)), strict=True
        )
        if brain.any()
    ]
    assert len(each) == 6
    scores = measure(pet, synthetic_pet, mask, RULER)["axial_slices"]
    for name, value in scores.items():
        assert value == pytest.approx(np.mean([slice_[name] for slice_ in each])), name


def test_volume_and_brain_agree_with_the_metrics():
    pet, synthetic_pet, mask = pair((23, 22, 24))
    scores = measure(pet, synthetic_pet, mask, RULER)
    for region, where in (("volume", None), ("brain", mask)):
        assert scores[region] == pytest.approx(
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


def test_every_region_has_its_measures():
    scores = measure(*pair(), RULER)
    assert {region: tuple(values) for region, values in scores.items()} == REGIONS


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
    assert choose_range(tracer, unit, 1.7, given) == expected


def test_units():
    units = [unit_of(name, RULER) for name in ("mse", "psnr", "mae", "rmse", "ssim", "nrmse")]
    assert units == ["grey levels²", "dB", "SUVR", "SUVR", "", ""]
