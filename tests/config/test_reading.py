"""Configurations of every system as text and back, and the keys that they know."""

import tomllib

import pytest

from petsynth.config import config_hash, known_keys, load_config, parse_config, shipped_configs
from petsynth.config.reading import SYSTEMS, config_to_toml, describe_unknown_key, kind_of
from petsynth.errors import ConfigError


@pytest.mark.parametrize("name", shipped_configs())
def test_every_system_survives_toml(name):
    config = load_config(name)
    again = parse_config(tomllib.loads(config_to_toml(config)))

    assert again == config
    assert type(again) is SYSTEMS[config.system]
    assert config_hash(again) == config_hash(config)


def test_no_two_shipped_configurations_have_the_same_hash():
    hashes = [config_hash(load_config(name)) for name in shipped_configs()]
    assert len(set(hashes)) == len(hashes)


@pytest.mark.parametrize("system", [3, None, ["ganbert"], "GANBERT", ""])
def test_what_is_no_system_is_refused_with_the_known_ones(system):
    with pytest.raises(ConfigError, match=r"c\.toml: system: .*'unet25d'.* or .*, got "):
        kind_of({"system": system}, source="c.toml")


@pytest.mark.parametrize("kind", sorted(set(SYSTEMS.values()), key=str))
def test_keys_can_be_looked_up_in_the_configuration(kind):
    keys = known_keys(kind)
    assert len(set(keys)) == len(keys)
    for key in keys:
        value = kind()
        for part in key.split("."):
            value = getattr(value, part)  # an error says which key there is not


def test_a_key_like_no_other_is_answered_with_all():
    message = describe_unknown_key("zzz", SYSTEMS["ganbert"])

    assert message.startswith("unknown key 'zzz'; known keys: system, seed")
    assert "bert.hidden" in message
    assert "did you mean" not in message
