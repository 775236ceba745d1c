import dataclasses

import pytest
import torch
from petsynth.systems.pix2pix.resources import estimate, run_and_measure

from petsynth.config import Pix2pixConfig, load_config, parse_config
from petsynth.errors import ConfigError
from petsynth.systems.pix2pix.patchgan import PatchGan2d


def test_paper_size():
    content = estimate(load_config("pix2pix-axial.toml"))
    assert content["generator"]["parameters"] == 54_408_385
    assert content["discriminator"]["parameters"] == 2_764_609
    assert content["discriminator"]["receptive_field"] == 70
    assert content["generator"]["output_shape"] == [1, 1, 256, 256]
    assert content["discriminator"]["output_shape"] == [1, 1, 30, 30]
    assert content["training"]["slices_per_epoch"] == 1452
    assert content["training"]["steps_per_epoch"] == 1452
    assert content["training"]["steps"] == 145_200
    assert content["memory"]["weights_bytes"] == 4 * (54_408_385 + 2_764_609)


def test_augmented_has_4644_slices():
    training = estimate(load_config("pix2pix-augmented.toml"))["training"]
    assert (training["slices_per_epoch"], training["steps"]) == (4644, 464_400)


def test_prepared_data_decide_the_steps():
    config = load_config("small/pix2pix-augmented.toml")
    training = estimate(config, grid_shape=(46, 55, 46), subjects=3)["training"]
    assert training["slices_per_epoch"] == 3 * (46 + 55 + 46)
    assert training["steps_per_epoch"] == 111  # 441 slices, 4 at a time, rounded up
    assert training["steps"] == 1500


def test_a_small_canvas_is_described_at_a_grid_that_fits():
    training = estimate(load_config("small/pix2pix-axial.toml"))["training"]
    assert training["grid_shape"] == [61, 73, 61]


def test_activations_are_counted_by_hand():
    """One layer of stride 2: kept are its input, its result for LeakyReLU, that one's result."""
    network = PatchGan2d(filters=4, layers=1)
    network.parts = network.parts[:2]  # convolution 2 -> 4, LeakyReLU
    image = torch.zeros(3, 1, 16, 16)
    _, kept = run_and_measure(network, image, image)
    joined, convolved = 3 * 2 * 16 * 16, 3 * 4 * 8 * 8
    assert kept == 4 * (joined + convolved)


def test_memory_adds_up_and_activations_grow_with_the_batch():
    one = estimate(Pix2pixConfig())["memory"]
    four = estimate(
        dataclasses.replace(
            Pix2pixConfig(), training=dataclasses.replace(Pix2pixConfig().training, batch_size=4)
        )
    )["memory"]
    parts = ("weights_bytes", "gradients_bytes", "optimiser_bytes", "activations_bytes")
    assert one["total_bytes"] == sum(one[part] for part in parts)
    assert four["activations_bytes"] == 4 * one["activations_bytes"]
    assert four["weights_bytes"] == one["weights_bytes"]


def test_a_canvas_for_no_usual_grid_is_refused():
    config = parse_config({"data": {"padded_size": 32}, "generator": {"levels": 4}})
    with pytest.raises(ConfigError, match=r"holds no slices of 6.0 mm"):
        estimate(config)


def test_slices_larger_than_the_canvas_are_refused():
    with pytest.raises(ConfigError, match=r"data.padded_size of 80 pixels is too small"):
        estimate(load_config("small/pix2pix-axial.toml"), grid_shape=(121, 145, 121))
