"""Voxels that a PET does not cover count nowhere."""

import dataclasses

import numpy as np
import pytest

from petsynth.data.prepared import PreparedData
from petsynth.evaluation.baselines import between_subjects, mean_training_pet
from petsynth.evaluation.domains import DOMAINS, MetricSettings, compute_metrics
from petsynth.prepare.records import write_array

SETTINGS = MetricSettings(pet_scale=2.0, data_range=2.5, unit="SUVR", tracer="FDG")
SHAPE = (24, 24, 24)


def images(cut):
    """Return a PET of 1 that is 0 below a slice, one that is 0.1 too high, and the brain."""
    mask = np.zeros(SHAPE, bool)
    mask[4:20, 4:20, 4:20] = True
    pet = mask.astype(np.float32)
    pet[:, :, :cut] = 0
    return pet, 1.1 * mask.astype(np.float32), mask


@pytest.mark.parametrize("value", [0, np.nan])
@pytest.mark.parametrize("frames", [1, 2])
def test_a_cut_field_of_view_changes_no_error_in_the_brain(value, frames):
    def measure(cut):
        pet, synthetic_pet, mask = images(cut)
        pet[:, :, :cut] = np.where(mask[:, :, :cut], value, 0)
        if frames > 1:
            pet, synthetic_pet = np.stack([pet] * 2, 3), np.stack([synthetic_pet] * 2, 3)
        return compute_metrics(pet, synthetic_pet, mask, SETTINGS)

    whole, cut = measure(0), measure(8)
    # 4 of 16 slices of the brain are not covered: counted as 0, the error would be 0.35.
    for name in ("mae", "rmse", "nrmse", "psnr"):
        assert cut["brain"][name] == pytest.approx(whole["brain"][name]), name
    assert cut["brain"]["mae"] == pytest.approx(0.1)
    assert cut["depth"]["rim"] == pytest.approx(0.1)
    assert cut["axial_slices"]["mse"] == pytest.approx(whole["axial_slices"]["mse"])
    brain, cut_off = 16**3, 4 * 16**2
    assert cut["volume"]["mae"] == pytest.approx(0.1 * (brain - cut_off) / (24**3 - cut_off))
    squares = 0.01 * (brain - cut_off) / (24**3 - cut_off)
    assert cut["frames"]["rmse"] == pytest.approx(np.sqrt(squares))
    assert set(cut) == set(whole) == set(DOMAINS) - {"lesion"}  # there is no map of lesions
    for domain, values in whole.items():
        for name, value in values.items():
            assert np.isfinite(cut[domain][name]) == np.isfinite(value), name


def test_a_synthetic_pet_may_be_anything_where_nothing_was_measured():
    pet, synthetic_pet, mask = images(8)
    other = np.where(mask & (pet == 0), 77, synthetic_pet)
    one, two = (compute_metrics(pet, each, mask, SETTINGS) for each in (synthetic_pet, other))
    assert set(one) == set(two) == set(DOMAINS) - {"lesion"}
    for domain, values in one.items():
        for name, value in values.items():
            assert value == pytest.approx(two[domain][name], nan_ok=True), name


def test_a_pet_that_covers_no_brain_has_no_error():
    pet, synthetic_pet, mask = images(24)
    scores = compute_metrics(pet, synthetic_pet, mask, SETTINGS)
    assert all(np.isnan(value) for each in scores.values() for value in each.values())


def test_baselines_leave_out_what_is_not_covered(make_prepared, tmp_path):
    folder = make_prepared(tmp_path / "prepared", {"train": 3, "test": 1})
    data = PreparedData(folder)
    first, *others = data.participants("train")
    mask = np.asarray(data.mask(first))
    pet = np.array(data.pet(first))
    whole = {name: each for name, _, each in between_subjects(data, SETTINGS) if "brain" in each}
    pet[:, :, :8] = np.where(mask[:, :, :8], 0, pet[:, :, :8])
    write_array(folder, first, "pet", pet)
    cut_off = mask & (pet == 0)
    assert cut_off.sum() > 100
    expected = np.mean([np.asarray(data.pet(name)) for name in others], axis=0)
    np.testing.assert_allclose(mean_training_pet(data)[cut_off], expected[cut_off], atol=1e-6)
    cut = {name: each for name, _, each in between_subjects(data, SETTINGS) if "brain" in each}
    assert set(cut) == set(whole) == {first, *others}
    for name, scores in cut.items():
        assert scores["brain"]["mae"] == pytest.approx(whole[name]["brain"]["mae"], rel=0.3)


def test_each_subject_that_is_not_covered_is_named(tiny_evaluation):
    assert tiny_evaluation.unmeasured() == []
    table = tiny_evaluation.table.copy()
    name = tiny_evaluation.participants[1]
    table.loc[table["participant_id"] == name, "left_out_voxels"] = 7
    (line,) = dataclasses.replace(tiny_evaluation, table=table).unmeasured()
    assert line.startswith(f"{name}: the PET does not cover 7 voxels of the brain")
