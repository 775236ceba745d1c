"""Agreement over subjects, from regional tables with known answers."""

import numpy as np
import pandas as pd
import pytest

from petsynth.evaluation.agreement import (
    agreement_table,
    asymmetries,
    median_correlation,
    positivity,
    summarise_regions,
)

LEVELS = np.array([1.0, 1.3, 0.8, 1.7, 1.1, 1.4])
"""Of six subjects."""


def table(predict, method="m", names=("cuneus_left", "cuneus_right", "pons")) -> pd.DataFrame:
    """Return a regional table: the reference is level * (1 + place), the method sees it."""
    rows = [
        {
            "participant_id": f"sub-{subject}",
            "method": method,
            "kind": "region",
            "region": name,
            "reference": level * (1 + place),
            "synthetic": predict(level * (1 + place), subject, place),
        }
        for subject, level in enumerate(LEVELS)
        for place, name in enumerate(names)
    ]
    empty = (
        "centiloid_reference",
        "centiloid_synthetic",
        "positive_reference",
        "positive_synthetic",
    )
    return pd.DataFrame(rows).assign(**dict.fromkeys(empty))


def rows_of(regions, kind="region"):
    found = agreement_table(regions)
    return found[found["kind"] == kind].set_index("region")


def test_the_truth_agrees_fully():
    found = rows_of(table(lambda value, *_: value))
    assert (found["n"] == 6).all()
    for name in ("r", "icc21", "icc31", "ccc"):
        assert found[name].to_numpy() == pytest.approx(1)
    assert found["error"].to_numpy() == pytest.approx(0)


def test_an_offset_is_a_bias_and_no_lack_of_correlation():
    found = rows_of(table(lambda value, *_: value + 0.5))
    assert found["error"].to_numpy() == pytest.approx(0.5)
    assert found["absolute_error"].to_numpy() == pytest.approx(0.5)
    assert found["loa_low"].to_numpy() == pytest.approx(0.5)
    assert found["r"].to_numpy() == pytest.approx(1)
    assert (found["icc21"] < found["icc31"]).all()
    assert (found["ccc"] < 0.9).all()


def test_the_same_prediction_for_everyone_has_no_correlation_over_subjects():
    regions = table(lambda value, subject, place: LEVELS.mean() * (1 + place))
    assert rows_of(regions)["r"].isna().all()
    assert median_correlation(agreement_table(regions), "m") == 0
    over_regions = np.corrcoef(regions["reference"], regions["synthetic"])[0, 1]
    assert over_regions > 0.8  # all regions and subjects together look fine


def test_three_subjects_have_no_interval_that_could_lie_above_0():
    regions = table(lambda value, *_: value + 0.1)
    few = regions[regions["participant_id"].isin(["sub-0", "sub-1", "sub-2"])]
    counts = [
        summarise_regions(each, agreement_table(each))["m"]["regions"]["r_interval_above_0"]
        for each in (few, regions)
    ]
    assert counts == [None, 3]


def test_a_region_without_value_counts_nobody():
    regions = table(lambda value, *_: value)
    regions.loc[regions["region"] == "pons", "reference"] = np.nan
    row = rows_of(regions).loc["pons"]
    assert row["n"] == 0
    assert np.isnan(row["error"])
    regions.loc[(regions["region"] == "cuneus_left") & (regions.index < 3), "synthetic"] = np.nan
    assert rows_of(regions).loc["cuneus_left", "n"] == 5


def test_visits_of_one_subject_are_averaged():
    regions = table(lambda value, *_: value)
    again = regions.assign(participant_id=regions["participant_id"] + "_ses-2")
    regions["participant_id"] += "_ses-1"
    again["synthetic"] += 1.0
    row = rows_of(pd.concat([regions, again])).loc["pons"]
    assert row["n"] == 6
    assert row["error"] == pytest.approx(0.5)


def test_asymmetry_of_both_images():
    regions = table(lambda value, subject, place: 1.0)
    found = asymmetries(regions)
    assert set(found["region"]) == {"cuneus"}
    assert found["reference"].to_numpy() == pytest.approx(200 * (1 - 2) / 3)
    assert found["synthetic"].to_numpy() == pytest.approx(0)
    row = rows_of(regions, "asymmetry").loc["cuneus"]
    assert row["error"] == pytest.approx(200 / 3)


def test_positivity_and_centiloids_are_summarised():
    regions = table(lambda value, *_: value, names=("amyloid-composite",)).assign(kind="composite")
    regions["positive_reference"] = ["yes", "yes", "yes", "no", "no", "no"]
    regions["positive_synthetic"] = ["yes", "no", "no", "no", "no", "yes"]
    regions["centiloid_reference"] = 10.0
    regions["centiloid_synthetic"] = [12.0, 14.0, 16.0, 12.0, 14.0, 16.0]
    found = summarise_regions(regions, agreement_table(regions))["m"]["composites"]
    composite = found["amyloid-composite"]
    assert composite["positivity"]["sensitivity"] == pytest.approx(1 / 3)
    assert composite["positivity"]["specificity"] == pytest.approx(2 / 3)
    assert composite["positivity"]["balanced_accuracy"] == pytest.approx(0.5)
    assert composite["centiloid_difference"]["mean"] == pytest.approx(4)


def test_nobody_positive_has_no_sensitivity():
    nobody = np.zeros(3, bool)
    found = positivity(nobody, np.array([True, False, False]))
    assert found["sensitivity"] is None
    assert found["balanced_accuracy"] is None
    assert found["specificity"] == pytest.approx(2 / 3)
