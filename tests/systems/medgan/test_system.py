"""MedGAN behind the interface: size, words, no samples."""

import pytest

from petsynth.config import load_config, parse_config
from petsynth.errors import ArgumentError
from petsynth.systems.medgan.config import MedganConfig
from petsynth.systems.medgan.system import MedganSystem


def test_paper_size():
    content = MedganSystem(load_config("medgan-axial.toml")).resources().content
    assert content["generator"]["parameters"] == 326_450_310
    assert content["generator"]["output_shape"] == [1, 1, 256, 256]
    assert content["discriminator"]["receptive_field"] == 16
    assert content["training"]["steps"] == 200 * 1452


@pytest.mark.parametrize(
    ("extractor", "parameters"),
    [({"source": "file", "file": "vgg19.pth"}, 20_024_384), ({"source": "discriminator"}, None)],
)
def test_the_extractors_size_is_told_where_there_is_one(extractor, parameters):
    config = parse_config(
        {
            "system": "medgan-axial",
            "data": {"padded_size": 64},
            "generator": {"levels": 2, "filters": 2, "blocks": 2},
            "extractor": extractor,
        }
    )
    resources = MedganSystem(config).resources()
    told = resources.content.get("extractor", {}).get("parameters")
    assert told == parameters
    assert any(name == "extractor" for name, _ in resources.rows) == (parameters is not None)


def test_samples_would_all_be_the_same():
    system = MedganSystem(MedganConfig())
    assert system.std_kind(5) is None
    system.check_samples(1)
    with pytest.raises(ArgumentError, match="medgan-axial is not stochastic"):
        system.check_samples(2)


def test_a_run_is_described():
    assert MedganSystem(load_config("medgan-augmented.toml")).describe_run(9) == (
        "MedGAN of 6 U-blocks trained on sagittal + coronal + axial slices (uint8-jpeg), 9 steps "
        "of batch 1, seed 0, features from a network trained to denoise the training PET slices; "
        "predicted from axial slices"
    )
