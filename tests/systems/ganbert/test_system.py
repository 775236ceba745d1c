"""GANBERT behind the interface: its size, what is trained, and what prediction need not import."""

import dataclasses
import inspect
import subprocess
import sys

import pytest
import torch
from lightning_fabric import Fabric

from petsynth.config import load_config, parse_config
from petsynth.data.prepared import PreparedData
from petsynth.networks.layers import count_parameters
from petsynth.networks.unet3d import Generator3d
from petsynth.systems.ganbert import training as ganbert_training
from petsynth.systems.ganbert.embedding import shortest_wavelength
from petsynth.systems.ganbert.system import GanbertSystem
from petsynth.systems.ganbert.tokens import pool_image
from petsynth.systems.ganbert.training import GanbertTraining, suited_to


def small_config(system="ganbert"):
    return parse_config(
        {
            "system": system,
            "data": {"voxel_mm": 13.0},
            "generator": {"filters": 4, "levels": 2},
            "cnn": {"filters": 4, "layers": 2},
            "bert": {"layers": 2, "hidden": 16, "heads": 2, "inner": 32},
        }
    )


def test_the_papers_bert_has_1027_tokens_of_11_004_ids_and_12_layers():
    resources = GanbertSystem(load_config("ganbert-cnnd.toml")).resources()
    bert = resources.content["bert"]
    assert (bert["sequence_length"], bert["vocabulary"], bert["layers"]) == (1027, 11_004, 12)
    assert bert["parameters"] == 95_505_662
    assert ("  sequence", "1027 tokens of 11,004 ids") in resources.rows


@pytest.mark.parametrize("name", ["ganbert", "ganbert-cnnd"])
def test_networks_are_those_of_the_training(name, tiny_volumes):
    system, data = GanbertSystem(small_config(name)), PreparedData(tiny_volumes)
    training = system.start_training(data, Fabric(accelerator="cpu", devices=1))
    assert isinstance(training, GanbertTraining)
    assert (training.networks.cnn is not None) == (name == "ganbert-cnnd")

    told = system.resources(subjects=3).content
    counts = [told[part]["parameters"] for part in ("generator", "bert", "cnn") if part in told]
    assert counts == [count_parameters(network) for network in training.networks.modules()]
    assert told["bert"]["layers"] == 2
    assert told["training"]["steps"] == training.steps


def test_checkpointing_is_measured_whichever_way_it_is_configured():
    """The configuration itself stays as it was."""
    system = GanbertSystem(small_config())
    memory = system.resources(subjects=3).content["memory"]
    saved = memory["activations_bytes_with_checkpointing"]
    assert memory["activations_bytes"] == saved
    assert saved < memory["activations_bytes_without_checkpointing"]
    assert system.config == small_config()


def test_the_generator_is_built_without_transformers():
    code = (
        "import sys; from petsynth.config import load_config; "
        "from petsynth.systems.registry import build_system; "
        "build_system(load_config('small/ganbert.toml')).build_generator(); "
        "sys.exit('transformers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_generator_is_the_3d_u_net_of_the_configuration():
    generator = GanbertSystem(small_config()).build_generator()
    assert isinstance(generator, Generator3d)
    assert generator.last.in_channels == 4


def test_bert_learns_without_weight_decay_and_unclipped(tiny_volumes):
    """Paper B, section A.3, tells of neither; Adam's step is that of the raw gradient."""
    config = parse_config({"system": "ganbert"} | GanbertSystem.small_tables("ganbert"))
    training = GanbertTraining(config, PreparedData(tiny_volumes), Fabric(accelerator="cpu"))
    groups = training.networks.bert_optimiser.param_groups
    assert [group["weight_decay"] for group in groups] == [0] * len(groups)
    source = inspect.getsource(ganbert_training)
    assert "clip_grad" not in source


def test_wavelengths_follow_the_training_pets(tiny_volumes):
    config = parse_config({"system": "ganbert"} | GanbertSystem.small_tables("ganbert"))
    training = GanbertTraining(config, PreparedData(tiny_volumes), Fabric(accelerator="cpu"))
    frequencies = training.networks.bert.continuous.frequencies_F
    pets = torch.stack([pet for _, pet in (training.dataset[k] for k in range(3))])
    expected = shortest_wavelength(pool_image(pets))
    assert float(2 * torch.pi / frequencies[0]) == pytest.approx(expected)
    fixed = dataclasses.replace(
        config, bert=dataclasses.replace(config.bert, shortest_wavelength=3.0)
    )
    training = GanbertTraining(fixed, PreparedData(tiny_volumes), Fabric(accelerator="cpu"))
    assert float(
        2 * torch.pi / training.networks.bert.continuous.frequencies_F[0]
    ) == pytest.approx(3)


def test_l1_weighs_as_much_against_bert_in_any_unit():
    """Its unit is a 140th of the spread of the training PETs."""
    config = small_config()
    ramp = torch.linspace(0, 1, 51201).reshape(1, -1)  # from the 1st to the 99th percentile: 0.98
    assert suited_to(config, 0.5 * ramp).loss.l1 == pytest.approx(20 * 140 / 0.49)
    assert suited_to(config, 200 * ramp).loss.l1 == pytest.approx(20 * 140 / 196)
    fixed = dataclasses.replace(
        config, bert=dataclasses.replace(config.bert, shortest_wavelength=8.0)
    )
    assert suited_to(fixed, ramp) == fixed
