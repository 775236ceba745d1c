import dataclasses
import subprocess
import sys
import tomllib

import pytest

from petsynth.config import (
    SYSTEMS,
    GanbertConfig,
    Pix2pixConfig,
    config_hash,
    config_to_toml,
    known_keys,
    load_config,
    parse_config,
    shipped_configs,
)
from petsynth.errors import ConfigError, InputError

PAPERS = ["pix2pix-axial.toml", "pix2pix-augmented.toml"]


OURS = {"petsynth-3d.toml": "pix2pix3d-tanh", "petsynth-fdg.toml": "unet25d"}


def test_shipped_configurations_are_the_papers_large_and_small_and_ours():
    papers = [f"{system}.toml" for system in SYSTEMS if system != "unet25d"]
    small = [f"small/{name}" for name in papers]
    assert list(shipped_configs()) == sorted([*papers, *small, *OURS])


def test_hashes_of_paper_a_are_those_that_its_published_runs_have():
    assert config_hash(load_config("pix2pix-axial.toml")) == "1b190b8e57fe"
    assert config_hash(load_config("small/pix2pix-axial.toml")) == "141828ee4a7a"


@pytest.mark.parametrize("system", ["pix2pix3d-tanh", "pix2pix3d-tanhshrink"])
def test_the_3d_baselines_differ_by_their_last_layer_alone(system):
    config = load_config(f"{system}.toml")
    assert config.generator.activation == system.removeprefix("pix2pix3d-")
    assert (config.loss.l1, config.optimiser.learning_rate) == (100.0, 2e-4)
    other = load_config("pix2pix3d-tanhshrink.toml")
    generator = dataclasses.replace(config.generator, activation="tanhshrink")
    assert dataclasses.replace(config, system=other.system, generator=generator) == other


@pytest.mark.parametrize("system", ["ganbert", "ganbert-cnnd"])
def test_ganberts_configuration_is_the_papers(system):
    config = load_config(f"{system}.toml")
    assert (config.bert.layers, config.bert.hidden, config.bert.heads) == (12, 768, 12)
    assert (config.bert.mri_masked, config.bert.pet_masked) == (0.05, 0.25)
    assert (config.loss.nsp, config.loss.mlm, config.loss.l1) == (20.0, 1.0, 20.0)
    assert (config.optimiser.learning_rate, config.optimiser.warm_up) == (1e-4, 0.05)
    assert (config.training.batch_size, config.training.accumulate) == (2, 2)
    assert (config.data.voxel_mm, config.data.frames) == (2.0, 2)


@pytest.mark.parametrize("system", [name for name in SYSTEMS if "3d" in name or "bert" in name])
def test_small_configurations_shrink_width_depth_and_image_alone(system):
    large, small = load_config(f"{system}.toml"), load_config(f"small/{system}.toml")
    assert large.loss == small.loss
    if isinstance(large, GanbertConfig):
        for knob in ("embedding", "tokens", "mri_masked", "pet_masked", "replacement"):
            assert getattr(large.bert, knob) == getattr(small.bert, knob)


@pytest.mark.parametrize("name", shipped_configs())
def test_every_shipped_configuration_loads_by_name_and_by_path(name):
    config = load_config(name)
    assert config == load_config(shipped_configs()[name])
    system = name.removeprefix("small/").removesuffix(".toml")
    assert config.system == OURS.get(name, system)


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


def test_a_files_values_stand_over_the_defaults(tmp_path):
    (tmp_path / "c.toml").write_text("seed = 7\n[generator]\nfilters = 8\n")
    config = load_config(tmp_path / "c.toml")
    assert (config.seed, config.generator.filters, config.generator.levels) == (7, 8, 8)


def test_toml_and_back():
    config = parse_config({"seed": 3, "data": {"planes": ["coronal", "axial"]}})
    assert parse_config(tomllib.loads(config_to_toml(config))) == config


def test_a_configuration_that_masks_nothing_is_refused():
    def mask(mri, pet):
        bert = {"mri_masked": mri, "pet_masked": pet}
        return parse_config({"system": "ganbert", "bert": bert})

    assert mask(0.004, 0).bert.mri_masked == 0.004  # two tokens of 512
    with pytest.raises(ConfigError, match="mask no token"):
        mask(0.0009, 0.0009)


def test_hash_changes_with_any_value():
    assert config_hash(Pix2pixConfig()) == config_hash(parse_config({}))
    assert config_hash(Pix2pixConfig()) != config_hash(parse_config({"training": {"epochs": 101}}))
    assert len(config_hash(Pix2pixConfig())) == 12


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
        ({"optimiser": {"learning_rate": 0}}, "greater than 0"),
        ({"system": "ganbert", "bert": {"hiden": 8}}, r"'bert.hiden' \(did you mean 'bert.hidden'"),
        ({"system": "ganbert", "bert": {"hidden": 8, "heads": 3}}, "not divisible by bert.heads 3"),
        ({"system": "ganbert", "data": {"padded_size": 64}}, "unknown key 'data.padded_size'"),
        ({"system": "ganbert", "data": {"voxel_mm": 30}}, "fewer than the 8 voxels"),
        ({"system": "ganbert", "generator": {"levels": 8}}, "levels 8 leave a single voxel"),
        (
            {"system": "ganbert-cnnd", "data": {"voxel_mm": 8}, "generator": {"levels": 3}},
            "cnn.layers 4 leave no patch",
        ),
        ({"system": "pix2pix3d-tanh"}, "activation is tanhshrink, of pix2pix3d-tanh it is tanh"),
        ({"system": "cyclegan"}, "'pix2pix-axial', .* or 'ganbert-cnnd'"),
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
