"""What paper A's image format costs; the rest of the module is tested with pix2pix and MedGAN."""

import numpy as np

from petsynth.data.prepared import PreparedData
from petsynth.systems.slices.system import jpeg_round_trip


def test_jpeg_keeps_grey_levels_and_clips_at_the_scale():
    pet = np.zeros((16, 16, 3), np.float32)
    pet[..., 0], pet[..., 1], pet[..., 2] = -0.3, 51 / 255 * 2, 5.0
    after = jpeg_round_trip(pet, pet_scale=2.0)

    assert after.shape == pet.shape
    for level, expected in enumerate((0.0, 0.4, 2.0)):
        np.testing.assert_allclose(after[..., level], expected, atol=1e-6)


def test_jpeg_leaves_a_volume_as_it_lies():
    pet = np.zeros((16, 20, 3), np.float32)
    pet[2:8, 4:8, 1] = 1.0
    after = jpeg_round_trip(pet, pet_scale=2.0)

    np.testing.assert_array_equal(after > 0.5, pet > 0.5)


def test_jpeg_costs_a_few_grey_levels(make_prepared, tmp_path):
    data = PreparedData(make_prepared(tmp_path / "p", {"train": 1}))
    pet = data.static_pet("sub-001")
    after = jpeg_round_trip(pet, data.pet_scale)
    # Half a grey level of rounding, and up to a few levels of compression, of 2 SUVR in 255.
    assert 0 < np.abs(after - np.clip(pet, 0, 2)).max() < 4 * 2 / 255
