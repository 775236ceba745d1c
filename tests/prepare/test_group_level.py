"""What all finished subjects have in common, from records and arrays that are written by hand."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from petsynth.covariates import parse_covariates
from petsynth.errors import InputError, SplitError
from petsynth.io.bids.index import Exclusion, Index, Scan
from petsynth.io.text import read_table
from petsynth.prepare.group_level import SplitRequest, build_cohort, read_left_out
from petsynth.prepare.output_folder import FolderSettings
from petsynth.prepare.records import Record, write_array, write_failure, write_record
from petsynth.preprocessing.subject import PreprocessingSettings

NAMES = [f"sub-{number}" for number in range(1, 7)]


@pytest.fixture
def settings(tmp_path) -> FolderSettings:
    preprocessing = PreprocessingSettings(voxel_mm=18.0)
    return FolderSettings(preprocessing, "FDG", None, "first", 365.0, None)


@pytest.fixture
def bids(tmp_path) -> Path:
    folder = tmp_path / "bids"
    folder.mkdir()
    rows = [f"{name}\t{'AD' if number % 2 else 'CN'}" for number, name in enumerate(NAMES)]
    (folder / "participants.tsv").write_text("\n".join(["participant_id\tdx", *rows]) + "\n")
    return folder


@pytest.fixture
def out(tmp_path, settings) -> Path:
    for level, name in enumerate(NAMES, 1):
        finish(tmp_path / "out", name, settings, level=level)
    return tmp_path / "out"


@pytest.fixture
def build(bids, out, settings):
    """Return the function that builds the cohort; two test subjects unless it is told another."""

    def build(request=None, index=None):
        return build_cohort(
            bids, out, settings, index or index_of(*NAMES), request or SplitRequest(test=2)
        )

    return build


def index_of(*names: str) -> Index:
    return Index([Scan(name, Path("t1.nii"), Path("pet.nii"), "FDG") for name in names])


def finish(
    out: Path,
    name: str,
    settings: FolderSettings,
    *,
    level=1.0,
    unit="SUVR",
    frames=1,
    durations=(),
    flagged="none",
    session=None,
):
    """Leave a finished subject of an even PET; its frames are 1, 3, ... times as bright."""
    shape = settings.preprocessing.pet_grid().shape
    for kind, value in (("mri", 0), ("pet", level)):
        write_array(out, name, kind, np.full(shape, value, np.float32))
    if frames > 1:
        factors = 2 * np.arange(frames) + 1
        write_array(out, name, "pet", np.full((*shape, frames), level * factors, np.float32))
    write_array(out, name, "mask", np.ones(shape, bool))
    key = {"preprocessing": dataclasses.asdict(settings.preprocessing)}
    participant, _, visit = name.partition("_ses-")
    flags = "none" if flagged == "none" else "something"
    qc = {"participant_id": participant, "flags": flags, "flagged_checks": flagged}
    record = Record(participant, visit or session, key, [], unit, frames, qc, [], list(durations))
    write_record(out, name, record)


def test_split_scale_and_tables_of_all_finished_subjects(build, out):
    data = build()
    assert [len(data.subjects(part)) for part in ("train", "validation", "test")] == [4, 0, 2]
    assert sorted(map(data.diagnosis, data.subjects("test"))) == ["AD", "CN"]
    brightest = max(float(data.static_pet(name).max()) for name in data.subjects("train"))
    assert data.pet_scale == pytest.approx(brightest, rel=1e-4)
    assert data.description["preprocessing"]["voxel_mm"] == 18.0
    assert (data.tracer, data.unit, data.simulated) == ("FDG", "SUVR", False)
    assert list(read_table(out / "qc.tsv")["participant_id"]) == NAMES
    assert list(read_table(out / "participants.tsv")["participant_id"]) == NAMES
    assert read_left_out(out) == {}


def test_a_later_run_keeps_the_parts_of_an_earlier_one(build, out, settings):
    before = build()
    for name in ("sub-7", "sub-8", "sub-9"):
        finish(out, name, settings)
    after = build()
    for part in ("train", "test"):
        assert set(before.subjects(part)) <= set(after.subjects(part))
    assert len(after.subjects()) == 9


def test_a_table_decides_the_split_and_whom_it_does_not_name_is_left_out(build, out, tmp_path):
    table = tmp_path / "split.tsv"
    table.write_text("participant_id\tsplit\n1\ttrain\n002\ttest\nsub-3\ttrain\n")
    data = build(SplitRequest(table=table))
    assert (data.subjects("train"), data.subjects("test")) == (["sub-1", "sub-3"], ["sub-2"])
    assert read_left_out(out) == dict.fromkeys(NAMES[3:], "not in the table of --split")
    table.write_text("participant_id\tsplit\n1\ttest\n")
    with pytest.raises(SplitError, match="no training subject"):
        build(SplitRequest(table=table))


def test_who_does_not_fit_is_left_out_with_a_reason(build, out, settings):
    write_failure(out, "sub-1", "T1 is truncated")
    finish(out, "sub-2", settings, unit="Bq/mL")
    finer = PreprocessingSettings(voxel_mm=9.0)
    finish(out, "sub-3", dataclasses.replace(settings, preprocessing=finer))
    index = index_of(*NAMES, "sub-7")
    index.unused.append(Exclusion("sub-4", "another is taken", "sub-4_run-2_T1w.nii.gz"))
    data = build(SplitRequest(test=1), index)
    assert data.subjects() == ["sub-4", "sub-5", "sub-6"]
    assert read_left_out(out) == {
        "sub-1": "T1 is truncated",
        "sub-2": "PET unit: Bq/mL, of most others SUVR; correct Units in its sidecar, or give all "
        "subjects one unit with --units suvr",
        "sub-3": "prepared with other settings: run the participant level for it",
        "sub-7": "not prepared yet: run the participant level for it",
    }
    images = read_table(out / "exclusions.tsv")["image"]
    assert list(images) == ["n/a"] * 4 + ["sub-4_run-2_T1w.nii.gz"]


def test_all_visits_of_a_subject_are_in_one_part(bids, tmp_path, settings):
    out = tmp_path / "visits"
    names = [f"sub-{number}_ses-{visit}" for number in (1, 2, 3) for visit in "ab"]
    for name in names:
        finish(out, name, settings)
    data = build_cohort(bids, out, settings, Index([]), SplitRequest(test=1))
    assert data.participants() == names
    assert [len(data.participants(part)) for part in ("train", "test")] == [4, 2]
    assert list(read_table(out / "split.tsv")["session_id"][:2]) == ["ses-a", "ses-b"]


@pytest.fixture
def sessions(bids):
    """Two visits of sub-1, four years apart; the participants' table has the first age."""
    table = "participant_id\tdx\tage\tsex\nsub-1\tCN\t70\tF\nsub-2\tAD\t80\tM\nsub-3\tAD\t81\tM\n"
    (bids / "participants.tsv").write_text(table)
    (bids / "sub-1").mkdir()
    visits = "session_id\tage\tdiagnosis\nses-a\t70\tn/a\nses-b\t74\tMCI\n"
    (bids / "sub-1/sub-1_sessions.tsv").write_text(visits)
    return bids


