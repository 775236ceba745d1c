"""Controls and upper_bounds by themselves, on small arrays."""

import copy

import numpy as np
import pytest

from petsynth.data.prepared import PreparedData, array_path
from petsynth.errors import PetsynthWarning
from petsynth.evaluation.methods import (
    BETWEEN_SUBJECTS,
    MEAN_PET,
    NOISE_FREE,
    POPULATION_PET,
    TISSUE_REGRESSION,
    Method,
    baselines,
    other_subjects_t1,
    predict_all,
    upper_bounds,
)
from petsynth.evaluation.models import load_models
from petsynth.systems.base import PredictionSettings


@pytest.fixture
def data(make_prepared, tmp_path):
    return PreparedData(
        make_prepared(tmp_path / "prepared", {"train": 2, "test": 2}, voxel_mm=18.0)
    )


def test_the_control_predicts_everyone_from_the_next_ones_t1():
    pets = {f"sub-{number}": np.full((1, 1, 1), number) for number in range(3)}
    model = Method("net", "model", "A net.", "nets", pets.__getitem__)
    control = other_subjects_t1(model, list(pets))

    assert (control.name, control.kind) == ("net (other subject's T1)", "control")
    assert control.group != model.group
    assert [control.predict(name).item() for name in pets] == [1, 2, 0]


def test_the_noise_free_pet_is_an_upper_bound_where_everyone_has_one(data):
    names = data.participants("test")
    (bound,) = upper_bounds(data, names, [])
    assert (bound.name, bound.kind) == (NOISE_FREE, "upper-bound")
    np.testing.assert_array_equal(bound.predict(names[1]), data.noise_free(names[1]))

    array_path(data.folder, names[1], "noisefree").unlink()
    assert upper_bounds(data, names, []) == []
    assert len(upper_bounds(data, names[:1], [])) == 1


def test_baselines_know_the_training_subjects_alone(data):
    between, mean, population, regression = baselines(data, seed=0)

    assert (between.name, between.predict) == (BETWEEN_SUBJECTS, None)
    assert "all 2 ordered pairs" in between.description
    assert (mean.name, regression.name) == (MEAN_PET, TISSUE_REGRESSION)
    assert population.name == POPULATION_PET
    train = [np.asarray(data.static_pet(name)) for name in data.participants("train")]
    for name in data.participants("test"):
        np.testing.assert_allclose(mean.predict(name), np.mean(train, axis=0), atol=1e-6)
        assert regression.predict(name).shape == data.grid.shape


def test_planes_that_were_asked_for_are_named_and_unseen_ones_warned_of(
    tiny_prepared, tiny_run, tmp_path
):
    data = PreparedData(tiny_prepared)
    models = load_models([tiny_run], data, "test")
    wanted = PredictionSettings(planes=("axial", "coronal", "sagittal"))
    with pytest.warns(PetsynthWarning, match="was not trained on coronal and sagittal slices"):
        (method,) = predict_all(models, data, data.participants("test")[:1], tmp_path, wanted)
    assert "predicted from axial + coronal + sagittal slices" in method.description


def test_what_is_withheld_is_not_told_to_the_models(tiny_prepared, told_run, tmp_path):
    data = PreparedData(tiny_prepared)
    data = copy.copy(data)
    data.covariates = lambda participant: {"age": 1.0, "amyloid": 1.0}
    models = load_models([told_run], data, "test")
    (name, *_) = data.participants("test")
    predicted = {}
    for withheld in ((), ("amyloid",), ("age", "amyloid")):
        folder = tmp_path / "-".join(["scratch", *withheld])
        folder.mkdir()
        (method,) = predict_all(models, data, [name], folder, PredictionSettings(), withheld)
        assert not set(withheld) & set(method.covariates)
        predicted[withheld] = np.array(method.predict(name))
    assert not np.array_equal(predicted[()], predicted[("amyloid",)])
    assert not np.array_equal(predicted[("amyloid",)], predicted[("age", "amyloid")])
