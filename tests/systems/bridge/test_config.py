"""The flow's configurations: the shipped ones, and what is refused."""

import pytest

from petsynth.config import load_config, parse_config
from petsynth.errors import ConfigError
from petsynth.systems.bridge.config import BridgeConfig


def test_the_shipped_configuration_is_the_default():
    shipped = load_config("pet-bridge.toml")
    assert isinstance(shipped, BridgeConfig)
    for part in ("data", "generator", "flow", "optimiser"):
        assert getattr(shipped, part) == getattr(BridgeConfig(), part)


def test_the_small_one_keeps_the_method():
    small = load_config("small/pet-bridge.toml")
    assert small.flow == BridgeConfig().flow
    assert small.generator.filters < BridgeConfig().generator.filters


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"data": {"covariates": ["age", "age"]}}, "each covariate once"),
        ({"flow": {"evaluations": 0}}, "greater than or equal to 1"),
        ({"flow": {"noise": 0}}, "greater than 0"),
        ({"generator": {"filters": 10}}, "multiple of 4"),
    ],
)
def test_what_does_not_fit_together_is_named(content, message):
    with pytest.raises(ConfigError, match=message):
        parse_config({"system": "pet-bridge"} | content)