def test_each_visit_has_its_own_covariates(sessions, tmp_path, settings):
    out = tmp_path / "visits"
    for name in ("sub-1_ses-a", "sub-1_ses-b", "sub-2_ses-a", "sub-3_ses-a"):
        finish(out, name, settings)
    data = build_cohort(sessions, out, settings, Index([]), SplitRequest(test=1))

    ages = [data.covariates(name)["age"] for name in data.participants()]
    assert ages == [parse_covariates({"age": age})["age"] for age in ("70", "74", "80", "81")]
    assert [data.diagnosis(name) for name in data.participants()] == ["CN", "MCI", "AD", "AD"]
    assert data.covariates("sub-1_ses-a").keys() == data.covariates("sub-1_ses-b").keys()
    assert data.covariates("sub-1_ses-a")["diagnosis"] < data.covariates("sub-1_ses-b")["diagnosis"]
    people = read_table(out / "participants.tsv").set_index("participant_id")
    assert people["age"].to_dict() == {"sub-1": "70", "sub-2": "80", "sub-3": "81"}


def test_the_only_scan_has_the_covariates_of_its_session(sessions, tmp_path, settings):
    out = tmp_path / "out"
    finish(out, "sub-1", settings, session="b")
    finish(out, "sub-2", settings)
    data = build_cohort(sessions, out, settings, Index([]), SplitRequest(test=1))

    assert data.covariates("sub-1")["age"] == parse_covariates({"age": "74"})["age"]
    assert data.diagnosis("sub-1") == "MCI"
    people = read_table(out / "participants.tsv").set_index("participant_id")
    assert people.loc["sub-1", ["age", "diagnosis", "sex"]].tolist() == ["74", "MCI", "F"]


