"""Regions of prepared subjects, measured in both images; who tells people apart."""

import dataclasses

import numpy as np
import pytest
import SimpleITK

from petsynth.data.prepared import PreparedData
from petsynth.errors import InputError, PetsynthWarning
from petsynth.evaluation.agreement import agreement_table, median_correlation
from petsynth.evaluation.domains import MetricSettings
from petsynth.evaluation.evaluate import evaluate
from petsynth.evaluation.findings import list_findings
from petsynth.evaluation.methods import MEAN_PET
from petsynth.evaluation.mni_space import SubjectWarps
from petsynth.evaluation.models import load_models
from petsynth.evaluation.regional import RegionMeasurement, tabulate
from petsynth.evaluation.summary import build_summary
from petsynth.io.text import read_table
from petsynth.preprocessing.registration.deformable import Warp
from petsynth.regional.atlas import bundled_atlas
from petsynth.report.folder import write_evaluation

IN_PLACE = Warp(SimpleITK.Transform(3, SimpleITK.sitkIdentity), 1.0, 1.0)
SETTINGS = MetricSettings(pet_scale=2.0, data_range=2.5, unit="SUVR", tracer="FDG")


@pytest.fixture
def in_place(monkeypatch):
    """Let every subject lie in MNI space already."""
    monkeypatch.setattr(SubjectWarps, "_find", lambda self, participant: IN_PLACE)


@pytest.fixture
def measurement(tiny_prepared, in_place) -> RegionMeasurement:
    data = PreparedData(tiny_prepared)
    return RegionMeasurement(data, bundled_atlas(), SubjectWarps(data))


def test_the_reference_pet_itself_has_its_own_values(measurement, tiny_prepared):
    data = PreparedData(tiny_prepared)
    (name, *_) = data.participants("test")
    where = measurement.locate(name)
    found = tabulate(measurement.rows(name, "truth", where, np.array(data.pet(name))))
    values = found.dropna(subset=["reference"])
    assert len(values) > 30
    assert values["synthetic"].to_numpy() == pytest.approx(values["reference"].to_numpy())
    assert set(found["kind"]) == {"region", "composite"}


def test_a_region_has_the_mean_that_was_put_there(measurement, tiny_prepared):
    data = PreparedData(tiny_prepared)
    (name, *_) = data.participants("test")
    where = measurement.locate(name)
    pet = np.where(where.labels == 1028, 2.0, 1.0).astype(np.float32)
    found = tabulate(measurement.rows(name, "x", where, pet)).set_index("region")["synthetic"]
    assert found["superiorfrontal_left"] == pytest.approx(2.0)
    assert found["superiorfrontal_right"] == pytest.approx(1.0)


def test_a_region_that_the_reference_does_not_cover_has_no_value(
    measurement, tiny_prepared, monkeypatch
):
    data = measurement._data
    (name, *_) = data.participants("test")
    pet = np.array(data.pet(name)) + 1
    pet[:, : pet.shape[1] // 2] = 0
    monkeypatch.setattr(data, "static_pet", lambda participant: pet)
    where = measurement.locate(name)
    rows = tabulate(measurement.rows(name, "x", where, np.ones_like(pet))).set_index("region")
    row = rows.loc["lateraloccipital_left"]
    assert np.isnan(row["reference"])
    assert np.isnan(row["synthetic"])
    assert row["note"] == "outside the PET's field of view"


@pytest.fixture
def evaluation(make_prepared, make_tiny_run, tmp_path, in_place):
    """Return the evaluation of an untrained network on six phantoms of different PET levels."""
    folder = make_prepared(tmp_path / "prepared", {"train": 4, "validation": 1, "test": 6})
    data = PreparedData(folder)
    models = load_models([make_tiny_run(tmp_path / "axial", folder)], data, "test")
    (tmp_path / "scratch").mkdir()
    return evaluate(models, data, tmp_path / "scratch", settings=SETTINGS, atlas=bundled_atlas())


def test_a_mean_pet_is_similar_and_tells_nobody_apart_which_the_first_line_says(
    evaluation, tmp_path
):
    assert evaluation.values(MEAN_PET, "volume", "ssim").mean() > 0.8
    assert median_correlation(evaluation.agreement, MEAN_PET) == pytest.approx(0, abs=0.05)
    (first, *_) = list_findings(evaluation, [], [])
    assert first.startswith(f"{MEAN_PET} does NOT tell people apart, however similar its images")
    agreement = evaluation.agreement
    assert set(agreement["method"]) == {
        method.name for method in evaluation.methods if method.predict is not None
    }
    summary = build_summary(evaluation)
    assert summary["regions"][MEAN_PET]["regions"]["number"] == 75
    assert "fdg-meta-roi" in summary["region_definitions"]["composites"]
    findings = write_evaluation(evaluation, tmp_path / "out", figures=False).findings
    assert findings[0].startswith(f"{MEAN_PET} does NOT tell people apart")
    assert set(read_table(tmp_path / "out" / "agreement.tsv")["kind"]) == {
        "region", "composite", "asymmetry"
    }  # fmt: skip
    rows = read_table(tmp_path / "out" / "regions.tsv")
    assert set(rows["participant_id"]) == set(evaluation.participants)
    report = (tmp_path / "out" / "report.html").read_text()
    assert "are people told apart?" in report


def test_who_follows_the_subjects_is_not_said_to_tell_nobody_apart(evaluation):
    regions = evaluation.regions.copy()
    mine = regions["method"] == MEAN_PET
    regions.loc[mine, "synthetic"] = regions.loc[mine, "reference"] * 1.1
    changed = dataclasses.replace(evaluation, agreement=agreement_table(regions))
    told = [each for each in list_findings(changed, [], []) if each.startswith(MEAN_PET)]
    assert not any("does NOT tell people apart" in each for each in told)


def test_a_subject_that_cannot_be_deformed_costs_its_regions_only(
    tiny_prepared, tmp_path, monkeypatch
):
    data = PreparedData(tiny_prepared)
    lost = data.participants("test")[0]

    def find(self, participant):
        if participant == lost:
            raise InputError("its T1 is odd")
        return IN_PLACE

    monkeypatch.setattr(SubjectWarps, "_find", find)
    measured = RegionMeasurement(data, bundled_atlas(), SubjectWarps(data))
    from petsynth.evaluation.evaluate import _locate

    with pytest.warns(
        PetsynthWarning, match=f"{lost} has no regions, all else is measured: its T1"
    ):
        assert _locate(measured, lost) is None
    assert _locate(measured, data.participants("test")[1]) is not None


def test_each_deformation_is_found_once(tiny_prepared, monkeypatch):
    data, calls = PreparedData(tiny_prepared), []
    monkeypatch.setattr(
        SubjectWarps, "_find", lambda self, participant: calls.append(participant) or IN_PLACE
    )
    warps = SubjectWarps(data)
    for _ in range(3):
        warps.find(data.participants("test")[0])
    assert len(calls) == 1
