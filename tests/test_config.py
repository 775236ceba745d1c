import dataclasses
import subprocess
import sys
import tomllib

import pytest

from petsynth.config import (
    Config,
    config_hash,
    config_to_toml,
    known_keys,
    load_config,
    parse_config,
    shipped_configs,
)
from petsynth.errors import ConfigError, InputError

PAPERS = ["pix2pix-axial.toml", "pix2pix-augmented.toml"]


def test_shipped_configurations_are_those_of_paper_a_large_and_small():
    assert list(shipped_configs()) == sorted([*PAPERS, *(f"small/{name}" for name in PAPERS)])


@pytest.mark.parametrize("name", shipped_configs())
def test_every_shipped_configuration_loads_by_name_and_by_path(name):
    config = load_config(name)
    assert config == load_config(shipped_configs()[name])
    assert config.system == name.removeprefix("small/").removesuffix(".toml")


def test_the_papers_axial_configuration_is_the_default():
    assert load_config("pix2pix-axial.toml").data == Config().data
    for part in ("generator", "discriminator", "loss", "optimiser"):
        assert getattr(load_config("pix2pix-axial.toml"), part) == getattr(Config(), part)
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


def test_a_files_values_stand_over_the_defaults(tmp_path):
    (tmp_path / "c.toml").write_text("seed = 7\n[generator]\nfilters = 8\n")
    config = load_config(tmp_path / "c.toml")
    assert (config.seed, config.generator.filters, config.generator.levels) == (7, 8, 8)


def test_toml_and_back():
    config = parse_config({"seed": 3, "data": {"planes": ["coronal", "axial"]}})
    assert parse_config(tomllib.loads(config_to_toml(config))) == config


def test_hash_changes_with_any_value():
    assert config_hash(Config()) == config_hash(parse_config({}))
    assert config_hash(Config()) != config_hash(parse_config({"training": {"epochs": 101}}))
    assert len(config_hash(Config())) == 12


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
        ({"data": {"canvas": 100}}, "data.canvas is 100, not divisible by 2.*levels = 256"),
        ({"discriminator": {"layers": 7}}, "256 is too small for discriminator.layers 7"),
        ({"data": {"planes": []}}, "at least one plane"),
        ({"data": {"planes": ["axial", "axial"]}}, "each once"),
        ({"data": {"planes": ["oblique"]}}, "'sagittal', 'coronal' or 'axial'"),
        ({"generator": {"levels": 3}}, "dropout_levels must be smaller than generator.levels"),
        ({"generator": {"dropout": 1.0}}, "less than 1"),
        ({"optimiser": {"learning_rate": 0}}, "greater than 0"),
        ({"system": "cyclegan"}, "'pix2pix-axial' or 'pix2pix-augmented'"),
        ({"data": 3}, "data: "),
    ],
)
def test_mistakes_are_named(content, message):
    with pytest.raises(ConfigError, match=message):
        parse_config(content)


def test_missing_file_names_the_shipped_ones(tmp_path):
    with pytest.raises(InputError, match=r"no such configuration file; shipped are .*small/pix2pi"):
        load_config(tmp_path / "c.toml")


def test_what_is_no_toml(tmp_path):
    (tmp_path / "c.toml").write_text("seed: 3\n")
    with pytest.raises(ConfigError, match=r"c.toml: not valid TOML"):
        load_config(tmp_path / "c.toml")
    (tmp_path / "b.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match=r"b.toml: not a TOML file"):
        load_config(tmp_path / "b.toml")
    with pytest.raises(InputError, match="not a TOML file"):
        load_config(tmp_path)


def test_every_key_is_known_by_the_name_of_the_command_line():
    keys = known_keys()
    assert {"seed", "data.planes", "training.epochs", "optimiser.learning_rate"} <= set(keys)


def test_importing_the_configuration_imports_no_torch():
    code = "import sys, petsynth.config; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
