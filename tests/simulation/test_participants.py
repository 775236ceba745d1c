import numpy as np
import pytest

from petsynth.simulation.participants import draw_participant


def cohort(tracer="FDG", size=400):
    return [draw_participant(0, index, tracer, f"sub-{index}") for index in range(size)]


def test_half_are_patients_and_they_are_clinically_worse():
    people = cohort()
    patients = [person for person in people if person.diagnosis == "AD"]
    controls = [person for person in people if person.diagnosis == "CN"]

    assert len(patients) == len(controls)
    assert max(person.severity for person in controls) < min(p.severity for p in patients)
    assert np.mean([p.mmse for p in patients]) < 26 < np.mean([p.mmse for p in controls])
    assert all(0 <= person.mmse <= 30 for person in people)


def test_atrophy_shows_part_of_the_burden():
    patients = [person for person in cohort() if person.diagnosis == "AD"]
    atrophy, burden, expected = (
        np.array([getattr(person, name) for person in patients])
        for name in ("atrophy", "burden", "expected_burden")
    )

    # 0.6 shared against 0.4 own: correlation 0.36 / (0.36 + 0.16)
    assert np.corrcoef(atrophy, burden)[0, 1] == pytest.approx(0.69, abs=0.08)
    assert np.std(burden - expected) < np.std(burden)
    assert np.mean(burden - expected) == pytest.approx(0, abs=0.02)


def test_some_controls_are_amyloid_positive_and_some_patients_are_not():
    people = cohort("AV45")
    share = {
        group: np.mean([person.burden > 0 for person in people if person.diagnosis == group])
        for group in ("CN", "AD")
    }

    assert share["CN"] == pytest.approx(0.25, abs=0.07)
    assert share["AD"] == pytest.approx(0.88, abs=0.07)


def test_people_differ_by_index_and_repeat_by_seed():
    assert draw_participant(3, 7, "FDG", "sub-8") == draw_participant(3, 7, "FDG", "sub-8")
    assert draw_participant(3, 7, "FDG", "sub-8") != draw_participant(4, 7, "FDG", "sub-8")


def test_real_age_and_sex_are_kept():
    person = draw_participant(0, 0, "FDG", "sub-1", age=38.78, sex="M")

    assert (person.age, person.sex) == (38.8, "M")
