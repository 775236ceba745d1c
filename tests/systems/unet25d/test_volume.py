"""What surrounds a stack, what is refused, and what a synthetic PET cannot be."""

import numpy as np
import pytest
import torch

from petsynth.slicing import AIR
from petsynth.systems.unet25d.volume import predict_slabs


class Reach(torch.nn.Module):
    """Return the mean of a stack minus two, and that mean."""

    def forward(self, mri):
        mean = mri.mean(dim=1, keepdim=True)
        return mean - 2, mean


def test_beyond_the_head_lies_air():
    mri = np.full((6, 5, 4), 0.5, np.float32)
    _, error = predict_slabs(Reach(), mri, slices=5, padded_size=8)

    # of five slices two are air at the ends, then one
    expected = [(3 * 0.5 - 2) / 5, (4 * 0.5 - 1) / 5, (4 * 0.5 - 1) / 5, (3 * 0.5 - 2) / 5]
    np.testing.assert_allclose(error[2, 3], expected, atol=1e-6)


def test_a_pet_is_nowhere_below_air_and_its_error_is_left_alone():
    mri = np.linspace(-1, 1, 60, dtype=np.float32).reshape(3, 4, 5)
    pet, error = predict_slabs(Reach(), mri, slices=1, padded_size=4)

    np.testing.assert_allclose(pet, np.maximum(mri - 2, AIR), atol=1e-6)
    np.testing.assert_allclose(error, mri, atol=1e-6)
    assert pet.dtype == error.dtype == np.float32


def test_a_slice_that_is_larger_than_the_canvas_is_refused():
    with pytest.raises(ValueError, match="padded_size"):
        predict_slabs(Reach(), np.zeros((6, 9, 4)), slices=1, padded_size=8)
