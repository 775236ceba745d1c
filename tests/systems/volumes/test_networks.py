"""Networks of paper B have the sizes that a configuration asks for, and predict in PET units."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from petsynth.config import parse_config
from petsynth.errors import InputError
from petsynth.networks.layers import count_parameters
from petsynth.systems.volumes.networks import build_cnn, build_generator, predict_volume

T1, PET = (32, 32, 32), (12, 10, 10)
"""Voxels of 8 mm of 256 mm a side; of 16 mm of 186, 152 and 152 mm, in the paper's order."""


def configure(system="pix2pix3d-tanhshrink", frames=2, **more):
    content = {
        "system": system,
        "data": {"voxel_mm": 16.0, "frames": frames},
        "generator": {"filters": 4, "levels": 2, "checkpointing": False},
        "cnn": {"filters": 4, "layers": 2},
    }
    for table, values in more.items():
        content[table] = content[table] | values
    return parse_config(content)


@pytest.mark.parametrize("frames", [1, 3])
def test_a_t1_becomes_all_frames_of_a_pet_and_a_pair_becomes_logits(frames):
    config = configure(frames=frames)
    t1 = torch.zeros(1, 1, *T1)
    with torch.no_grad():
        pet = build_generator(config)(t1)
        logits = build_cnn(config)(t1, pet)

    assert pet.shape == (1, frames, *PET)
    assert logits.shape[:2] == (1, 1)


def test_the_last_layer_is_the_configured_one():
    torch.manual_seed(0)
    t1 = torch.randn(1, 1, *T1)
    pets = {}
    for activation in ("tanh", "tanhshrink"):
        config = configure(f"pix2pix3d-{activation}", generator={"activation": activation})
        torch.manual_seed(1)
        with torch.no_grad():
            pets[activation] = build_generator(config)(t1)

    before = torch.atanh(pets["tanh"].double())
    expected = before - pets["tanh"].double()
    torch.testing.assert_close(pets["tanhshrink"].double(), expected, atol=1e-6, rtol=1e-3)


@pytest.mark.parametrize("changes", [{"filters": 8}, {"max_filters": 4}, {"levels": 3}])
def test_the_generators_settings_reach_it(changes):
    sizes = [count_parameters(build_generator(configure(generator=each))) for each in ({}, changes)]
    assert sizes[0] != sizes[1]


def test_the_cnns_settings_are_its_own():
    wide = configure(cnn={"filters": 8})

    assert count_parameters(build_cnn(wide)) > 3 * count_parameters(build_cnn(configure()))
    assert count_parameters(build_generator(wide)) == count_parameters(build_generator(configure()))


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