def test_nobody_prepared_is_refused_and_written_down(bids, tmp_path, settings):
    write_failure(tmp_path / "none", "sub-1", "T1 is truncated")
    with pytest.raises(InputError, match=r"no subject could be prepared; the first: T1 is trunc"):
        build_cohort(bids, tmp_path / "none", settings, index_of("sub-1"), SplitRequest())
    assert read_left_out(tmp_path / "none") == {"sub-1": "T1 is truncated"}


def test_before_the_group_level_nobody_is_left_out(tmp_path):
    assert read_left_out(tmp_path) == {}


def test_the_pet_scale_is_of_means_weighted_by_duration(build, out, settings):
    """One minute at 1 and nine minutes at 3 are 2.8; the durations are told to later commands."""
    for name in NAMES:
        finish(out, name, settings, frames=2, durations=(60.0, 540.0))
    data = build()
    assert data.pet_scale == pytest.approx(2.8, rel=1e-4)
    assert data.description["frame_durations"] == [60, 540]


def test_other_durations_are_not_mixed_and_unknown_ones_are_taken_as_the_others(
    build, out, settings
):
    for name in NAMES:
        finish(out, name, settings, frames=2, durations=(60.0, 540.0))
    finish(out, "sub-1", settings, frames=2, durations=(300.0, 300.0))
    finish(out, "sub-2", settings, frames=2)
    finish(out, "sub-3", settings, frames=2, durations=(120.0, 1080.0))
    build()
    assert read_left_out(out) == {
        "sub-1": "PET frame durations: 50 : 50 % of the scan, of most others 10 : 90 % of the "
        "scan; give all subjects the same with --frames mean or a number"
    }


def test_what_the_field_of_view_does_not_cover_is_not_in_the_pet_scale(build, out, settings):
    shape = settings.preprocessing.pet_grid().shape
    for name in NAMES:
        finish(out, name, settings)
        pet = np.zeros(shape, np.float32)
        pet[0, 0, 0] = 2.0
        write_array(out, name, "pet", pet)
    assert build().pet_scale == pytest.approx(2.0)


def test_flagged_subjects_stay_unless_it_is_asked_for(bids, out, settings):
    finish(out, "sub-1", settings, flagged="pair coverage")
    finish(out, "sub-2", settings, flagged="motion")

    def build(*checks):
        request = SplitRequest(test=1)
        build_cohort(bids, out, settings, index_of(*NAMES), request, exclude_flagged=checks)
        return read_left_out(out)

    assert build() == {}
    assert build("coverage", "pair", "uptake") == {
        "sub-1": "flagged, left out by --exclude-flagged pair coverage: something"
    }
    assert list(build("motion", "pair")) == ["sub-1", "sub-2"]
    assert build() == {}
