"""The table of a scan, from means that are made by hand."""

import numpy as np
import pytest

from petsynth.regional.atlas import Atlas
from petsynth.regional.means import RegionMean
from petsynth.regional.table import COLUMNS, Labelling, ScanMeans, asymmetry_percent, build_table
from petsynth.volume import Volume

NAMES = {1: "putamen_left", 2: "putamen_right", 3: "vermis"}
ATLAS = Atlas("own", Volume(np.zeros((1, 1, 1), np.int32), np.eye(4)), NAMES, "a test", None)


def table(regions, *, divisor=1.0, tracer="mystery"):
    means = ScanMeans(regions, {"pons": RegionMean(2.0, 9.0, 1.0)}, divisor, "pons")
    return build_table(means, Labelling(ATLAS, tracer)).set_index("region")


@pytest.fixture
def regions():
    return {
        1: RegionMean(4.0, 5.0, 1.0),
        2: RegionMean(2.0, 5.0, 0.9),
        3: RegionMean(np.nan, 0.0, np.nan, "not in the labels"),
    }


def test_values_are_divided_by_the_reference_and_sides_compared(regions):
    found = table(regions, divisor=2.0)
    assert found["suvr"][["putamen_left", "putamen_right", "pons"]].tolist() == [2, 1, 1]
    assert found["hemisphere"][["putamen_left", "putamen_right"]].tolist() == ["left", "right"]
    assert found["asymmetry_percent"]["putamen_left"] == pytest.approx(200 / 3)
    assert found["asymmetry_percent"]["putamen_right"] == pytest.approx(200 / 3)
    assert found["kind"].tolist() == ["region"] * 3 + ["reference"]


def test_what_is_missing_is_no_number_and_says_why(regions):
    row = table(regions).loc["vermis"]
    assert np.isnan(row["suvr"])
    assert np.isnan(row["asymmetry_percent"])
    assert row["note"] == "not in the labels"


def test_columns_are_always_the_same(regions):
    means = ScanMeans(regions, {})
    for tracer in ("FDG", "AV45", "AV1451", "mystery"):
        found = build_table(means, Labelling(ATLAS, tracer))
        assert list(found.columns) == list(COLUMNS)
        composites = found[found["kind"] == "composite"]
        assert composites["suvr"].isna().all()
        assert (composites["note"] != "").all()


def test_asymmetry_needs_both_sides():
    assert asymmetry_percent(1.0, 1.0) == 0
    assert np.isnan(asymmetry_percent(np.nan, 1.0))
    assert np.isnan(asymmetry_percent(0.0, 0.0))
