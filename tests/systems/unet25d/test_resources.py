"""What a pretrained model's training is said to take, by hand and next to the training itself."""

import pytest
from lightning_fabric import Fabric
from petsynth.systems.unet25d.resources import estimate_stacks

from petsynth.config import config_hash, load_config, parse_config
from petsynth.data.prepared import PreparedData
from petsynth.networks.layers import count_parameters
from petsynth.systems.unet25d.system import Unet25dTraining


def small_config(*, slabs_per_volume=6, **training):
    return parse_config(
        {
            "system": "unet25d",
            "data": {
                "slices": 3,
                "padded_size": 32,
                "slabs_per_volume": slabs_per_volume,
                "window": 2,
            },
            "generator": {"filters": 8, "max_filters": 16, "levels": 2},
            "training": {"batch_size": 5, "workers": 0, "epochs": 3} | training,
        }
    )


@pytest.mark.parametrize(
    ("max_steps", "steps"), [(0, 15), (14, 14), (15, 15), (16, 15)]
)  # 4 heads of 6 stacks: 5 steps an epoch, the last one smaller
def test_steps_are_those_that_are_taken(tiny_prepared, max_steps, steps):
    config = small_config(max_steps=max_steps)
    told = estimate_stacks(config, subjects=4)
    assert told["training"] == {
        "subjects": 4,
        "slices_per_epoch": 24,
        "batch_size": 5,
        "steps_per_epoch": 5,
        "steps": steps,
    }
    fabric = Fabric(accelerator="cpu", devices=1)
    system = Unet25dTraining(config, PreparedData(tiny_prepared), fabric)
    assert (system.epoch_steps, system.steps) == (5, steps)
    assert told["generator"]["parameters"] == count_parameters(system.networks.generator)


def test_shapes_are_those_of_a_batch():
    config = small_config()
    told = estimate_stacks(config)
    assert told["system"] == "unet25d"
    assert told["config_hash"] == config_hash(config)
    assert told["generator"]["input_shape"] == [5, 3, 32, 32]
    assert told["generator"]["output_shape"] == [5, 1, 32, 32]


def test_without_data_the_pretrained_models_subjects_count():
    training = estimate_stacks(load_config("petsynth-fdg.toml"))["training"]
    assert training["subjects"] == 87
    assert training["slices_per_epoch"] == 87 * 16
    assert training["steps_per_epoch"] == 87


def test_memory_is_that_of_one_network_and_says_so():
    one, two = (estimate_stacks(small_config(batch_size=size)) for size in (1, 2))
    memory = one["memory"]
    assert memory["weights_bytes"] == 4 * one["generator"]["parameters"]
    assert memory["total_bytes"] == 4 * memory["weights_bytes"] + memory["activations_bytes"]
    assert two["memory"]["weights_bytes"] == memory["weights_bytes"]
    assert two["memory"]["activations_bytes"] == 2 * memory["activations_bytes"] > 0
    assert "discriminator" not in memory["definition"]
    assert "activations" in memory["definition"]
