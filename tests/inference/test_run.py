"""A run folder is loaded whole or refused with the reason; so are its metadata."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import shutil

import numpy as np
import pytest
import safetensors.torch
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
from petsynth.errors import ArgumentError, ConfigError, InputError, RunError
from petsynth.inference.run import check_metadata, choose_device, find_runs, load_run
from petsynth.networks.weights import copy_weights, load_weights, read_metadata, save_weights
from petsynth.systems.base import Prediction, PredictionSettings, SubjectInfo


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


@pytest.mark.parametrize("name", ["config.toml", "model.safetensors"])
def test_a_file_that_is_no_file_is_not_called_missing(run_copy, name):
    (run_copy / name).unlink()
    os.mkfifo(run_copy / name)
    with pytest.raises(InputError, match=f"{name}: is a named pipe"):
        load_run(run_copy)
    (run_copy / name).unlink()
    (run_copy / name).symlink_to("/dev/zero")
    with pytest.raises(InputError, match=f"{name}: is a device"):
        load_run(run_copy)


def test_metadata_that_were_changed_after_training_are_refused(run_copy):
    weights = run_copy / "model.safetensors"
    tensors = safetensors.torch.load_file(weights)
    metadata = read_metadata(weights) | {"pet_scale": 1.5}
    safetensors.torch.save_file(tensors, weights, {"petsynth": json.dumps(metadata)})
    with pytest.raises(RunError, match=r"its metadata .* are not those that were written"):
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


def test_what_the_system_predicts_is_handed_on(tiny_run):
    run = load_run(tiny_run)
    seen = []

    class Recorded(type(run.system)):
        def predict(self, model, t1_XYZ, settings, subject):
            seen.append((model, settings, subject))
            return Prediction(t1_XYZ)

    recorded = dataclasses.replace(run, system=Recorded(run.config))
    t1, settings = np.zeros(run.grid.shape, np.float32), PredictionSettings(seed=7)
    subject = SubjectInfo(covariates={"age": 0.5})
    assert recorded.predict(t1, settings, subject).mean is t1
    ((model, given, known),) = seen
    assert given is settings
    assert known is subject
    assert (model.network, model.pet_scale) == (run.generator, 2.0)
    assert model.metadata == run.metadata


def test_wrong_arguments(tiny_run):
    run = load_run(tiny_run)
    t1 = np.zeros(run.grid.shape, np.float32)
    with pytest.raises(ValueError, match="at least one"):
        run.predict(t1, PredictionSettings(samples=0))
    with pytest.raises(ValueError, match="not on the grid"):
        run.predict(t1[1:], PredictionSettings())


@pytest.fixture
def earlier_run(run_copy):
    """Return a run as the version before wrote it: other keys, and weights without a format."""
    text = (run_copy / "config.toml").read_text()
    (run_copy / "config.toml").write_text(text.replace("padded_size", "canvas"))
    weights = run_copy / "model.safetensors"
    metadata = read_metadata(weights)
    del metadata["format"], metadata["weights_sha256"]
    tensors = safetensors.torch.load_file(weights)
    weights.write_bytes(safetensors.torch.save(tensors, {"petsynth": json.dumps(metadata)}))
    return run_copy


def test_a_run_of_an_earlier_version_is_to_be_trained_again(earlier_run):
    message = r"model.safetensors: was not written by this version .* train the model again"
    with pytest.raises(RunError, match=message) as refusal:
        load_run(earlier_run)
    assert "\n" not in str(refusal.value)


def test_a_flipped_bit_is_noticed(run_copy):
    weights = run_copy / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-5] ^= 1
    weights.write_bytes(content)
    with pytest.raises(RunError, match=r"damaged weights .*copy the file again"):
        load_run(run_copy)


def test_a_run_of_paper_b_reads_the_conformed_t1(tiny_volume_run, tiny_run, tiny_volumes):
    run, data = load_run(tiny_volume_run), PreparedData(tiny_volumes)
    assert run.t1_grid.matches(data.t1_grid)
    assert run.grid.matches(data.grid)
    assert load_run(tiny_run).t1_grid is None

    mean = run.predict(data.t1("sub-005"), PredictionSettings()).mean
    assert mean.shape == (*data.grid.shape, 2)
    with pytest.raises(ValueError, match=r"not on the grid \(39, 39, 39\)"):
        run.predict(data.mri("sub-005"), PredictionSettings())


@pytest.fixture
def metadata(tiny_run):
    return read_metadata(tiny_run / "model.safetensors")


def test_what_training_writes_is_accepted(metadata):
    check_metadata("model.safetensors", metadata)


GRID = {"shape": [21, 25, 21], "affine": [[9, 0, 0, 0], [0, 9, 0, 0], [0, 0, 9, 0], [0, 0, 0, 1]]}
WRONG = [
    ("tracer", "../../x"),
    ("tracer", "FDG/../x"),
    ("tracer", ""),
    ("tracer", None),
    ("tracer", "F\nDG"),
    ("unit", 3),
    ("unit", "S\nUVR"),
    ("unit", "x" * 1000),
    ("pet_scale", math.nan),
    ("pet_scale", math.inf),
    ("pet_scale", 0.0),
    ("pet_scale", -2.0),
    ("pet_scale", "2"),
    ("pet_scale", True),
    ("error_to_std", math.nan),
    ("error_to_std", -1.0),
    ("simulated", "no"),
    ("frames", -1),
    ("steps", 0.5),
    ("grid", None),
    ("grid", {"shape": [21, 25]}),
    ("grid", GRID | {"shape": [600, 600, 600]}),
    ("grid", GRID | {"shape": [10**9, 10**9, 10**9]}),
    ("grid", GRID | {"shape": [0, 25, 21]}),
    ("grid", GRID | {"shape": ["x", 25, 21]}),
    ("grid", GRID | {"affine": [[math.nan] * 4] * 4}),
    ("grid", GRID | {"affine": [[0.0] * 4] * 4}),
    ("grid", GRID | {"affine": [[1, 0], [0, 1]]}),
    ("t1_grid", GRID | {"shape": [600, 600, 600]}),
    ("preprocessing", 3),
    ("preprocessing", {"registration": "x"}),
    ("name", "../x\n"),
]


@pytest.mark.parametrize(("key", "value"), WRONG)
def test_impossible_entries_are_one_line_that_names_the_file(metadata, key, value):
    with pytest.raises(RunError) as refusal:
        check_metadata("run/model.safetensors", metadata | {key: value})
    message = str(refusal.value)
    assert message.startswith("run/model.safetensors: damaged metadata (")
    assert "\n" not in message


def test_missing_entries_are_named(metadata):
    del metadata["tracer"], metadata["grid"]
    with pytest.raises(RunError, match="does not say its tracer, grid"):
        check_metadata("x", metadata)


def test_a_run_with_impossible_metadata_is_not_loaded(tiny_run, tmp_path):
    (tmp_path / "config.toml").write_bytes((tiny_run / "config.toml").read_bytes())
    copy_weights(
        tiny_run / "model.safetensors", tmp_path / "model.safetensors", {"tracer": "../../x"}
    )
    with pytest.raises(RunError, match=r"model.safetensors: damaged metadata \(tracer is"):
        load_run(tmp_path)


@pytest.fixture(autouse=True)
def _same_threads_afterwards():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_the_cpu_with_one_thread():
    assert choose_device("cpu", threads=1) == torch.device("cpu")
    assert torch.get_num_threads() == 1


def test_there_are_never_more_threads_than_cores():
    choose_device("cpu", threads=100_000)
    assert torch.get_num_threads() == os.cpu_count()


def test_auto_is_a_device_that_can_compute():
    device = choose_device("auto", threads=1)
    assert device.type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert torch.zeros(1, device=device).item() == 0


@pytest.mark.parametrize("threads", [0, -1])
def test_impossible_threads_change_nothing(threads):
    torch.set_num_threads(1)
    with pytest.raises(ArgumentError, match=f"--threads {threads}: must be 1 or more"):
        choose_device("cpu", threads)
    assert torch.get_num_threads() == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("abacus", "--device abacus: unknown"),
        ("", "--device : unknown"),
        ("meta", "--device meta: not supported; use auto, cpu or cuda"),
        ("cuda:99", "--device cuda:99: torch finds no such GPU here; use --device cpu"),
    ],
)
def test_other_devices_are_refused(name, message):
    with pytest.raises(ArgumentError, match=message):
        choose_device(name, threads=1)
