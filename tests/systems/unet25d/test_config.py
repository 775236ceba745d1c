"""The 2.5D U-Net's configuration: the bundled models' values, what does not fit together."""

import dataclasses

import pytest

from petsynth.config import load_config, parse_config
from petsynth.errors import ConfigError
from petsynth.systems.unet25d.config import Unet25dConfig


def test_the_bundled_models_configuration_is_the_default():
    config = load_config("petsynth-fdg.toml")
    assert dataclasses.replace(Unet25dConfig(), training=config.training) == config


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"data": {"slices": 4}}, "data.slices is 4; a slab needs a middle slice"),
        ({"data": {"slices": 17}}, "data.slices: input should be less than or equal to 15"),
        ({"data": {"padded_size": 100}}, r"padded_size is 100, not divisible by 2.*levels = 16"),
        ({"generator": {"filters": 12}}, "generator.filters must be a multiple of 8"),
        ({"generator": {"max_filters": 12}}, "generator.max_filters must be a multiple of 8"),
        ({"generator": {"group_correction": True}}, "group_correction needs data.location"),
        ({"generator": {"shrinkage": 0.5}}, "generator.shrinkage needs data.location"),
        ({"generator": {"shrinkage": 1.5}}, "shrinkage: input should be less than or equal to 1"),
        ({"data": {"target": "both"}}, "'noise-free' or 'pet'"),
        ({"data": {"flip": True}}, "unknown key 'data.flip'"),
    ],
)
def test_mistakes_are_named(content, message):
    with pytest.raises(ConfigError, match=message):
        parse_config({"system": "unet25d"} | content)
