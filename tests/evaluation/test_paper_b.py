import numpy as np
import pytest

from petsynth.evaluation.paper_b import measure_depths, measure_frames, measure_intensities
from petsynth.metrics.image import ssim


def test_frames_are_measured_together_but_for_ssim():
    random = np.random.default_rng(0)
    pet = random.random((12, 12, 12, 2))
    synthetic_pet = pet + np.array([0.1, 0.3])
    scores = measure_frames(pet, synthetic_pet, data_range=1.0)
    assert scores["rmse"] == pytest.approx(np.sqrt((0.01 + 0.09) / 2))
    assert scores["psnr"] == pytest.approx(-10 * np.log10(0.05))
    each = [ssim(pet[..., frame], synthetic_pet[..., frame], 1.0) for frame in (0, 1)]
    assert scores["ssim"] == pytest.approx(np.mean(each))
    static = measure_frames(pet[..., 0], synthetic_pet[..., 0], 1.0)
    assert static["ssim"] == pytest.approx(each[0])


def test_intensities_by_hand():
    pet = np.array([0.0, 0.1, 5.0, 10.0])
    scores = measure_intensities(pet, np.array([-1.0, 0.3, 5.0, 10.0]), data_range=10.0)
    assert scores["out_of_range"] == 0.25
    assert scores["near_zero"] == pytest.approx((1.0 + 0.2) / 2)  # |real| <= 0.5
    assert measure_intensities(pet, pet, 10.0)["distance"] == 0
    shifted = measure_intensities(pet, pet + 2.0, 10.0)["distance"]
    assert shifted == pytest.approx(2.0)


def test_without_values_near_zero_there_is_no_error_there():
    pet = np.full(8, 9.0)
    assert np.isnan(measure_intensities(pet, pet, 10.0)["near_zero"])


def test_depth_counts_millimetres_from_the_surface():
    mask = np.ones((41, 41, 41), dtype=bool)  # the image ends where the brain does
    pet = np.zeros(mask.shape)
    synthetic_pet = pet.copy()
    synthetic_pet[20, 20, 20] = 8.0  # 42 mm deep: 21 voxels of 2 mm
    synthetic_pet[0, 0, 0] = 4.0  # 2 mm deep
    scores = measure_depths(pet, synthetic_pet, mask, (2.0, 2.0, 2.0))
    deeper = 17**3  # 13 voxels or more from the outside: 26 mm
    assert scores["centre"] == pytest.approx(8.0 / deeper)
    assert scores["rim"] == pytest.approx(4.0 / (41**3 - 31**3))
    assert scores["middle"] == 0
    shallow = measure_depths(pet[:3], pet[:3], mask[:3], (2.0, 2.0, 2.0))
    assert np.isnan(shallow["centre"])
