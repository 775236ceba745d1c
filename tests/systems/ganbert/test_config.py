"""GANBERT's configurations: the paper's values, and what does not fit together."""

import pytest

from petsynth.config import load_config, parse_config
from petsynth.errors import ConfigError


@pytest.mark.parametrize("system", ["ganbert", "ganbert-cnnd"])
def test_ganberts_configuration_is_the_papers(system):
    config = load_config(f"{system}.toml")
    assert (config.bert.layers, config.bert.hidden, config.bert.heads) == (12, 768, 12)
    assert (config.bert.mri_masked, config.bert.pet_masked) == (0.05, 0.25)
    assert (config.loss.nsp, config.loss.mlm, config.loss.l1) == (20.0, 1.0, 20.0)
    assert (config.optimiser.learning_rate, config.optimiser.warm_up) == (1e-4, 0.05)
    assert (config.training.batch_size, config.training.accumulate) == (2, 2)
    assert (config.data.voxel_mm, config.data.frames) == (2.0, 2)
    assert config.has_cnn == (system == "ganbert-cnnd")


@pytest.mark.parametrize("system", ["ganbert", "ganbert-cnnd"])
def test_small_configurations_shrink_width_depth_and_image_alone(system):
    large, small = load_config(f"{system}.toml"), load_config(f"small/{system}.toml")
    assert large.loss == small.loss
    for setting in ("embedding", "tokens", "mri_masked", "pet_masked", "replacement"):
        assert getattr(large.bert, setting) == getattr(small.bert, setting)


def test_a_configuration_that_masks_nothing_is_refused():
    def mask(mri, pet):
        bert = {"mri_masked": mri, "pet_masked": pet}
        return parse_config({"system": "ganbert", "bert": bert})

    assert mask(0.004, 0).bert.mri_masked == 0.004  # two tokens of 512
    with pytest.raises(ConfigError, match="mask no token"):
        mask(0.0009, 0.0009)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"bert": {"hiden": 8}}, r"'bert.hiden' \(did you mean 'bert.hidden'"),
        ({"bert": {"hidden": 8, "heads": 3}}, "not divisible by bert.heads 3"),
        ({"bert": {"linear_from": 5.0, "linear_to": 5.0}}, "linear_from must be smaller"),
        ({"data": {"padded_size": 64}}, "unknown key 'data.padded_size'"),
        ({"data": {"voxel_mm": 30}}, "fewer than the 8 voxels"),
    ],
)
def test_mistakes_are_named(content, message):
    with pytest.raises(ConfigError, match=message):
        parse_config({"system": "ganbert"} | content)


def test_patches_count_only_where_there_is_a_cnn_discriminator():
    content = {"data": {"voxel_mm": 8}, "generator": {"levels": 3}}
    parse_config({"system": "ganbert"} | content)
    with pytest.raises(ConfigError, match=r"cnn.layers 4 leave no patch"):
        parse_config({"system": "ganbert-cnnd"} | content)
