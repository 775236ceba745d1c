"""MedGAN's configurations: the shipped ones, and what does not fit together."""

import dataclasses

import pytest

from petsynth.config import load_config, parse_config
from petsynth.errors import ConfigError
from petsynth.systems.medgan.config import MedganConfig

SHIPPED = ["medgan-axial.toml", "medgan-augmented.toml"]


def test_the_papers_sizes_are_the_default():
    for part in ("data", "generator", "discriminator", "extractor", "loss", "optimiser"):
        assert getattr(load_config("medgan-axial.toml"), part) == getattr(MedganConfig(), part)


@pytest.mark.parametrize("folder", ["", "small/"])
def test_axial_and_augmented_differ_by_their_planes_alone(folder):
    axial, augmented = (load_config(folder + name) for name in SHIPPED)
    planes = ("sagittal", "coronal", "axial")
    assert augmented == dataclasses.replace(
        axial,
        system="medgan-augmented",
        data=dataclasses.replace(axial.data, planes=planes),
    )


@pytest.mark.parametrize("name", SHIPPED)
def test_slices_are_those_of_pix2pix(name):
    assert load_config(name).data == load_config(name.replace("medgan", "pix2pix")).data


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"data": {"padded_size": 100}}, "not divisible by 2.*levels = 256"),
        ({"extractor": {"source": "file"}}, "give extractor.file"),
        ({"extractor": {"file": "vgg19.pth"}}, 'extractor.source is "denoiser"'),
        (
            {"data": {"padded_size": 12}, "generator": {"levels": 2}, "extractor": {"stages": 4}},
            r"12, not divisible by 2\*\*\(extractor.stages - 1\) = 8",
        ),
        (
            {
                "data": {"padded_size": 8},
                "generator": {"levels": 2},
                "extractor": {"source": "file", "file": "vgg19.pth"},
            },
            "too small for VGG-19",
        ),
        ({"extractor": {"source": "vgg"}}, "'denoiser', 'random', 'discriminator' or 'file'"),
    ],
)
def test_what_does_not_fit_together_is_named(content, message):
    with pytest.raises(ConfigError, match=message):
        parse_config({"system": "medgan-axial"} | content)
