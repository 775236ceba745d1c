"""Labels, days and ages that do not tell who somebody is."""

import datetime

import pytest
from tests.io.dicom.makers import Plan, changed, t1_values, write

from petsynth.io.dicom.patients import Key, Patient, add_sessions, next_label, row_of
from petsynth.io.dicom.series import find_series

pytest.importorskip("pydicom", reason="needs the extra dicom")
DAYS = [datetime.date(2024, 3, 5), datetime.date(2025, 3, 6)]


def test_the_next_label_is_a_number_that_nobody_has(tmp_path):
    assert next_label(tmp_path, set()) == "001"
    for name in ("sub-AD07", "sub-9", "sub-012"):
        (tmp_path / name).mkdir()
    assert next_label(tmp_path, {"30"}) == "031"


def test_days_are_moved_and_their_distance_stays(tmp_path):
    patient = Patient("001")
    add_sessions(patient, tmp_path, set(DAYS))
    assert patient.sessions == {DAYS[0]: "01", DAYS[1]: "02"}
    moved = patient.moved(datetime.datetime(2025, 3, 6, 11, 30))
    assert moved == "1901-01-02T11:30:00"
    assert patient.moved(None) == "n/a"


def test_days_of_somebody_of_whom_nothing_is_known_are_not_written(tmp_path):
    (tmp_path / "sub-1" / "ses-03").mkdir(parents=True)
    patient = Patient("1", is_new=False)
    add_sessions(patient, tmp_path, set(DAYS[:1]))
    assert patient.sessions == {DAYS[0]: "04"}
    assert patient.moved(datetime.datetime(2025, 3, 6)) == "n/a"


def test_the_key_knows_a_patient_again(tmp_path):
    key = Key(tmp_path / "key.tsv", tmp_path / "bids")
    patient = Patient("007")
    add_sessions(patient, tmp_path / "bids", set(DAYS))
    key.add("/P1", patient)
    again = Key(tmp_path / "key.tsv", tmp_path / "bids")
    assert again.patient("/P2") is None
    found = again.patient("/P1")
    assert (found.label, found.sessions, found.moved_by) == (
        "007",
        patient.sessions,
        patient.moved_by,
    )
    assert again.labels() == {"007"}


@pytest.mark.parametrize(
    ("more", "row"),
    [
        ({}, {"age": "76", "sex": "F", "weight": "61.5"}),
        ({"PatientBirthDate": "", "PatientAge": "081Y"}, {"age": "81"}),
        ({"PatientBirthDate": "", "PatientAge": "011M"}, {"age": "n/a"}),
        ({"PatientBirthDate": "19200101"}, {"age": "90"}),
        ({"PatientSex": "", "PatientWeight": 0}, {"sex": "n/a", "weight": "n/a"}),
    ],
)
def test_what_participants_tsv_may_say(tmp_path, more, row):
    write(changed(Plan(t1_values(slices=2)), more=more), tmp_path)
    (series,) = find_series(tmp_path, print)
    assert row_of(series) | row == row_of(series)
