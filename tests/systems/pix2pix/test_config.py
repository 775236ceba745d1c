"""Paper A's configurations: the paper's values, how both differ, what does not fit together."""

import dataclasses

import pytest

from petsynth.config import load_config, parse_config
from petsynth.errors import ConfigError
from petsynth.systems.pix2pix.config import Pix2pixConfig

PAPERS = ["pix2pix-axial.toml", "pix2pix-augmented.toml"]


def test_the_papers_axial_configuration_is_the_default():
    assert load_config("pix2pix-axial.toml").data == Pix2pixConfig().data
    for part in ("generator", "discriminator", "loss", "optimiser"):
        assert getattr(load_config("pix2pix-axial.toml"), part) == getattr(Pix2pixConfig(), part)
    training = load_config("pix2pix-axial.toml").training
    assert (training.epochs, training.batch_size, training.max_steps) == (100, 1, 0)


@pytest.mark.parametrize("folder", ["", "small/"])
def test_axial_and_augmented_differ_by_their_planes_alone(folder):
    axial, augmented = (load_config(folder + name) for name in PAPERS)
    planes = ("sagittal", "coronal", "axial")
    assert augmented == dataclasses.replace(
        axial,
        system="pix2pix-augmented",
        data=dataclasses.replace(axial.data, planes=planes),
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            {"data": {"padded_size": 100}},
            "data.padded_size is 100, not divisible by 2.*levels = 256",
        ),
        ({"discriminator": {"layers": 7}}, "256 is too small for discriminator.layers 7"),
        ({"data": {"planes": []}}, "at least one plane"),
        ({"data": {"planes": ["axial", "axial"]}}, "each once"),
        ({"data": {"planes": ["oblique"]}}, "'sagittal', 'coronal' or 'axial'"),
        ({"generator": {"levels": 3}}, "dropout_levels must be smaller than generator.levels"),
        ({"generator": {"dropout": 1.0}}, "less than 1"),
    ],
)
def test_what_does_not_fit_together_is_named(content, message):
    with pytest.raises(ConfigError, match=message):
        parse_config(content)
