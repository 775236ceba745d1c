"""The 3D baselines behind the interface: what is trained and how large it is."""

import pytest
import torch
from lightning_fabric import Fabric
from torch.nn import functional

from petsynth.config import load_config, parse_config
from petsynth.data.prepared import PreparedData
from petsynth.networks.layers import count_parameters
from petsynth.systems.pix2pix3d.system import Pix2pix3dSystem
from petsynth.systems.pix2pix3d.training import Pix2pix3dTraining
from petsynth.systems.volumes.networks import build_cnn, build_generator


def small_config(activation="tanhshrink"):
    return parse_config(
        {
            "system": f"pix2pix3d-{activation}",
            "data": {"voxel_mm": 13.0},
            "generator": {"filters": 4, "levels": 2, "activation": activation},
            "cnn": {"filters": 4, "layers": 2},
        }
    )


@pytest.mark.parametrize("activation", ["tanh", "tanhshrink"])
def test_the_two_systems_differ_by_the_generators_last_layer(activation):
    generator = Pix2pix3dSystem(small_config(activation)).build_generator()
    expected = {"tanh": torch.tanh, "tanhshrink": functional.tanhshrink}
    assert generator.activation is expected[activation]


def test_networks_are_those_of_the_training(tiny_volumes):
    system, data = Pix2pix3dSystem(small_config()), PreparedData(tiny_volumes)
    training = system.start_training(data, Fabric(accelerator="cpu", devices=1))
    assert isinstance(training, Pix2pix3dTraining)

    told = system.resources(subjects=3).content
    counts = [told[part]["parameters"] for part in ("generator", "cnn")]
    assert counts == [count_parameters(network) for network in training.networks.modules()]
    assert told["training"]["steps"] == training.steps


def test_the_papers_size():
    content = Pix2pix3dSystem(load_config("pix2pix3d-tanhshrink.toml")).resources().content
    assert content["generator"]["parameters"] == 8_216_482
    assert content["cnn"]["parameters"] == 11_056_961
    assert content["cnn"]["input_shapes"] == {"mri": [1, 256, 256, 256], "pet": [2, 93, 76, 76]}


def test_checkpointing_is_measured_whichever_way_it_is_configured():
    config = load_config("pix2pix3d-tanhshrink.toml")
    assert config.generator.checkpointing
    memory = Pix2pix3dSystem(config).resources().content["memory"]
    assert memory["activations_bytes"] == memory["activations_bytes_with_checkpointing"]
    assert memory["activations_bytes"] < memory["activations_bytes_without_checkpointing"]


def test_networks_have_no_dropout():
    """Paper B's 3D pix2pix: the generator is deterministic (decision record 0075)."""
    config = parse_config({"system": "pix2pix3d-tanh", "generator": {"activation": "tanh"}})
    for network in (build_generator(config), build_cnn(config)):
        assert not [part for part in network.modules() if "dropout" in type(part).__name__.lower()]
