import numpy as np
import pytest

from petsynth.simulation.fields import (
    coarse_lattice,
    exponentiate,
    random_field,
    refine,
    sample_components,
    world_points,
)
from petsynth.volume import Grid


def grid(shape=(21, 25, 23), voxel=2.0):
    affine = np.diag([voxel, voxel, voxel, 1.0])
    affine[:3, 3] = (-20, -30, -10)
    return Grid(shape, affine)


def test_coarse_lattice_covers_the_grid():
    lattice, factor = coarse_lattice(grid(), spacing_mm=4.0)

    assert factor == 2
    assert lattice.shape == (11, 13, 12)
    assert lattice.voxel_mm == (4.0, 4.0, 4.0)


@pytest.mark.parametrize("spacing", [1.0, 4.0, 6.0, 50.0])
def test_refining_a_linear_function_is_exact(spacing):
    fine = grid()
    lattice, factor = coarse_lattice(fine, spacing)

    refined = refine(world_points(lattice), factor, fine.shape)

    np.testing.assert_allclose(refined, world_points(fine), atol=1e-4)


def test_random_field_has_unit_spread_and_the_wished_smoothness():
    fields = random_field(np.random.default_rng(0), grid((60, 60, 60)), 6.0, components=2)

    assert fields.shape == (2, 60, 60, 60)
    assert fields.std() == pytest.approx(1.0, abs=0.1)
    # white noise smoothed with s is correlated by exp(-d^2 / 4s^2) at distance d
    neighbour = np.corrcoef(fields[0, :-3].ravel(), fields[0, 3:].ravel())[0, 1]
    assert neighbour == pytest.approx(np.exp(-(6.0**2) / (4 * 6.0**2)), abs=0.05)


def test_constant_velocity_is_a_shift():
    velocity = np.zeros((3, *grid().shape), np.float32)
    velocity[1] = 3.0

    np.testing.assert_allclose(exponentiate(velocity, grid())[1], 3.0, atol=1e-5)


def test_deformation_folds_nothing_and_opposite_velocity_undoes_it():
    place = grid((30, 30, 30))
    velocity = 4 * random_field(np.random.default_rng(1), place, 9.0, components=3)

    forth, back = (exponentiate(sign * velocity, place, squarings=6) for sign in (1, -1))

    assert np.abs(forth).max() > 5
    steps = np.diff(exponentiate(velocity, place), axis=1)[0] / 2.0
    assert (1 + steps).min() > 0
    index = np.indices(place.shape, dtype=np.float32) + forth / 2.0
    inner = slice(8, -8)
    returned = forth + sample_components(back, index)
    assert np.abs(returned[:, inner, inner, inner]).max() < 0.35
