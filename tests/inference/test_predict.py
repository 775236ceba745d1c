"""Synthetic PET on the model's grid: units, planes, samples, batches."""

import dataclasses

import numpy as np
import pytest
import torch
from petsynth.inference.predict import ALL_PLANES, sample_key, synthesise

from petsynth.data.prepared import PreparedData
from petsynth.data.scale import from_network
from petsynth.inference.run import load_run
from petsynth.systems.pix2pix.volume import predict_volume


class Identity(torch.nn.Module):
    """The PET is the MRI."""

    def forward(self, mri_BCHW, draws_B):
        return mri_BCHW


@pytest.fixture
def run(tiny_run):
    return load_run(tiny_run)


@pytest.fixture
def mri(tiny_prepared):
    return np.asarray(PreparedData(tiny_prepared).mri("sub-001"))


def test_network_units_become_pet_units(run, mri):
    identity = dataclasses.replace(run, generator=Identity())
    prediction = synthesise(identity, mri, planes=ALL_PLANES)
    # PET scale 2: -1 is 0, 0 is 1, 1 is 2.
    np.testing.assert_allclose(prediction.mean, mri + 1, atol=1e-6)
    assert prediction.mean.dtype == np.float32
    assert prediction.std is None


def test_same_seed_same_image_other_seed_other_image(run, mri):
    first, again, other = (synthesise(run, mri, seed=seed).mean for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


def test_samples(run, mri):
    """Mean and standard deviation are those of the single draws, one draw per whole volume."""
    draws = [
        from_network(
            predict_volume(run.generator, mri, padded_size=32, draw=sample_key(5, sample)), 2.0
        )
        for sample in range(3)
    ]
    prediction = synthesise(run, mri, samples=3, seed=5)
    np.testing.assert_allclose(prediction.mean, np.mean(draws, axis=0), atol=1e-5)
    np.testing.assert_allclose(prediction.std, np.std(draws, axis=0, ddof=1), atol=1e-5)
    assert prediction.std.max() > 1e-3


def test_first_sample_does_not_depend_on_their_number(run, mri):
    counted = []
    one = synthesise(run, mri, seed=5, on_sample=lambda: counted.append(1)).mean
    two = synthesise(run, mri, seed=5, samples=2)
    # With two samples a and b, std = |a - b| / sqrt(2) and mean = (a + b) / 2.
    np.testing.assert_allclose(np.abs(one - two.mean) * np.sqrt(2), two.std, atol=1e-5)
    assert counted == [1]


def test_all_slices_share_a_draw(run):
    """Where the MRI does not change along z, neither does the prediction: no stripes."""
    mri = np.full(run.grid.shape, -1, dtype=np.float32)
    mri[5:15, 6:20, :] = 0.5
    mean = synthesise(run, mri, seed=1).mean
    assert mean.std() > 1e-3
    np.testing.assert_allclose(mean, np.broadcast_to(mean[..., :1], mean.shape), atol=1e-5)


@pytest.mark.parametrize("samples", [1, 2])
def test_batches_agree_with_one_by_one(run, mri, samples):
    one_by_one = synthesise(run, mri, samples=samples, batch_size=1)
    batches = synthesise(run, mri, samples=samples, batch_size=8)
    np.testing.assert_allclose(one_by_one.mean, batches.mean, atol=1e-5)
    if samples > 1:
        np.testing.assert_allclose(one_by_one.std, batches.std, atol=1e-5)


def test_all_planes_are_averaged(run, mri):
    single = [synthesise(run, mri, planes=(plane,)).mean for plane in ALL_PLANES]
    together = synthesise(run, mri, planes=ALL_PLANES).mean
    np.testing.assert_allclose(together, np.mean(single, axis=0), atol=1e-5)
    assert not np.allclose(single[0], single[1])


def test_planes_default_to_those_of_training(run, mri):
    data = dataclasses.replace(run.config.data, planes=("coronal",))
    coronal = dataclasses.replace(run, config=dataclasses.replace(run.config, data=data))
    np.testing.assert_array_equal(
        synthesise(coronal, mri).mean, synthesise(run, mri, planes=("coronal",)).mean
    )
    np.testing.assert_array_equal(
        synthesise(run, mri).mean, synthesise(run, mri, planes=("axial",)).mean
    )


def test_wrong_arguments(run, mri):
    with pytest.raises(ValueError, match="at least one"):
        synthesise(run, mri, samples=0)
    with pytest.raises(ValueError, match="not on the grid"):
        synthesise(run, mri[1:])
