import numpy as np

from petsynth.simulation.atrophy import atrophy_displacement
from petsynth.simulation.fields import sample_components
from petsynth.simulation.template import load_template
from petsynth.volume import Grid


def ball(shape, centre, radius, voxel=1.0):
    index = np.indices(shape) - np.array(centre).reshape(3, 1, 1, 1)
    return (np.sqrt((index**2).sum(axis=0)) * voxel < radius).astype(np.float32)


def test_wished_growth_is_reached_inside_a_ball():
    shape, voxel = (40, 40, 40), 2.0
    place = Grid(shape, np.diag([voxel, voxel, voxel, 1.0]))
    cavity = ball(shape, (20, 20, 20), 16.0, voxel)
    shell = ball(shape, (20, 20, 20), 34.0, voxel) - ball(shape, (20, 20, 20), 26.0, voxel)

    shift = atrophy_displacement(0.3 * cavity, shell, place)

    index = np.indices(shape, dtype=np.float32) + shift / voxel
    warped = sample_components(cavity[None], index)[0]
    assert np.log(warped.sum() / cavity.sum()) > 0.2
    assert np.log(warped.sum() / cavity.sum()) < 0.45
    # what is outside the shell that gives way stays where it is
    assert np.abs(shift[:, :2]).max() < 0.3


def test_displacement_follows_the_axes_of_the_grid():
    shape = (24, 24, 24)
    change, fluid = ball(shape, (8, 12, 12), 5), ball(shape, (16, 12, 12), 5)
    straight = Grid(shape, np.diag([2.0, 2.0, 2.0, 1.0]))
    flipped = Grid(shape, np.diag([-2.0, 2.0, 2.0, 1.0]))

    one = atrophy_displacement(change, fluid, straight)
    other = atrophy_displacement(change, fluid, flipped)

    np.testing.assert_allclose(other[0], -one[0], atol=1e-5)
    np.testing.assert_allclose(other[1:], one[1:], atol=1e-5)


def test_template_atrophy_is_millimetres_not_centimetres():
    template = load_template(4.0)

    size = np.sqrt((template.atrophy**2).sum(axis=0))

    assert 1.0 < size.max() < 10.0
