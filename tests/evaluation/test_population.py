"""The population's PET, deformed: known answers on bodies of known shape."""

import numpy as np
import pytest

from petsynth.data.prepared import PreparedData
from petsynth.errors import InputError
from petsynth.evaluation.methods import POPULATION_PET, baselines
from petsynth.evaluation.population import PopulationPet
from petsynth.evaluation.warps import is_possible
from petsynth.systems.phantoms import write_phantoms


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
