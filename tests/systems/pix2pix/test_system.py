"""Paper A's systems: how large they are, what a prediction averages, what a card says."""

import dataclasses

import numpy as np
import pytest
import torch

from petsynth.config import load_config, parse_config
from petsynth.data.prepared import PreparedData
from petsynth.data.scale import from_network
from petsynth.errors import ConfigError
from petsynth.inference.run import Run, load_run
from petsynth.systems.base import Prediction, PredictionSettings
from petsynth.systems.pix2pix.config import Pix2pixConfig
from petsynth.systems.pix2pix.system import Pix2pixSystem
from petsynth.systems.slices.system import jpeg_round_trip
from petsynth.systems.slices.volume import predict_volume, sample_key

ALL_PLANES = ("axial", "coronal", "sagittal")


def describe(config, **more) -> dict:
    return Pix2pixSystem(config).resources(**more).content


def test_paper_size():
    content = describe(load_config("pix2pix-axial.toml"))
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
    training = describe(load_config("pix2pix-augmented.toml"))["training"]
    assert (training["slices_per_epoch"], training["steps"]) == (4644, 464_400)


def test_prepared_data_decide_the_steps():
    config = load_config("small/pix2pix-augmented.toml")
    training = describe(config, grid_shape=(46, 55, 46), subjects=3)["training"]
    assert training["slices_per_epoch"] == 3 * (46 + 55 + 46)
    assert training["steps_per_epoch"] == 111  # 441 slices, 4 at a time, rounded up
    assert training["steps"] == 1500


def test_a_small_padded_size_is_described_at_a_grid_that_fits():
    training = describe(load_config("small/pix2pix-axial.toml"))["training"]
    assert training["grid_shape"] == [61, 73, 61]


def test_memory_adds_up_and_activations_grow_with_the_batch():
    one = describe(Pix2pixConfig())["memory"]
    four = describe(
        dataclasses.replace(
            Pix2pixConfig(), training=dataclasses.replace(Pix2pixConfig().training, batch_size=4)
        )
    )["memory"]
    parts = ("weights_bytes", "gradients_bytes", "optimiser_bytes", "activations_bytes")
    assert one["total_bytes"] == sum(one[part] for part in parts)
    assert four["activations_bytes"] == 4 * one["activations_bytes"]
    assert four["weights_bytes"] == one["weights_bytes"]


def test_a_padded_size_for_no_usual_grid_is_refused():
    config = parse_config({"data": {"padded_size": 32}, "generator": {"levels": 4}})
    with pytest.raises(ConfigError, match=r"holds no slices of 6.0 mm"):
        describe(config)


def test_slices_larger_than_the_padded_size_are_refused():
    with pytest.raises(ConfigError, match=r"data.padded_size of 80 pixels is too small"):
        describe(load_config("small/pix2pix-axial.toml"), grid_shape=(121, 145, 121))


class Identity(torch.nn.Module):
    """The PET is the MRI."""

    def forward(self, mri_BCHW, dropout_keys_B):
        return mri_BCHW


@pytest.fixture
def run(tiny_run):
    return load_run(tiny_run)


@pytest.fixture
def mri(tiny_prepared):
    return np.asarray(PreparedData(tiny_prepared).mri("sub-001"))


def predict(run: Run, mri: np.ndarray, **settings) -> Prediction:
    return run.predict(mri, PredictionSettings(**settings))


def test_network_units_become_pet_units(run, mri):
    identity = dataclasses.replace(run, generator=Identity())
    prediction = predict(identity, mri, planes=ALL_PLANES)
    # PET scale 2: -1 is 0, 0 is 1, 1 is 2.
    np.testing.assert_allclose(prediction.mean, mri + 1, atol=1e-6)
    assert prediction.mean.dtype == np.float32
    assert prediction.std is None


