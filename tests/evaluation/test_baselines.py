"""Baselines by hand on small arrays; the regression sees the T1, and training subjects alone."""

import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

from petsynth.data.prepared import PreparedData, read_array
from petsynth.errors import InputError
from petsynth.evaluation import baselines as baselines_module
from petsynth.evaluation.baselines import (
    PopulationPet,
    TissueRegression,
    between_subjects,
    derangement,
    mean_training_pet,
    tissue_maps,
)
from petsynth.evaluation.domains import MetricSettings
from petsynth.evaluation.methods import POPULATION_PET, baselines
from petsynth.evaluation.mni_space import is_possible
from petsynth.prepare.records import write_array
from petsynth.systems.phantoms import write_phantoms

SETTINGS = MetricSettings(pet_scale=2.0, data_range=2.5, unit="SUVR", tracer="FDG")


@pytest.fixture
def constants(make_prepared, tmp_path) -> PreparedData:
    """Return three training subjects with PET 0.5, 1 and 1.5, and a test subject with 9."""
    folder = make_prepared(tmp_path / "prepared", {"train": 3, "test": 1})
    shape = read_array(folder, "sub-001", "pet").shape
    for number, value in enumerate((0.5, 1, 1.5, 9), start=1):
        write_array(folder, f"sub-{number:03}", "pet", np.full(shape, value, np.float32))
    return PreparedData(folder)


def test_the_mean_is_over_training_subjects_alone(constants):
    mean = mean_training_pet(constants)
    assert mean.shape == constants.grid.shape
    assert np.unique(mean).tolist() == [1.0]


def test_between_subjects_by_hand(constants):
    found = {(one, other): scores for one, other, scores in between_subjects(constants, SETTINGS)}
    assert set(found) == {
        (f"sub-00{one}", f"sub-00{other}")
        for one in (1, 2, 3)
        for other in (1, 2, 3)
        if one != other
    }
    # PET 0.5, 1, 1.5 are grey levels 63.75, 127.5 and 191.25.
    assert found["sub-001", "sub-002"]["middle_slice"]["mse"] == 63.75**2
    assert found["sub-001", "sub-003"]["middle_slice"]["mse"] == 127.5**2
    psnr = found["sub-001", "sub-003"]["middle_slice"]["psnr"]
    assert psnr == pytest.approx(20 * np.log10(2))
    assert found["sub-003", "sub-001"]["brain"]["mae"] == 1
    for pair, scores in found.items():
        assert scores["middle_slice"] == found[pair[::-1]]["middle_slice"]


def test_volumes_are_compared_with_the_next_subject(constants):
    found = {
        (one, other)
        for one, other, scores in between_subjects(constants, SETTINGS)
        if "brain" in scores
    }
    assert found == {("sub-001", "sub-002"), ("sub-002", "sub-003"), ("sub-003", "sub-001")}


def test_twelve_subjects_make_132_pairs(make_prepared, tmp_path):
    data = PreparedData(make_prepared(tmp_path / "prepared", {"train": 12, "test": 1}))
    assert sum(1 for _ in between_subjects(data, SETTINGS)) == 132


@pytest.mark.parametrize("count", [2, 3, 4, 17])
def test_nobody_keeps_the_own_t1(count):
    names = [f"sub-{number}" for number in range(count)]
    other = derangement(names)
    assert sorted(other.values()) == sorted(names)
    assert all(name != given for name, given in other.items())


def test_a_visit_is_never_compared_with_another_of_the_same_subject(visits):
    """Of 2 + 1 visits there are 4 ordered pairs of different subjects."""
    data = PreparedData(visits)
    found = [
        (one, other, "brain" in scores) for one, other, scores in between_subjects(data, SETTINGS)
    ]
    assert sorted(found) == [
        ("sub-1_ses-a", "sub-2_ses-a", True),
        ("sub-1_ses-b", "sub-2_ses-a", True),
        ("sub-2_ses-a", "sub-1_ses-a", True),
        ("sub-2_ses-a", "sub-1_ses-b", False),
    ]


def test_a_visit_gets_the_t1_of_someone_else():
    names = ["1_a", "1_b", "2_a", "3_a", "3_b", "3_c"]
    assert derangement(names) == {
        "1_a": "2_a", "1_b": "2_a", "2_a": "3_a", "3_a": "1_a", "3_b": "1_b", "3_c": "1_a",
    }  # fmt: skip
    with pytest.raises(InputError, match="nobody else's scan"):
        derangement(["1_a", "1_b"])


