"""Tracer profiles against their sources."""

import pytest

from petsynth.io.bids.names import TRACER_LABELS
from petsynth.preprocessing.pet.suvr import centiloid, is_abnormal
from petsynth.preprocessing.pet.tracers import region, region_names, tracer_profiles


def test_every_tracer_has_a_profile_with_a_source_and_a_region_that_exists():
    assert tracer_profiles().keys() == TRACER_LABELS.keys()
    for profile in tracer_profiles().values():
        assert profile.reference in region_names()
        assert profile.target.region in ("", *region_names())
        assert profile.target.reference in region_names()
        assert profile.target.source
        assert profile.reference_source
        assert profile.expected_suvr[0] < 1 < profile.expected_suvr[1]


@pytest.mark.parametrize(
    ("tracer", "suvr", "centiloids"),
    [
        ("PIB", 1.009, 0.0),  # Klunk 2015: mean of young controls, by definition
        ("PIB", 2.076, 100.0),  # and of typical Alzheimer's disease
        ("FBB", 1.0, 153.4 - 154.9),  # Rowe 2017, abstract
        ("FMM", 1.0, 121.42 - 121.16),  # Battle 2018, abstract
        ("AV45", 1.0, 175.17 - 182.26),  # Navitsky 2018
    ],
)
def test_centiloid_equations(tracer, suvr, centiloids):
    found = centiloid(suvr, tracer_profiles()[tracer].target)
    assert found == pytest.approx(centiloids, abs=0.02)


def test_thresholds():
    """AV45 from 1.11 (Landau 2013), tau from 1.23 (Jack 2017); FDG is abnormal up to 1.21."""
    targets = {name: profile.target for name, profile in tracer_profiles().items()}
    assert (is_abnormal(1.11, targets["AV45"]), is_abnormal(1.1, targets["AV45"])) == (True, False)
    assert is_abnormal(1.23, targets["AV1451"])
    assert (is_abnormal(1.2, targets["FDG"]), is_abnormal(1.3, targets["FDG"])) == (True, False)
    assert is_abnormal(9.0, targets["FBB"]) is None


@pytest.mark.parametrize(
    ("name", "ml"),
    [
        ("whole-cerebellum", 119.52),
        ("cerebellar-grey", 62.864),
        ("centiloid-cortex", 234.624),
        ("pons", 2.0),
    ],
)
def test_regions_have_the_volume_of_their_source(name, ml):
    assert region(name).data.sum() * 8 / 1000 == pytest.approx(ml, rel=0.05)
    left, right = region(name).data[:45].sum(), region(name).data[46:].sum()
    assert 0.5 < left / right < 2  # Clinica's eroded pons lies 2 mm to the right
