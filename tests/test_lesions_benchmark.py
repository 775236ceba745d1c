"""`benchmarks/lesions.py`: who has a lesion in training, and how much of lesions is drawn."""

import numpy as np
import pytest
from tests.test_house import ROOT

from petsynth.data.prepared import PreparedData
from petsynth.prepare.records import write_array


@pytest.fixture
def lesions(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import lesions

    return lesions


@pytest.fixture
def cohorts(make_prepared, tmp_path):
    """The same people without lesions, and with one of uptake 0.5 (the PET is 1 elsewhere)."""
    parts = {"train": 6, "validation": 1, "test": 2}
    healthy, ill = (
        PreparedData(make_prepared(tmp_path / name, parts, voxel_mm=18.0))
        for name in ("healthy", "ill")
    )
    lesion = np.zeros(healthy.grid.shape, bool)
    lesion[4:6, 5:7, 4:6] = True
    for name in healthy.participants():
        assert (lesion & healthy.mask(name)).sum() == 8
        pet = np.ones(lesion.shape, np.float32)
        write_array(healthy.folder, name, "pet", pet)
        write_array(ill.folder, name, "pet", np.where(lesion, np.float32(0.5), pet))
        write_array(ill.folder, name, "lesion", lesion)
    return PreparedData(healthy.folder), PreparedData(ill.folder)


def test_a_lesion_is_drawn_in_part_or_filled_with_normal_uptake(lesions, cohorts):
    def predict_part(part):
        return lambda data, name: 1 - part * (1 - np.asarray(data.static_pet(name)))

    for part in (0.0, 0.6, 1.0):
        people = lesions.measured(predict_part(part), *cohorts)
        assert len(people) == 3  # nobody of the training subjects
        assert lesions.drawn(list(people.values())) == pytest.approx(part)
        for figures in people.values():
            assert figures["inside_mae"] == pytest.approx(0.5 * (1 - part), abs=1e-6)
            assert figures["brain_mae"] == 0


@pytest.mark.parametrize(("fraction", "expected"), [(0.0, 0), (0.5, 3), (1.0, 6)])
def test_so_many_training_subjects_have_lesions_as_many_of_each_kind(
    lesions, cohorts, tmp_path, fraction, expected
):
    healthy, ill = cohorts
    names = healthy.participants("train")
    kinds = {name: lesions.KINDS[place % 3] for place, name in enumerate(healthy.participants())}
    mixed = lesions.with_lesions(healthy, ill, kinds, fraction, tmp_path / "mixed")
    chosen = [name for name in names if np.asarray(mixed.static_pet(name)).min() < 1]
    assert len(chosen) == expected
    assert [name for name in names if mixed.lesion(name) is not None] == chosen
    counts = [sum(kinds[name] == kind for name in chosen) for kind in lesions.KINDS]
    assert len(set(counts)) == 1
    assert mixed.lesion(healthy.participants("test")[0]) is None
