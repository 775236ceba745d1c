"""Configurations of every system as text and back, the shipped ones, and what is refused."""

import subprocess
import sys
import tomllib

import pytest

from petsynth.config import (
    config_hash,
    config_to_toml,
    describe_unknown_key,
    kind_of,
    known_keys,
    load_config,
    parse_config,
    read_toml,
    shipped_configs,
    toml_hash,
)
from petsynth.errors import ConfigError, InputError
from petsynth.systems.pix2pix.config import Pix2pixConfig
from petsynth.systems.registry import RENAMED, config_class, system_names

OURS = {"petsynth-3d.toml": "pix2pix3d-tanh", "petsynth-fdg.toml": "unet25d"}
KINDS = sorted({config_class(name) for name in system_names()}, key=str)


def test_shipped_configurations_are_the_papers_large_and_small_and_ours():
    papers = [f"{system}.toml" for system in system_names() if system != "unet25d"]
    small = [f"small/{name}" for name in papers]
    assert list(shipped_configs()) == sorted([*papers, *small, *OURS])


@pytest.mark.parametrize("name", shipped_configs())
def test_every_shipped_configuration_loads_by_name_and_by_path(name):
    config = load_config(name)
    assert config == load_config(shipped_configs()[name])
    system = name.removeprefix("small/").removesuffix(".toml")
    assert config.system == OURS.get(name, system)


@pytest.mark.parametrize("name", shipped_configs())
def test_every_system_survives_toml(name):
    config = load_config(name)
    again = parse_config(tomllib.loads(config_to_toml(config)))

    assert again == config
    assert type(again) is config_class(config.system)
    assert config_hash(again) == config_hash(config)


def test_hashes_of_paper_a_are_those_that_runs_of_this_version_have():
    """A run is refused once its configuration has another hash; change these on purpose only."""
    assert config_hash(load_config("pix2pix-axial.toml")) == "da8b830f9c47"
    assert config_hash(load_config("small/pix2pix-axial.toml")) == "8afe3caa8d1e"


def test_no_two_shipped_configurations_have_the_same_hash():
    hashes = [config_hash(load_config(name)) for name in shipped_configs()]
    assert len(set(hashes)) == len(hashes)


def test_hash_changes_with_any_value():
    assert config_hash(Pix2pixConfig()) == config_hash(parse_config({}))
    assert config_hash(Pix2pixConfig()) != config_hash(parse_config({"training": {"epochs": 101}}))
    assert len(config_hash(Pix2pixConfig())) == 12


def test_the_hash_of_a_file_is_of_the_values_that_it_holds(tmp_path):
    config = parse_config({"seed": 3})
    (tmp_path / "whole.toml").write_text(config_to_toml(config))
    (tmp_path / "part.toml").write_text("seed = 3")
    assert toml_hash(read_toml(tmp_path / "whole.toml")) == config_hash(config)
    assert toml_hash(read_toml(tmp_path / "part.toml")) != config_hash(config)


def test_a_files_values_stand_over_the_defaults(tmp_path):
    (tmp_path / "c.toml").write_text("seed = 7\n[generator]\nfilters = 8\n")
    config = load_config(tmp_path / "c.toml")
    assert (config.seed, config.generator.filters, config.generator.levels) == (7, 8, 8)


def test_every_new_name_is_a_key_or_a_value():
    keys = {key for kind in KINDS for key in known_keys(kind)}
    values = {"noise-free", *system_names()}
    assert set(RENAMED.values()) <= keys | values
    assert not set(RENAMED) & (keys | values)


def test_toml_and_back():
    config = parse_config({"seed": 3, "data": {"planes": ["coronal", "axial"]}})
    assert parse_config(tomllib.loads(config_to_toml(config))) == config


@pytest.mark.parametrize("system", [3, None, ["ganbert"], "GANBERT", ""])
def test_what_is_no_system_is_refused_with_the_known_ones(system):
    with pytest.raises(ConfigError, match=r"c\.toml: system: .*'unet25d'.* or .*, got "):
        kind_of({"system": system}, source="c.toml")


def test_three_mistakes_are_reported_at_once():
    content = {"sead": 1, "training": {"epochs": 0}, "generator": {"dropout": "much"}}
    with pytest.raises(ConfigError) as refusal:
        parse_config(content, source="c.toml")
    message = str(refusal.value)
    assert message.startswith("c.toml: ")
    assert "unknown key 'sead' (did you mean 'seed'?)" in message
    assert "training.epochs: input should be greater than 0, got 0" in message
    assert "generator.dropout: input should be a valid number" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"trainin": {}}, r"unknown key 'trainin' \(did you mean 'training'"),
        ({"training": {"epoch": 3}}, r"'training.epoch' \(did you mean 'training.epochs'"),
        ({"training": {"x": 3}}, "unknown key 'training.x'"),
        ({"optimiser": {"learning_rate": 0}}, "greater than 0"),
        ({"system": "ganbert", "generator": {"levels": 8}}, "levels 8 leave a single voxel"),
        ({"data": {"canvas": 64}}, r"key 'data.canvas' \(its name is 'data.padded_size' now\)"),
        ({"system": "stack-unet"}, r"got 'stack-unet' \(its name is 'unet25d' now\)"),
        (
            {"system": "unet25d", "data": {"target": "oracle"}, "loss": {"edges": 1}},
            r"got 'oracle' \(its name is 'noise-free' now\).*'loss.edges' \(its name is 'loss.grad",
        ),
        ({"system": "cyclegan"}, "'pix2pix-axial', .* or 'pet-bridge'"),
        ({"data": 3}, "data: "),
    ],
)
def test_mistakes_are_named(content, message):
    with pytest.raises(ConfigError, match=message):
        parse_config(content)


def test_missing_file_names_the_shipped_ones(tmp_path):
    with pytest.raises(InputError, match=r"no such configuration file; shipped are .*small/pix2pi"):
        load_config(tmp_path / "c.toml")


def test_a_mistyped_configuration_is_answered_with_the_closest():
    with pytest.raises(InputError, match=r"file; did you mean small/pix2pix-axial\.toml\?$"):
        load_config("small/pix2pix-axil.toml")


def test_what_is_no_toml(tmp_path):
    (tmp_path / "c.toml").write_text("seed: 3\n")
    with pytest.raises(ConfigError, match=r"c.toml: not valid TOML"):
        load_config(tmp_path / "c.toml")
    (tmp_path / "b.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"b.toml: is no text file"):
        load_config(tmp_path / "b.toml")
    with pytest.raises(InputError, match="is a folder"):
        load_config(tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_keys_can_be_looked_up_in_the_configuration(kind):
    keys = known_keys(kind)
    assert len(set(keys)) == len(keys)
    for key in keys:
        value = kind()
        for part in key.split("."):
            value = getattr(value, part)  # an error says which key there is not


def test_every_key_is_known_by_the_name_of_the_command_line():
    keys = known_keys(Pix2pixConfig)
    assert {"seed", "data.planes", "training.epochs", "optimiser.learning_rate"} <= set(keys)


def test_a_key_like_no_other_is_answered_with_all():
    message = describe_unknown_key("zzz", config_class("ganbert"))

    assert message.startswith("unknown key 'zzz'; known keys: system, seed")
    assert "bert.hidden" in message
    assert "did you mean" not in message


def test_importing_the_configuration_imports_no_torch():
    code = "import sys, petsynth.config; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
