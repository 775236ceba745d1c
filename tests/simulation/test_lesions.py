"""Lesions: visible in the T1, in the right tissue, with the uptake of their kind."""

import dataclasses

import numpy as np
import pytest
from scipy import ndimage

from petsynth.simulation.embedded import make_embedded_anatomy
from petsynth.simulation.lesions import (
    CAVITY,
    DEEP_MM,
    DIASCHISIS,
    HYPERINTENSITY,
    KINDS,
    LOWERED,
    OEDEMA,
    RAISED,
    TUMOUR,
    Lesion,
    lesion_kind,
    make_lesion,
    with_lesion,
)
from petsynth.simulation.participants import sample_participant
from petsynth.simulation.regions import codes_of_tissue
from petsynth.simulation.uptake import make_uptake

SUBJECTS = 60


@pytest.fixture(scope="module")
def anatomy():
    return make_embedded_anatomy(np.random.default_rng(0), 3.0, 0.2)


@pytest.fixture(scope="module")
def lesions(anatomy) -> dict[str, list[Lesion]]:
    """Return two lesions of each kind on one anatomy; the two tumours differ."""
    found: dict[str, list[Lesion]] = {kind: [] for kind in KINDS}
    for index in range(SUBJECTS):
        kind = lesion_kind(0, index, 1.0)
        if len(found[kind]) == 2:
            continue
        lesion = make_lesion(0, index, 1.0, anatomy)
        if kind != "tumour" or all(is_raised(lesion) != is_raised(each) for each in found[kind]):
            found[kind].append(lesion)
    assert all(len(each) == 2 for each in found.values())
    return found


def is_raised(tumour: Lesion) -> bool:
    return bool(tumour.sampled.tumour.max() > 1)


def change(anatomy, lesion: Lesion, label: int) -> float:
    """Return the T1's brightness under a label, relative to what it was."""
    where = lesion.labels == label
    return float(lesion.mri.data[where].mean() / anatomy.mri.data[where].mean())


def left_of(anatomy, lesion: Lesion, label: int) -> float:
    """Return the uptake under a label, relative to what it was, of the same subject."""
    participant = sample_participant(0, 0, "FDG", "sub-001")
    before, after = (
        make_uptake(np.random.default_rng(3), anatomy, participant, "FDG", 1, each).frames[0]
        for each in (None, lesion)
    )
    where = lesion.labels == label
    return float(after[where].mean() / before[where].mean())


def test_the_fraction_decides_how_many_and_whoever_has_one_keeps_it():
    kinds = {
        fraction: [lesion_kind(1, index, fraction) for index in range(400)]
        for fraction in (0.0, 0.1, 0.3, 1.0)
    }
    counts = [sum(kind is not None for kind in each) for each in kinds.values()]
    assert counts[0] == 0
    assert 20 < counts[1] < 60
    assert 90 < counts[2] < 150
    assert counts[3] == 400
    assert set(kinds[1.0]) == set(KINDS)
    for low, high in ((0.1, 0.3), (0.3, 1.0)):
        pairs = zip(kinds[low], kinds[high], strict=True)
        assert all(one in (None, other) for one, other in pairs)


def test_nobody_has_one_without_asking(anatomy):
    assert make_lesion(0, 0, 0.0, anatomy) is None
    assert with_lesion(anatomy, None) is anatomy


def test_seed_and_place_decide(anatomy):
    one, again = (make_lesion(0, 1, 1.0, anatomy) for _ in range(2))
    np.testing.assert_array_equal(one.labels, again.labels)
    np.testing.assert_array_equal(one.mri.data, again.mri.data)


@pytest.mark.parametrize("kind", KINDS)
def test_the_t1_changes_where_the_map_says_and_nowhere_far_from_it(anatomy, lesions, kind):
    for lesion in lesions[kind]:
        visible = lesion.visible
        millilitres = visible.sum() * 0.027
        assert 0.3 < millilitres < 120
        assert visible.sum() == (visible & anatomy.mask).sum()
        changed = np.abs(lesion.mri.data - anatomy.mri.data) > 0.05 * anatomy.mri.data.max()
        assert changed[visible].mean() > 0.5
        far = ndimage.distance_transform_edt(~visible, anatomy.grid.voxel_mm) > 12
        assert not changed[far].any()
        assert with_lesion(anatomy, lesion).mri is lesion.mri


def test_a_stroke_is_a_dark_cavity_without_uptake_and_its_diaschisis_cannot_be_seen(
    anatomy, lesions
):
    for stroke in lesions["stroke"]:
        assert change(anatomy, stroke, CAVITY) < 0.6
        assert left_of(anatomy, stroke, CAVITY) < 0.4
        assert change(anatomy, stroke, DIASCHISIS) == pytest.approx(1, abs=0.05)
        assert 0.6 < left_of(anatomy, stroke, DIASCHISIS) < 0.96
        cerebellum = np.isin(anatomy.regions, codes_of_tissue("cerebellum")) & anatomy.mask
        crossed = (stroke.labels == DIASCHISIS) & cerebellum
        assert 0.3 < crossed.sum() / (cerebellum & (anatomy.own > 0)).sum() < 0.7
        middle, cavity = (
            np.argwhere(part).mean(axis=0) for part in (crossed, stroke.labels == CAVITY)
        )
        head = np.argwhere(anatomy.mask).mean(axis=0)
        across = np.linalg.inv(anatomy.grid.affine[:3, :3])[:, 0]
        assert np.dot(middle - head, across) * np.dot(cavity - head, across) < 0


def test_tumours_take_up_more_or_less_as_their_look_says(anatomy, lesions):
    for tumour in lesions["tumour"]:
        level = tumour.sampled.tumour.max()
        low, high = RAISED if is_raised(tumour) else LOWERED
        assert low <= level <= high
        assert (tumour.sampled.fluid.max() > 0.5) == is_raised(tumour)  # the necrotic middle
        assert tumour.expected.tumour.max() == pytest.approx((low + high) / 2, rel=1e-5)
        solid = tumour.labels == TUMOUR
        assert change(anatomy, tumour, TUMOUR) < 0.9
        assert (tumour.labels == OEDEMA).any()
        assert left_of(anatomy, tumour, OEDEMA) < 1
        assert solid.any()


def test_hyperintensities_are_spots_of_deep_white_matter(anatomy, lesions):
    depth = ndimage.distance_transform_edt(anatomy.mask, anatomy.grid.voxel_mm)
    for lesion in lesions["hyperintensities"]:
        spots = lesion.labels == HYPERINTENSITY
        assert anatomy.white[spots].min() > 0.5
        assert depth[spots].mean() > DEEP_MM
        assert 0.6 < change(anatomy, lesion, HYPERINTENSITY) < 0.95
        assert 0.65 < left_of(anatomy, lesion, HYPERINTENSITY) < 0.95


def test_what_is_expected_depends_on_what_the_t1_shows_alone(anatomy, lesions):
    """The noise-free PET has the mean strength of such lesions."""
    participant = sample_participant(0, 0, "FDG", "sub-001")
    stroke = lesions["stroke"][0]
    other = dataclasses.replace(stroke, sampled=stroke.expected)
    one, two = (
        make_uptake(np.random.default_rng(3), anatomy, participant, "FDG", 1, each)
        for each in (stroke, other)
    )
    np.testing.assert_array_equal(one.expected, two.expected)
    assert not np.allclose(one.frames[0], two.frames[0])
    near = stroke.labels == DIASCHISIS
    healthy = make_uptake(np.random.default_rng(3), anatomy, participant, "FDG", 1).expected
    assert one.expected[near].mean() < healthy[near].mean()
