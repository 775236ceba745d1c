import numpy as np
import pytest

from petsynth.errors import InputError
from petsynth.simulation.anatomy import StandardSpace
from petsynth.simulation.embedded import make_embedded_anatomy
from petsynth.simulation.fields import world_points
from petsynth.simulation.regions import CODES
from petsynth.simulation.standard_space import register_to_mni
from petsynth.volume import Grid


@pytest.fixture(scope="module")
def anatomy():
    """A deformed template, whose place in MNI space is known exactly."""
    return make_embedded_anatomy(np.random.default_rng(3), 3.0, 0.3)


@pytest.fixture(scope="module")
def found(anatomy):
    return register_to_mni(anatomy.regions, anatomy.grey, anatomy.white, anatomy.grid)


def test_registration_finds_a_known_deformation(anatomy, found):
    known = anatomy.standard_space.at_voxels(anatomy.grid.shape)
    own = found.at_voxels(anatomy.grid.shape)
    inside = anatomy.grey + anatomy.white > 0.5

    error = np.linalg.norm(own - known, axis=0)[inside]
    before = np.linalg.norm(world_points(anatomy.grid) - known, axis=0)[inside]
    assert np.median(error) < 4.0
    assert np.median(error) < 0.5 * np.median(before)


def test_registration_folds_nothing(found):
    steps = np.stack(np.gradient(found.points, axis=(1, 2, 3)))
    volume = np.linalg.det(np.moveaxis(steps, (0, 1), (-2, -1)))

    assert (volume > 0).mean() > 0.999


def test_registration_gives_the_same_twice(anatomy, found):
    again = register_to_mni(anatomy.regions, anatomy.grey, anatomy.white, anatomy.grid)

    np.testing.assert_array_equal(again.points, found.points)


def test_without_regions_there_is_no_place_in_mni_space(anatomy):
    with pytest.raises(InputError, match="too few brain regions"):
        register_to_mni(
            np.where(anatomy.regions == CODES["pons"], anatomy.regions, 0).astype(np.uint8),
            anatomy.grey,
            anatomy.white,
            anatomy.grid,
        )


def test_coordinates_are_interpolated_between_lattice_points():
    grid = Grid((5, 5, 5), np.diag([2.0, 2.0, 2.0, 1.0]))
    coarse = Grid((3, 3, 3), np.diag([4.0, 4.0, 4.0, 1.0]))

    points = StandardSpace(world_points(coarse), 2).at_voxels(grid.shape)

    np.testing.assert_allclose(points, world_points(grid), atol=1e-5)
