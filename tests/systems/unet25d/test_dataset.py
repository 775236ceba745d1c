"""Augmented volumes: the key decides them, and which of their slices are taken."""

import numpy as np
import pytest

from petsynth.data.prepared import PreparedData
from petsynth.slicing import take_slices
from petsynth.systems.unet25d.dataset import AugmentedVolumes


@pytest.fixture
def data(tiny_prepared):
    return PreparedData(tiny_prepared)


def make(data, **options):
    return AugmentedVolumes(data, data.participants("train"), **({"slabs_per_volume": 4} | options))


def test_unchanged_a_volume_is_what_was_prepared(data):
    volume = make(data, augmented=False, target="pet")[(0, 1)]
    name = data.participants("train")[1]
    wanted = np.clip(2 * take_slices(data.static_pet(name), "axial") / data.pet_scale - 1, -1, 1)

    np.testing.assert_allclose(volume.pet_PNHW[0], wanted, atol=1e-6)
    np.testing.assert_array_equal(volume.pet_PNHW[0], volume.pet_PNHW[1])
    original = take_slices(data.mri(name), "axial")
    assert np.corrcoef(volume.mri_NHW.ravel(), original.ravel())[0, 1] > 0.99
    assert len(volume.middles) == 4


def test_the_noise_free_pet_is_learnt_where_there_is_one(data):
    name = data.participants("train")[0]
    learnt, measured = make(data, augmented=False).read(0).pet

    np.testing.assert_array_equal(learnt, data.noise_free(name))
    np.testing.assert_array_equal(measured, data.static_pet(name))


def test_what_the_field_of_view_does_not_cover_is_not_learnt_as_zero(data, monkeypatch):
    name = data.participants("train")[0]
    cut = np.array(data.static_pet(name))
    cut[:, :, : cut.shape[2] // 2] = 0
    monkeypatch.setattr(data, "static_pet", lambda participant: cut)

    pair = make(data).read(0)
    volume = make(data)[(0, 0)]

    lost = pair.mask & (cut == 0)
    assert lost.sum() > 100
    np.testing.assert_array_equal(np.isnan(pair.pet), [lost, lost])
    assert np.isnan(volume.pet_PNHW).any()  # augmented, too
    assert not np.isnan(volume.mri_NHW).any()


def test_key_decides_the_volume_whatever_came_before(data):
    fresh, used = make(data), make(data)
    used[(0, 0)], used[(2, 0)]

    for one, other in zip(fresh[(2, 1)], used[(2, 1)], strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(fresh[(2, 1)].mri_NHW, fresh[(3, 1)].mri_NHW)
    assert not np.array_equal(fresh[(2, 1)].mri_NHW, make(data, seed=1)[(2, 1)].mri_NHW)


def test_slices_of_air_are_not_taken(data):
    volume = make(data, augmented=False, slabs_per_volume=40)[(0, 0)]
    fractions = (volume.mri_NHW > -0.9).mean(axis=(1, 2))

    assert (fractions[volume.middles] > 0.02).all()


def test_the_t1_alone_is_often_all_that_the_network_is_told(data, monkeypatch):
    monkeypatch.setattr(data, "covariates", lambda name: {"age": 0.5, "sex": 1.0, "mmse": -0.2})
    names = ("age", "sex", "mmse")
    volumes = make(data, augmented=False, covariates=names, covariate_dropout=0.3)
    random = np.random.default_rng(0)

    told = np.array([volumes._told(random, 0) for _ in range(2000)])

    known = told[:, 1::2] > 0
    assert (~known.any(axis=1)).mean() == pytest.approx(0.3 + 0.7 * 0.3**3, abs=0.03)
    assert known.mean(axis=0) == pytest.approx([0.7 * 0.7] * 3, abs=0.03)
    everything = make(data, augmented=False, covariates=names, covariate_dropout=0.0)
    assert np.array_equal(everything[(0, 0)].covariates, everything._told(random, 0))


def test_nobody_is_refused(data):
    with pytest.raises(ValueError, match="at least one subject"):
        AugmentedVolumes(data, [])
