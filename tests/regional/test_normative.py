"""Z-scores against the normative FDG table."""

import numpy as np
import pytest

from petsynth.regional.labels import label_names
from petsynth.regional.means import RegionMean
from petsynth.regional.normative import normative_values, z_scores
from petsynth.simulation.regions import REGIONS, label_table

PONS = RegionMean(2.0, 5.0, 1.0)


def adult(shift: float = 0.0) -> dict[int, RegionMean]:
    """Return FreeSurfer's regions of someone ``shift`` standard deviations from the mean."""
    table, values = label_table("freesurfer"), normative_values()
    regions = {}
    for number in label_names("freesurfer"):
        name = REGIONS[table.get(number, 0)].name
        if name in values:
            mean, std = values[name]
            regions[number] = RegionMean((mean + shift * std) * PONS.mean, 3.0, 1.0)
    return regions


@pytest.mark.parametrize("shift", [0.0, -2.0])
def test_the_mean_adult_is_0_and_others_are_as_far_as_they_are(shift):
    scores = z_scores(adult(shift), PONS, "freesurfer")
    assert len(scores) > 45
    assert np.allclose([score.z for score in scores.values()], shift)


def test_what_cannot_be_scored_says_why():
    regions = adult()
    regions[1025] = RegionMean(np.nan, 0.0, np.nan, "not in the labels")
    scores = z_scores(regions, PONS, "freesurfer")
    assert np.isnan(scores["precuneus_left"].z)
    assert scores["precuneus_left"].note == "not in the labels"
    assert np.isfinite(scores["precuneus_right"].z)
    assert "give the T1" in z_scores(regions, None, "freesurfer")["precuneus_right"].note
    lost = RegionMean(np.nan, 5.0, 0.0, "outside the PET's field of view")
    note = z_scores(regions, lost, "freesurfer")["precuneus_right"].note
    assert note == "pons: outside the PET's field of view"
