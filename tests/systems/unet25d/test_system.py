"""The 2.5D U-Net behind the interface: its size, its prediction, what is said of it."""

import dataclasses

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from petsynth.config import load_config, parse_config
from petsynth.data.prepared import PreparedData
from petsynth.errors import ArgumentError
from petsynth.networks.layers import count_parameters
from petsynth.systems.base import PredictionSettings, SubjectInfo, TrainedGenerator
from petsynth.systems.unet25d.system import NORMAL_ERROR_TO_STD, Unet25dSystem
from petsynth.systems.unet25d.training import Unet25dTraining
from petsynth.systems.unet25d.volume import predict_slabs, settle_error


def small_config(*, slabs_per_volume=6, **training):
    return parse_config(
        {
            "system": "unet25d",
            "data": {
                "slices": 3,
                "padded_size": 32,
                "slabs_per_volume": slabs_per_volume,
                "shuffled_volumes": 2,
            },
            "generator": {"filters": 8, "max_filters": 16, "levels": 2},
            "training": {"batch_size": 5, "workers": 0, "epochs": 3} | training,
        }
    )


def describe(config, **more) -> dict:
    return Unet25dSystem(config).resources(**more).content


@pytest.mark.parametrize(
    ("max_steps", "steps"), [(0, 15), (14, 14), (15, 15), (16, 15)]
)  # 4 volumes of 6 slabs: 5 steps an epoch, the last one smaller
def test_steps_are_those_that_are_taken(tiny_prepared, max_steps, steps):
    config = small_config(max_steps=max_steps)
    told = describe(config, subjects=4)
    assert told["training"] == {
        "subjects": 4,
        "slabs_per_epoch": 24,
        "batch_size": 5,
        "steps_per_epoch": 5,
        "steps": steps,
    }
    fabric = Fabric(accelerator="cpu", devices=1)
    training = Unet25dTraining(config, PreparedData(tiny_prepared), fabric)
    assert (training.epoch_steps, training.steps) == (5, steps)
    assert told["generator"]["parameters"] == count_parameters(training.networks.generator)


def test_shapes_are_those_of_a_batch():
    told = describe(small_config())
    assert told["generator"]["input_shape"] == [5, 3, 32, 32]
    assert told["generator"]["output_shape"] == [5, 1, 32, 32]


def test_without_data_the_pretrained_models_subjects_count():
    training = describe(load_config("petsynth-fdg.toml"))["training"]
    assert training["subjects"] == 87
    assert training["slabs_per_epoch"] == 87 * 16
    assert training["steps_per_epoch"] == 87


def test_memory_is_that_of_one_network_and_says_so():
    one, two = (describe(small_config(batch_size=size)) for size in (1, 2))
    memory = one["memory"]
    assert memory["weights_bytes"] == 4 * one["generator"]["parameters"]
    assert memory["total_bytes"] == 4 * memory["weights_bytes"] + memory["activations_bytes"]
    assert two["memory"]["weights_bytes"] == memory["weights_bytes"]
    assert two["memory"]["activations_bytes"] == 2 * memory["activations_bytes"] > 0
    assert "discriminator" not in memory["definition"]
    assert "activations" in memory["definition"]


class Lopsided(torch.nn.Module):
    """Infer the middle slice, brighter to the right; expect an error that grows to the right."""

    def forward(self, mri, place=None, covariates=None):
        columns = torch.linspace(0, 1, mri.shape[3]).expand(len(mri), 1, *mri.shape[2:])
        return mri[:, 1:2] + 0.1 * columns, columns


@pytest.fixture
def data(tiny_prepared):
    return PreparedData(tiny_prepared)


@pytest.fixture
def mri(data):
    return np.asarray(data.mri("sub-001"))


@pytest.mark.parametrize(
    ("metadata", "factor"), [({}, NORMAL_ERROR_TO_STD), ({"error_to_std": 2.5}, 2.5)]
)
def test_a_prediction_is_the_mean_over_the_t1_and_its_flipped_image(data, mri, metadata, factor):
    system, network = Unet25dSystem(small_config()), Lopsided()
    metadata = metadata | {"grid": data.grid.to_dict()}
    model = TrainedGenerator(network, torch.device("cpu"), 3.0, metadata)
    counted = []
    settings = PredictionSettings(on_sample=lambda: counted.append(1))
    prediction = system.predict(model, mri, settings, SubjectInfo())

    one, flipped = (
        predict_slabs(network, image, slices=3, padded_size=32) for image in (mri, mri[::-1])
    )
    pet = (one[0] + flipped[0][::-1]) / 2
    error = settle_error((one[1] + flipped[1][::-1]) / 2, mri, data.grid.voxel_mm[0])
    np.testing.assert_allclose(prediction.mean, (pet + 1) / 2 * 3.0, atol=1e-6)
    # The network's units are half a PET scale wide.
    np.testing.assert_allclose(prediction.std, error * 1.5 * factor, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(prediction.std, prediction.std[::-1], atol=1e-6)
    assert prediction.mean.dtype == prediction.std.dtype == np.float32
    assert counted == [1]


def test_it_always_knows_its_error_draws_nothing_and_takes_axial_slices():
    system = Unet25dSystem(small_config())
    assert system.std_kind(1) == "expected-error"
    assert system.planes_used(("coronal", "sagittal")) == ("axial",)
    assert system.unseen_planes(("axial",)) == []
    assert system.training_format() is None
    with pytest.raises(ArgumentError, match="--samples 2: unet25d is not stochastic"):
        system.check_samples(2)


def test_cards_and_tables_say_slabs_augmentation_and_scale(tiny_prepared):
    data = PreparedData(tiny_prepared)
    system = Unet25dSystem(small_config())
    lines = system.card_lines(data)
    assert lines.method.startswith("2.5D U-Net: 3 neighbouring axial slices in")
    assert lines.method.endswith("augmented subjects")
    assert lines.intensities == "the network's 1 is 2 SUVR: chosen"
    assert (lines.grid, lines.limits) == ("", "")
    assert system.describe_run(9) == (
        "unet25d: 2.5D U-Net on slabs of 3 axial slices, 9 steps of batch 5, seed 0"
    )


def test_a_training_from_shrunk_weights_begins_without_shrinkage():
    config = small_config()
    located = dataclasses.replace(config.data, location="coordinates")
    networks = {}
    for weight in (0.0, 0.5):
        generator = dataclasses.replace(config.generator, shrinkage=weight)
        networks[weight] = Unet25dSystem(
            dataclasses.replace(config, data=located, generator=generator)
        )
    shrunk = networks[0.5].build_generator()
    assert networks[0.5].network_tables()["generator"]["shrinkage"] == 0
    plain = networks[0.0].build_generator()
    plain.load_state_dict(networks[0.0].extend_weights(plain, shrunk.state_dict()))
    assert plain.shrinkage is None

    again = networks[0.5].build_generator()
    again.load_state_dict(networks[0.5].extend_weights(again, plain.state_dict()))
    assert again.shrinkage is not None
    assert not again.shrinkage.inside.any()


def test_the_card_says_that_a_model_is_shrunk(tiny_prepared):
    config = small_config()
    generator = dataclasses.replace(config.generator, shrinkage=0.25)
    shrunk = Unet25dSystem(dataclasses.replace(config, generator=generator))
    data = PreparedData(tiny_prepared)
    assert "towards a real population's mean PET (weight 0.25)" in shrunk.card_lines(data).method
    assert "shrunk" not in Unet25dSystem(config).card_lines(data).method
