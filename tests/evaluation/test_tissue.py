"""The tissue regression sees the T1, and learns from training subjects alone."""

import numpy as np
import pytest

from petsynth.data.prepared import PreparedData, write_array
from petsynth.errors import InputError
from petsynth.evaluation.tissue import TissueRegression, tissue_maps


def test_classes_from_dark_to_bright():
    random = np.random.default_rng(0)
    truth = random.integers(0, 3, (14, 15, 16))
    mri = np.array([-0.6, 0.1, 0.8])[truth] + random.normal(0, 0.05, truth.shape)
    mask = np.zeros(truth.shape, dtype=bool)
    mask[2:-2] = True
    maps = tissue_maps(mri, mask)
    assert (maps.argmax(axis=0)[mask] == truth[mask]).mean() > 0.99
    assert maps[:, mask].sum(axis=0) == pytest.approx(1)
    assert not maps[:, ~mask].any()


def test_a_pet_that_is_linear_in_the_t1_is_recovered(make_prepared, tmp_path):
    folder = make_prepared(tmp_path / "prepared", {"train": 3, "test": 1})
    data = PreparedData(folder)
    for name in data.participants():
        write_array(folder, name, "pet", 0.3 + 0.5 * np.asarray(data.mri(name)))
    predicted = TissueRegression(data).predict("sub-004")
    assert predicted == pytest.approx(data.static_pet("sub-004"), abs=1e-4)


def test_test_subjects_do_not_count(make_prepared, tmp_path):
    folder = make_prepared(tmp_path / "prepared", {"train": 3, "test": 1})
    data = PreparedData(folder)
    before = TissueRegression(data).coefficients
    write_array(folder, "sub-004", "pet", np.full(data.grid.shape, 99, np.float32))
    assert TissueRegression(data).coefficients.tolist() == before.tolist()
    write_array(folder, "sub-003", "pet", np.full(data.grid.shape, 99, np.float32))
    assert TissueRegression(data).coefficients.tolist() != before.tolist()


def test_it_beats_the_mean_where_anatomy_decides(tiny_evaluation):
    regression = tiny_evaluation.values("baseline-tissue-regression", "brain", "mae")
    mean_pet = tiny_evaluation.values("baseline-mean-pet", "brain", "mae")
    assert (regression < mean_pet).all()


def test_an_empty_mask(make_prepared, tmp_path):
    folder = make_prepared(tmp_path / "prepared", {"train": 2, "test": 1})
    data = PreparedData(folder)
    write_array(folder, "sub-002", "mask", np.zeros(data.grid.shape, dtype=bool))
    with pytest.raises(InputError, match="brain mask of sub-002 holds 0 voxels"):
        TissueRegression(data)
