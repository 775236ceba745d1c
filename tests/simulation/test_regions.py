import numpy as np
import pytest

from petsynth.simulation.regions import (
    CODES,
    REGIONS,
    codes_of_tissue,
    ellipsoid_regions,
    label_table,
    nearest_cortical_region,
    read_packaged_table,
)


def test_codes_fit_region_images_and_the_background_is_zero():
    assert REGIONS[0].name == "background"
    assert len(REGIONS) < 256
    assert len(CODES) == len(REGIONS)


@pytest.mark.parametrize("scheme", ["muse", "freesurfer"])
def test_no_label_belongs_to_two_regions(scheme):
    labels = [label for region in REGIONS for label in getattr(region, scheme)]

    assert len(labels) == len(set(labels))


@pytest.mark.parametrize(
    ("scheme", "label", "name"),
    [
        ("muse", 47, "hippocampus_right"),
        ("muse", 169, "precuneus_left"),
        ("muse", 51, "ventricle"),
        ("freesurfer", 17, "hippocampus_left"),
        ("freesurfer", 2025, "precuneus_right"),
        ("freesurfer", 31, "choroid_plexus"),
        ("freesurfer", 2, "white_matter"),
    ],
)
def test_labels_of_both_schemes(scheme, label, name):
    assert label_table(scheme)[label] == CODES[name]


@pytest.mark.shared
def test_every_muse_label_that_occurs_has_a_region(ixi):
    table = read_names(ixi / "muse_labels.csv")
    occurring = {index for index in table if index <= 207}

    assert occurring - set(label_table("muse")) == set()


def read_names(path):
    lines = path.read_text().splitlines()[1:]
    return [int(line.split(",")[0]) for line in lines]


@pytest.mark.parametrize(
    ("point", "name"),
    [
        ((-7, -56, 48), "precuneus_left"),
        ((10, -56, 44), "precuneus_right"),
        ((-55, -34, -2), "lateral_temporal_left"),
        ((26, -55, -48), "cerebellar_cortex"),
    ],
)
def test_nearest_region_of_published_centres(point, name):
    assert REGIONS[nearest_cortical_region(np.array([point], float))[0]].name == name


def test_nearest_region_never_crosses_the_midline():
    points = np.array([[-0.5, -80, 10], [0.5, -80, 10]], float)

    left, right = nearest_cortical_region(points)

    assert REGIONS[left].name.endswith("_left")
    assert REGIONS[right].name.endswith("_right")


def test_cerebellum_can_be_left_out():
    code = nearest_cortical_region(np.array([[26.0, -55.0, -48.0]]), cerebellum=False)[0]

    assert code in codes_of_tissue("cortex")


def test_ellipsoids_hold_their_centres_only():
    points = np.array([[12.0, -18.0, 8.0], [-12.0, -18.0, 8.0], [60.0, 0.0, 0.0]])

    found = [REGIONS[code].name for code in ellipsoid_regions(points, ("thalamus", "putamen"))]

    assert found == ["thalamus_right", "thalamus_left", "background"]


def test_packaged_tables_name_known_regions_only():
    kinds = {region.kind for region in REGIONS} | {"scalp"}

    assert set(read_packaged_table("uptake.csv")["region"]) <= kinds
    assert set(read_packaged_table("seeds.csv")["region"]) <= kinds
    assert set(read_packaged_table("ellipsoids.csv")["region"]) <= kinds
    assert set(read_packaged_table("fdg_normative.csv")["region"]) <= set(CODES)


def test_every_uptake_figure_names_its_source():
    assert (read_packaged_table("uptake.csv")["source"] != "").all()
