"""Meta-ROIs and composites: members, weights, thresholds, Centiloids."""

import numpy as np
import pytest

from petsynth.regional.composites import composites_of, measure_composite
from petsynth.regional.labels import label_names
from petsynth.regional.means import RegionMean

TRACERS = ("FDG", "AV45", "FBB", "FMM", "PIB", "AV1451")
REFERENCES = ("pons", "pons-vermis", "whole-cerebellum", "inferior-cerebellar-grey")


def composite(tracer, name):
    return next(each for each in composites_of(tracer) if each.name == name)


@pytest.fixture
def regions():
    """All of FreeSurfer's regions with a mean of 1.0 in 2 mL, without those that DKT lacks."""
    left_out = ("bankssts", "frontalpole", "temporalpole")
    names = [each.name for each in label_names("freesurfer").values()]
    return {name: RegionMean(1.0, 2.0, 1.0) for name in names if not name.startswith(left_out)}


@pytest.fixture
def references():
    found = {name: RegionMean(0.5, 2.0, 1.0) for name in REFERENCES}
    return found | {"centiloid-cortex": RegionMean(0.6, 9.0, 1.0)}


def measure(each, regions, references, scheme="freesurfer", own=True):
    return measure_composite(each, regions, references, scheme, is_own_segmentation=own)


@pytest.mark.parametrize("tracer", TRACERS)
def test_every_member_is_a_label_and_every_figure_has_a_source(tracer):
    for each in composites_of(tracer):
        assert each.source
        assert each.caveat
        for scheme, groups in each.groups.items():
            known = {label.name for label in label_names(scheme).values()}
            for name in (name for group in groups for name in group):
                sides = {name, f"{name}_left", f"{name}_right"}
                assert name in known or sides - {name} <= known, f"{each.name}: {name}"
        if each.threshold is not None:
            assert each.threshold.source
        if each.centiloid is not None:
            assert each.centiloid.source


@pytest.mark.parametrize("tracer", TRACERS)
def test_a_flat_image_gives_the_ratio_of_region_and_reference(tracer, regions, references):
    for each in composites_of(tracer):
        expected = 1.2 if each.mask else 2.0
        assert measure(each, regions, references).suvr == pytest.approx(expected)


def test_groups_count_alike_and_members_by_volume(regions, references):
    each = composite("AV45", "amyloid-composite")
    for name in ("middletemporal", "superiortemporal"):
        for side in ("left", "right"):
            regions[f"{name}_{side}"] = RegionMean(3.0, 100.0, 1.0)
    assert measure(each, regions, references).suvr == pytest.approx((3 * 1.0 + 3.0) / 4 / 0.5)
    tau = composite("AV1451", "tau-meta-roi")
    regions["amygdala_left"] = RegionMean(4.0, 6.0, 1.0)
    members = [
        regions[f"{name}_{side}"]
        for name in tau.groups["freesurfer"][0]
        for side in ("left", "right")
    ]
    by_hand = sum(part.mean * part.ml for part in members) / sum(part.ml for part in members)
    assert measure(tau, regions, references).suvr == pytest.approx(by_hand / 0.5)


def test_what_the_protocol_lacks_is_named_and_what_the_scan_lacks_leaves_none(regions, references):
    each = composite("AV1451", "braak-3-4")
    found = measure(each, regions, references)
    assert found.note == "without temporalpole"
    regions["insula_left"] = RegionMean(np.nan, 2.0, 0.0, "outside the PET's field of view")
    found = measure(each, regions, references)
    assert np.isnan(found.suvr)
    assert found.note == "no value of insula_left"
    del regions["insula_left"]
    assert measure(each, regions, references).note == "no value of insula_left"


def test_a_reference_that_is_missing_leaves_none_and_says_so(regions, references):
    each = composite("FDG", "fdg-meta-roi")
    references["pons-vermis"] = RegionMean(np.nan, 2.0, 0.0, "outside the PET's field of view")
    found = measure(each, regions, references)
    assert np.isnan(found.suvr)
    assert found.note == "reference region pons-vermis: outside the PET's field of view"
    del references["pons-vermis"]
    assert (
        measure(each, regions, references).note == "the reference region pons-vermis needs the T1"
    )
    assert measure(each, regions, references).is_positive is None


@pytest.mark.parametrize(
    ("tracer", "name", "mean", "positive"),
    [
        ("AV45", "amyloid-composite", 0.5 * 1.12, True),
        ("AV45", "amyloid-composite", 0.5 * 1.10, False),
        ("FDG", "fdg-meta-roi", 0.5 * 1.20, True),
        ("FDG", "fdg-meta-roi", 0.5 * 1.22, False),
        ("AV1451", "tau-meta-roi", 0.5 * 1.24, True),
        ("AV1451", "braak-5-6", 0.5 * 2.0, None),
    ],
)
def test_positivity_at_the_published_threshold(regions, references, tracer, name, mean, positive):
    flat = {key: RegionMean(mean, 2.0, 1.0) for key in regions}
    assert measure(composite(tracer, name), flat, references).is_positive is positive


def test_centiloids_only_where_the_conversion_holds(regions, references):
    """Royse 2021: florbetapir's threshold of 1.11 is 20 CL, florbetaben's of 1.08 is 18 CL."""
    for tracer, suvr, centiloids in (("AV45", 1.11, 20), ("FBB", 1.08, 18)):
        each = composite(tracer, "amyloid-composite")
        flat = {key: RegionMean(0.5 * suvr, 2.0, 1.0) for key in regions}
        assert measure(each, flat, references).centiloid == pytest.approx(centiloids, abs=0.5)
        found = measure(each, flat, references, own=False)
        assert np.isnan(found.centiloid)
        assert found.centiloid_note.startswith(
            "the published conversion holds for the subject's own"
        )
    cortex = composite("PIB", "centiloid-cortex")
    for suvr, centiloids in ((1.009, 0), (2.076, 100)):  # Klunk 2015: young controls, typical AD
        references["centiloid-cortex"] = RegionMean(0.5 * suvr, 9.0, 1.0)
        found = measure(cortex, regions, references, own=False)
        assert found.centiloid == pytest.approx(centiloids, abs=0.1)


@pytest.mark.parametrize(
    ("tracer", "suvr", "centiloids"), [("FBB", 1.08, 18), ("FBB", 1.10, 21), ("AV45", 1.11, 20)]
)
def test_thresholds_are_those_of_the_abstract_in_centiloids(tracer, suvr, centiloids):
    """Royse et al. 2021, abstract."""
    conversion = composite(tracer, "amyloid-composite").centiloid
    assert round(conversion.of(suvr)) == centiloids


def test_tau_and_fdg_have_no_centiloids(regions, references):
    for tracer in ("FDG", "AV1451"):
        for each in composites_of(tracer):
            assert np.isnan(measure(each, regions, references).centiloid)


def test_labels_of_another_kind_have_no_composite(regions, references):
    found = measure(composite("FDG", "fdg-meta-roi"), regions, references, scheme=None)
    assert np.isnan(found.suvr)
    assert found.note == "its regions are not defined by these labels"