def test_tissue_classes_from_dark_to_bright():
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


def test_test_subjects_do_not_count_for_the_regression(make_prepared, tmp_path):
    folder = make_prepared(tmp_path / "prepared", {"train": 3, "test": 1})
    data = PreparedData(folder)
    before = TissueRegression(data).coefficients
    write_array(folder, "sub-004", "pet", np.full(data.grid.shape, 99, np.float32))
    assert TissueRegression(data).coefficients.tolist() == before.tolist()
    write_array(folder, "sub-003", "pet", np.full(data.grid.shape, 99, np.float32))
    assert TissueRegression(data).coefficients.tolist() != before.tolist()


def test_the_regression_beats_the_mean_where_anatomy_decides(tiny_evaluation):
    regression = tiny_evaluation.values("baseline-tissue-regression", "brain", "mae")
    mean_pet = tiny_evaluation.values("baseline-mean-pet", "brain", "mae")
    assert (regression < mean_pet).all()


def test_an_empty_mask_is_refused(make_prepared, tmp_path):
    folder = make_prepared(tmp_path / "prepared", {"train": 2, "test": 1})
    data = PreparedData(folder)
    write_array(folder, "sub-002", "mask", np.zeros(data.grid.shape, dtype=bool))
    with pytest.raises(InputError, match="brain mask of sub-002 holds 0 voxels"):
        TissueRegression(data)


@pytest.fixture
def data(tmp_path):
    return PreparedData(write_phantoms(tmp_path / "phantoms", {"train": 3, "test": 1}))


def rewrite(data, participant, kind, change):
    path = data.folder / "arrays" / f"{participant}_{kind}.npy"
    np.save(path, change(np.load(path)))


def test_a_constant_pet_stays_constant_inside_the_brain(data):
    for name in data.participants("train"):
        rewrite(data, name, "pet", lambda pet: np.full_like(pet, 2.0))
    pet = PopulationPet(data).predict(data.participants("test")[0])
    inside = np.asarray(data.mask(data.participants("test")[0]))
    np.testing.assert_allclose(pet[inside], 2.0, atol=1e-4)


def test_it_is_nearer_to_a_subject_of_another_size_than_the_voxelwise_mean(tmp_path):
    data = PreparedData(
        write_phantoms(tmp_path / "fine", {"train": 4, "test": 2}, voxel_mm=4.0, seed=3)
    )
    population = PopulationPet(data)
    mean = np.mean([data.static_pet(name) for name in data.participants("train")], axis=0)
    for name in data.participants("test"):
        pet, inside = np.asarray(data.static_pet(name)), np.asarray(data.mask(name))
        deformed = np.corrcoef(population.predict(name)[inside], pet[inside])[0, 1]
        assert deformed > np.corrcoef(mean[inside], pet[inside])[0, 1]


def test_frames_are_kept(tmp_path):
    folder = write_phantoms(tmp_path / "dynamic", {"train": 2, "test": 1}, frames=3)
    data = PreparedData(folder)
    name = data.participants("test")[0]
    assert PopulationPet(data).predict(name).shape == data.pet(name).shape


def test_it_is_a_baseline_where_subjects_lie_on_mni_axes(data):
    assert POPULATION_PET in {method.name for method in baselines(data, seed=0)}
    data.description["preprocessing"] = {"registration": "none"}
    assert not is_possible(data)
    assert POPULATION_PET not in {method.name for method in baselines(data, seed=0)}


def test_an_empty_t1_is_named(data):
    name = data.participants("train")[1]
    rewrite(data, name, "mask", np.zeros_like)
    with pytest.raises(InputError, match=name):
        PopulationPet(data)


def test_tissue_probabilities_are_those_of_scikit_learn():
    random = np.random.default_rng(3)
    values = np.concatenate([random.normal(mean, 0.1, 200) for mean in (-0.6, 0.1, 0.7)])[:, None]
    mixture = GaussianMixture(3, covariance_type="diag", random_state=0).fit(values)
    found = baselines_module._probabilities(mixture, values)
    assert pytest.approx(mixture.predict_proba(values), abs=1e-12) == found.T
