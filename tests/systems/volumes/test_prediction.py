"""A generator's result is brought to PET units by the T1's own statistics."""

import numpy as np
import pytest
import torch

from petsynth.errors import InputError
from petsynth.systems.volumes.prediction import predict_volume


class Echo(torch.nn.Module):
    """Return the normalised T1 in paper B's order of axes, and its multiples as more frames."""

    def __init__(self, frames):
        super().__init__()
        self.frames = frames

    def forward(self, mri_BCXYZ):
        mri_BCYXZ = mri_BCXYZ.permute(0, 1, 3, 2, 4)
        return torch.cat([(1 + frame) * mri_BCYXZ for frame in range(self.frames)], dim=1)


@pytest.fixture
def t1():
    return np.random.default_rng(0).uniform(0, 255, (3, 4, 5)).astype(np.float32)


def test_the_normalised_t1_itself_is_a_pet_of_a_tenth(t1):
    pet = predict_volume(Echo(1), t1)

    assert pet.dtype == np.float32
    assert pet.flags.c_contiguous
    np.testing.assert_allclose(pet, t1 / 10, rtol=1e-5)


def test_frames_come_last(t1):
    pet = predict_volume(Echo(2), t1)

    assert pet.shape == (3, 4, 5, 2)
    np.testing.assert_allclose(pet[..., 0], t1 / 10, rtol=1e-5)
    np.testing.assert_allclose(pet[..., 1], (2 * t1 - t1.mean()) / 10, rtol=1e-4, atol=1e-4)


def test_an_empty_t1_is_refused():
    with pytest.raises(InputError, match="cannot be normalised"):
        predict_volume(Echo(1), np.zeros((3, 4, 5)))
