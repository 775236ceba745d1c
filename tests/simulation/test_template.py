"""The average brain: human in size, symmetric, the same whatever the voxels."""

import numpy as np
import pytest
from scipy import ndimage

from petsynth.simulation.fields import world_points
from petsynth.simulation.regions import CODES, REGIONS, codes_of, codes_of_tissue
from petsynth.simulation.template import (
    HEAD_BOX_MM,
    Template,
    head_grid,
    load_template,
    whole_tissue_codes,
)

VOXEL_MM = 4.0


@pytest.fixture(scope="module")
def template() -> Template:
    return load_template(VOXEL_MM)


@pytest.mark.parametrize("voxel_mm", [1.0, 4.0, 7.0, 300.0])
def test_the_grid_covers_the_box_about_its_middle_with_no_voxel_to_spare(voxel_mm):
    grid = head_grid(voxel_mm)
    low, high = np.array(HEAD_BOX_MM).T
    first = grid.affine[:3, 3] - voxel_mm / 2
    last = first + voxel_mm * np.array(grid.shape)
    assert grid.voxel_mm == pytest.approx((voxel_mm, voxel_mm, voxel_mm))
    assert (first <= low + 1e-9).all()
    assert (last >= high - 1e-9).all()
    assert (last - first - (high - low) < voxel_mm).all()
    np.testing.assert_allclose(first + last, low + high)


def test_tissues_are_probabilities(template):
    for part in (template.grey, template.white, template.texture):
        assert part.shape == template.grid.shape
        assert part.dtype == np.float32
        assert part.min() >= 0
        assert part.max() <= 1
    assert (template.grey + template.white).max() <= 1


def test_the_brain_has_a_human_size(template):
    litres = (template.depth < 0).sum() * VOXEL_MM**3 / 1e6
    assert 1.5 < litres < 2.1
    grey, white = (part.sum() * VOXEL_MM**3 / 1e6 for part in (template.grey, template.white))
    assert 0.6 < white < grey < 1.1


def test_left_and_right_are_alike(template):
    for part in (template.grey, template.white, template.depth, template.cranium):
        np.testing.assert_allclose(part, part[::-1], atol=1e-3)
    flipped = template.atrophy[:, ::-1].copy()
    flipped[0] *= -1
    margin = np.abs(flipped - template.atrophy)
    assert np.median(margin) < 0.05


def test_depth_counts_millimetres_from_the_brains_surface(template):
    surface = (template.depth < 0) & ~ndimage.binary_erosion(template.depth < 0)
    assert template.depth[surface].max() == -VOXEL_MM / 2
    outside = ndimage.binary_dilation(template.depth < 0) & (template.depth > 0)
    assert template.depth[outside].min() == VOXEL_MM / 2
    assert -70 < template.depth.min() < -30


def test_bone_follows_an_envelope_around_the_whole_brain(template):
    assert (template.cranium[template.depth < 0] < VOXEL_MM).all()
    assert (template.cranium < 0).sum() > (template.depth < 0).sum()
    slope = np.linalg.norm(np.gradient(template.cranium, VOXEL_MM), axis=0)
    assert np.median(slope) == pytest.approx(1, abs=0.05)


def test_every_region_of_a_brain_is_there_on_its_side(template):
    names = {REGIONS[code].name for code in np.unique(template.regions)}
    named = {region.name for region in REGIONS if region.tissue in ("cortex", "deep")}
    assert named - names == {"unnamed_cortex_left", "unnamed_cortex_right"}
    assert {"cerebellar_cortex", "ventricle"} <= names
    x = world_points(template.grid)[0]
    for side, sign in (("_left", -1), ("_right", 1)):
        codes = [CODES[name] for name in names if name.endswith(side)]
        places = x[np.isin(template.regions, codes)]
        assert (sign * places > -1e-3).all()


def test_all_tissue_has_a_region_and_air_has_none(template):
    brain = template.depth < 0
    assert (template.regions[brain] > 0).all()
    assert not template.regions[template.depth > 15].any()


def test_atrophy_opens_the_ventricles_and_shrinks_the_hippocampus(template):
    assert template.lattice.matches(template.grid)
    places = np.indices(template.grid.shape) + template.atrophy / VOXEL_MM
    change = {}
    for kind in ("ventricle", "hippocampus", "pons"):
        part = np.isin(template.regions, codes_of(kind)).astype(np.float32)
        warped = ndimage.map_coordinates(part, places, order=1)
        change[kind] = warped.sum() / part.sum()
    assert change["ventricle"] > 1.2
    assert change["hippocampus"] < 0.9
    assert change["pons"] == pytest.approx(1, abs=0.1)


def test_a_template_is_made_once(template):
    assert load_template(VOXEL_MM) is template


def test_only_deep_nuclei_are_one_tissue():
    whole = whole_tissue_codes()
    assert whole.shape == (len(REGIONS),)
    assert set(np.flatnonzero(whole)) == set(codes_of_tissue("deep"))
    assert whole[CODES["thalamus_left"]] == 1
    assert whole[CODES["precuneus_left"]] == whole[0] == 0
