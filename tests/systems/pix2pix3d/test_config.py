"""The 3D baselines' configurations: both differ by their last layer alone."""

import dataclasses

import pytest

from petsynth.config import load_config, parse_config
from petsynth.errors import ConfigError


@pytest.mark.parametrize("system", ["pix2pix3d-tanh", "pix2pix3d-tanhshrink"])
def test_the_3d_baselines_differ_by_their_last_layer_alone(system):
    config = load_config(f"{system}.toml")
    assert config.generator.activation == system.removeprefix("pix2pix3d-")
    assert (config.loss.l1, config.optimiser.learning_rate) == (100.0, 2e-4)
    other = load_config("pix2pix3d-tanhshrink.toml")
    generator = dataclasses.replace(config.generator, activation="tanhshrink")
    assert dataclasses.replace(config, system=other.system, generator=generator) == other


@pytest.mark.parametrize("system", ["pix2pix3d-tanh", "pix2pix3d-tanhshrink"])
def test_small_configurations_have_the_same_losses(system):
    assert load_config(f"{system}.toml").loss == load_config(f"small/{system}.toml").loss


def test_a_last_layer_that_is_not_the_systems_is_refused():
    message = "activation is tanhshrink, of pix2pix3d-tanh it is tanh"
    with pytest.raises(ConfigError, match=message):
        parse_config({"system": "pix2pix3d-tanh"})
