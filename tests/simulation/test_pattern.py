import dataclasses

import numpy as np
import pytest

from petsynth.simulation.embedded import make_embedded_anatomy
from petsynth.simulation.fields import world_points
from petsynth.simulation.pattern import Pattern, lattice_affine, pattern_of, read_pattern
from petsynth.simulation.regions import CODES
from petsynth.simulation.uptake import tracer_model, uptake_image
from petsynth.volume import Grid

LATTICE = (31, 37, 31)


@pytest.fixture(scope="module")
def anatomy():
    return make_embedded_anatomy(np.random.default_rng(5), 4.0, 0.0)


def constant(value: float) -> Pattern:
    return Pattern(*(np.full(LATTICE, value, np.float32) for _ in range(2)))


@pytest.mark.parametrize("tracer", ["FDG", "AV45", "AV1451"])
def test_every_tracer_has_positive_fields_over_mni_space(tracer):
    pattern = read_pattern(tracer)

    for field in (pattern.grey, pattern.white):
        assert field.shape == LATTICE
        assert field.min() > 0
        assert field.max() < 2.55  # the file's largest value


def test_a_constant_field_of_1_changes_nothing(anatomy):
    model = tracer_model("FDG")
    plain = uptake_image(anatomy, model.mean, model.scalp)

    same = uptake_image(anatomy, model.mean, model.scalp, pattern_of(anatomy, constant(1.0)))

    np.testing.assert_allclose(same, plain, rtol=1e-6)


def test_fields_multiply_grey_and_white_matter_and_nothing_else(anatomy):
    uptake = tracer_model("FDG").mean
    plain, doubled = (
        uptake_image(anatomy, uptake, 0.2, pattern_of(anatomy, constant(value)))
        for value in (1.0, 2.0)
    )
    tissue, fluid = anatomy.grey + anatomy.white > 0.999, anatomy.fluid > 0.999

    np.testing.assert_allclose(doubled[tissue], 2 * plain[tissue], rtol=1e-4)
    np.testing.assert_array_equal(doubled[fluid], plain[fluid])
    outside = anatomy.scalp > 0.9
    np.testing.assert_array_equal(doubled[outside], plain[outside])


def test_fields_are_read_at_the_heads_own_place_in_mni_space(anatomy):
    height = world_points(Grid(LATTICE, lattice_affine()))[2]

    found = pattern_of(anatomy, Pattern(height, -height))

    z = anatomy.standard_space.at_voxels(anatomy.grid.shape)[2]
    inside = anatomy.mask & (z > -70)
    np.testing.assert_allclose(found.grey[inside], z[inside], atol=0.5)
    np.testing.assert_allclose(found.white[inside], -z[inside], atol=0.5)


def test_a_head_of_unknown_place_has_no_pattern(anatomy):
    lost = dataclasses.replace(anatomy, standard_space=None)

    assert pattern_of(lost, constant(2.0)) is None
    assert pattern_of(anatomy, None) is None


@pytest.mark.parametrize("x", [-24, 24])
def test_fdg_of_deep_white_matter_is_below_that_of_white_matter_on_the_whole(x):
    index = np.linalg.inv(lattice_affine()) @ [x, -12, 36, 1]
    centrum = tuple(np.rint(index[:3]).astype(int))

    assert 0.6 < read_pattern("FDG").white[centrum] < 0.9


def test_flortaucipir_is_higher_in_the_nigra_than_in_the_thalamus():
    mean, grey = tracer_model("AV1451").mean, read_pattern("AV1451").grey

    def uptake(name, *place):
        index = np.linalg.inv(lattice_affine()) @ [*place, 1]
        return mean[CODES[name]] * grey[tuple(np.rint(index[:3]).astype(int))]

    nigra = uptake("ventral_diencephalon_right", 10, -18, -11)
    assert nigra > 1.15 * uptake("thalamus_right", 12, -18, 8)
