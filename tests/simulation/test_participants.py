import numpy as np
import pytest

from petsynth.simulation.participants import sample_participant


def cohort(tracer="FDG", size=400):
    return [sample_participant(0, index, tracer, f"sub-{index}") for index in range(size)]


def test_half_are_patients_and_they_are_clinically_worse():
    members = cohort()
    patients = [participant for participant in members if participant.diagnosis == "AD"]
    controls = [participant for participant in members if participant.diagnosis == "CN"]

    assert len(patients) == len(controls)
    assert max(participant.severity for participant in controls) < min(p.severity for p in patients)
    assert np.mean([p.mmse for p in patients]) < 26 < np.mean([p.mmse for p in controls])
    assert all(0 <= participant.mmse <= 30 for participant in members)


def test_atrophy_shows_part_of_the_burden():
    patients = [participant for participant in cohort() if participant.diagnosis == "AD"]
    atrophy, burden, expected = (
        np.array([getattr(participant, name) for participant in patients])
        for name in ("atrophy", "burden", "expected_burden")
    )

    # 0.6 shared against 0.4 own: correlation 0.36 / (0.36 + 0.16)
    assert np.corrcoef(atrophy, burden)[0, 1] == pytest.approx(0.69, abs=0.08)
    assert np.std(burden - expected) < np.std(burden)
    assert np.mean(burden - expected) == pytest.approx(0, abs=0.02)


def test_some_controls_are_amyloid_positive_and_some_patients_are_not():
    members = cohort("AV45")
    fraction = {
        group: np.mean(
            [participant.burden > 0 for participant in members if participant.diagnosis == group]
        )
        for group in ("CN", "AD")
    }

    assert fraction["CN"] == pytest.approx(0.25, abs=0.07)
    assert fraction["AD"] == pytest.approx(0.88, abs=0.07)


def test_subjects_differ_by_index_and_repeat_by_seed():
    assert sample_participant(3, 7, "FDG", "sub-8") == sample_participant(3, 7, "FDG", "sub-8")
    assert sample_participant(3, 7, "FDG", "sub-8") != sample_participant(4, 7, "FDG", "sub-8")


def test_real_age_and_sex_are_kept():
    participant = sample_participant(0, 0, "FDG", "sub-1", age=38.78, sex="M")

    assert (participant.age, participant.sex) == (38.8, "M")


@pytest.mark.parametrize("tracer", ["AV45", "AV1451"])
def test_the_expected_burden_knows_the_status(tracer):
    for participant in cohort(tracer):
        positive = participant.status == "positive"
        assert (participant.burden > 0) == (participant.expected_burden > 0) == positive


def test_fdg_has_no_status():
    assert {participant.status for participant in cohort("FDG", 20)} == {"n/a"}