def test_same_seed_same_image_other_seed_other_image(run, mri):
    first, again, other = (predict(run, mri, seed=seed).mean for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


def test_samples(run, mri):
    """Mean and standard deviation are those of the single draws, one draw per whole volume."""
    draws = [
        from_network(
            predict_volume(run.generator, mri, padded_size=32, dropout_key=sample_key(5, sample)),
            2.0,
        )
        for sample in range(3)
    ]
    prediction = predict(run, mri, samples=3, seed=5)
    np.testing.assert_allclose(prediction.mean, np.mean(draws, axis=0), atol=1e-5)
    np.testing.assert_allclose(prediction.std, np.std(draws, axis=0, ddof=1), atol=1e-5)
    assert prediction.std.max() > 1e-3


def test_first_sample_does_not_depend_on_their_number(run, mri):
    counted = []
    one = predict(run, mri, seed=5, on_sample=lambda: counted.append(1)).mean
    two = predict(run, mri, seed=5, samples=2)
    # With two samples a and b, std = |a - b| / sqrt(2) and mean = (a + b) / 2.
    np.testing.assert_allclose(np.abs(one - two.mean) * np.sqrt(2), two.std, atol=1e-5)
    assert counted == [1]


def test_all_slices_share_a_draw(run):
    """Where the MRI does not change along z, neither does the prediction: no stripes."""
    mri = np.full(run.grid.shape, -1, dtype=np.float32)
    mri[5:15, 6:20, :] = 0.5
    mean = predict(run, mri, seed=1).mean
    assert mean.std() > 1e-3
    np.testing.assert_allclose(mean, np.broadcast_to(mean[..., :1], mean.shape), atol=1e-5)


@pytest.mark.parametrize("samples", [1, 2])
def test_batches_agree_with_one_by_one(run, mri, samples):
    one_by_one = predict(run, mri, samples=samples, batch_size=1)
    batches = predict(run, mri, samples=samples, batch_size=8)
    np.testing.assert_allclose(one_by_one.mean, batches.mean, atol=1e-5)
    if samples > 1:
        np.testing.assert_allclose(one_by_one.std, batches.std, atol=1e-5)


def test_all_planes_are_averaged(run, mri):
    single = [predict(run, mri, planes=(plane,)).mean for plane in ALL_PLANES]
    together = predict(run, mri, planes=ALL_PLANES).mean
    np.testing.assert_allclose(together, np.mean(single, axis=0), atol=1e-5)
    assert not np.allclose(single[0], single[1])


def trained_on(*planes) -> Pix2pixSystem:
    return Pix2pixSystem(parse_config({"data": {"planes": planes, "padded_size": 256}}))


def test_planes_default_to_those_of_training(run, mri):
    data = dataclasses.replace(run.config.data, planes=("coronal",))
    system = Pix2pixSystem(dataclasses.replace(run.config, data=data))
    coronal = dataclasses.replace(run, system=system)
    np.testing.assert_array_equal(
        predict(coronal, mri).mean, predict(run, mri, planes=("coronal",)).mean
    )
    np.testing.assert_array_equal(predict(run, mri).mean, predict(run, mri, planes=("axial",)).mean)


@pytest.mark.parametrize(
    ("trained", "asked", "used", "unseen"),
    [
        (["axial"], None, ("axial",), []),
        (["sagittal", "coronal", "axial"], None, ("axial",), []),
        (["coronal", "sagittal"], None, ("coronal", "sagittal"), []),
        (["axial"], ("coronal", "axial"), ("coronal", "axial"), ["coronal"]),
    ],
)
def test_planes_that_are_used_and_those_that_were_not_trained_on(trained, asked, used, unseen):
    system = trained_on(*trained)
    assert system.planes_used(asked) == used
    assert system.unseen_planes(system.planes_used(asked)) == unseen


def test_several_samples_tell_the_spread_over_dropout_samples_and_one_tells_nothing():
    system = trained_on("axial")
    system.check_samples(20)
    assert [system.std_kind(samples) for samples in (1, 2)] == [None, "dropout"]


def test_the_format_of_training_is_this_jpeg():
    assert Pix2pixSystem(Pix2pixConfig()).training_format().name == "jpeg"
    assert Pix2pixSystem(Pix2pixConfig()).training_format().apply is jpeg_round_trip


def test_slices_that_are_not_quantised_have_no_format():
    config = parse_config({"data": {"intensity": "float"}})
    assert Pix2pixSystem(config).training_format() is None


def test_a_run_is_described_by_planes_format_steps_and_seed():
    text = trained_on("coronal", "axial").describe_run(1500)
    assert text == (
        "pix2pix trained on coronal + axial slices (uint8-jpeg), 1500 steps of batch 1, seed 0; "
        "predicted from axial slices, one dropout sample"
    )
    text = trained_on("coronal", "axial").describe_run(1500, ("axial", "coronal", "sagittal"))
    assert "predicted from axial + coronal + sagittal slices" in text
