"""A run folder is loaded whole or refused with the reason."""

import shutil

import pytest
import tomli_w
import torch

from petsynth.config import (
    config_hash,
    config_to_toml,
    load_config,
    parse_config,
    read_toml,
    toml_hash,
)
from petsynth.data.prepared import PreparedData
from petsynth.errors import ConfigError, RunError
from petsynth.inference.run import find_runs, load_run
from petsynth.networks.weights import load_weights, read_metadata, save_weights


@pytest.fixture
def run_copy(tiny_run, tmp_path):
    """Return a run folder that a test may damage."""
    return shutil.copytree(tiny_run, tmp_path / "runs" / "axial")


def test_a_run_knows_what_its_pet_means(tiny_run, tiny_prepared):
    run = load_run(tiny_run)
    data = PreparedData(tiny_prepared)
    assert (run.name, run.tracer, run.unit) == ("pix2pix-axial", "FDG", "SUVR")
    assert run.pet_scale == 2.0
    assert run.simulated is True
    assert run.grid.matches(data.grid)
    assert not run.generator.training


def test_weights_are_those_of_the_file(tiny_run):
    run = load_run(tiny_run)
    again = load_run(tiny_run).generator
    with torch.no_grad():
        for weight in again.parameters():
            weight.zero_()
    load_weights(tiny_run / "model.safetensors", again)
    for one, other in zip(run.generator.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)


def test_missing_folder(tmp_path):
    with pytest.raises(RunError, match="no such run folder"):
        load_run(tmp_path / "nothing")


@pytest.mark.parametrize("name", ["config.toml", "model.safetensors"])
def test_incomplete_folder(run_copy, name):
    (run_copy / name).unlink()
    with pytest.raises(RunError, match=f"no finished run, {name} is missing"):
        load_run(run_copy)


def test_empty_folder(tmp_path):
    with pytest.raises(RunError, match=r"config.toml and model.safetensors are missing"):
        load_run(tmp_path)


def test_truncated_weights(run_copy):
    weights = run_copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(RunError, match="damaged weights"):
        load_run(run_copy)


def test_run_folder_from_a_different_configuration(run_copy):
    config = load_config(run_copy / "config.toml")
    other = parse_config({"seed": config.seed + 1})
    (run_copy / "config.toml").write_text(config_to_toml(other))
    with pytest.raises(RunError, match="not the configuration that model"):
        load_run(run_copy)


def test_a_run_of_a_version_with_fewer_keys_is_still_one(run_copy):
    generator = load_run(run_copy).generator
    content = read_toml(run_copy / "config.toml")
    del content["training"]["samples_every"]
    (run_copy / "config.toml").write_text(tomli_w.dumps(content))
    weights = run_copy / "model.safetensors"
    metadata = read_metadata(weights) | {"config_hash": toml_hash(content)}
    assert metadata["config_hash"] != config_hash(load_config(run_copy / "config.toml"))
    save_weights(weights, generator, metadata)

    assert load_run(run_copy).name == "pix2pix-axial"


def test_invalid_configuration(run_copy):
    with (run_copy / "config.toml").open("a") as file:
        file.write("\n[trainign]\nepochs = 1\n")
    with pytest.raises(ConfigError, match="did you mean 'training'"):
        load_run(run_copy)


def test_weights_of_another_size(run_copy):
    weights = run_copy / "model.safetensors"
    save_weights(weights, torch.nn.Linear(2, 2), read_metadata(weights))
    with pytest.raises(RunError, match="network of another size"):
        load_run(run_copy)


def test_weights_without_description(run_copy):
    weights = run_copy / "model.safetensors"
    metadata = read_metadata(weights)
    del metadata["pet_scale"], metadata["unit"]
    save_weights(weights, load_run(run_copy).generator, metadata)
    with pytest.raises(RunError, match="does not say its unit, pet_scale"):
        load_run(run_copy)


def test_runs_are_found_two_levels_down(run_copy, tmp_path):
    shutil.copytree(run_copy, tmp_path / "near")
    shutil.copytree(run_copy, tmp_path / "a" / "b" / "too-deep")
    incomplete = shutil.copytree(run_copy, tmp_path / "runs" / "killed")
    (incomplete / "config.toml").unlink()
    assert find_runs(tmp_path) == [tmp_path / "near", tmp_path / "runs" / "axial"]
