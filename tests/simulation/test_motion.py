"""Head motion between frames: rigid, small, mean zero, reproducible."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from petsynth.simulation.motion import sample_motion

CENTRE = np.array([5.0, -20.0, 30.0])


@pytest.fixture
def scans() -> list[list[np.ndarray]]:
    return [sample_motion(np.random.default_rng(seed), 6, CENTRE) for seed in range(60)]


def shifts(motion) -> np.ndarray:
    """Return how far the middle of the brain is moved in each frame, (frames, 3), in mm."""
    return np.array([(matrix @ [*CENTRE, 1])[:3] - CENTRE for matrix in motion])


def test_motion_is_rigid_and_of_a_few_millimetres_and_degrees(scans):
    largest_mm, largest_degrees = [], []
    for motion in scans:
        rotations = Rotation.from_matrix([matrix[:3, :3] for matrix in motion])
        np.testing.assert_allclose([np.linalg.det(each[:3, :3]) for each in motion], 1)
        largest_degrees.append(np.degrees(rotations.magnitude()).max())
        largest_mm.append(np.linalg.norm(shifts(motion), axis=1).max())
    for largest in (largest_mm, largest_degrees):
        assert 0.3 < np.median(largest) < 3
        assert max(largest) < 10


def test_movements_average_to_none(scans):
    for motion in scans:
        np.testing.assert_allclose(shifts(motion).mean(axis=0), 0, atol=1e-9)
        vectors = Rotation.from_matrix([matrix[:3, :3] for matrix in motion]).as_rotvec()
        np.testing.assert_allclose(vectors.mean(axis=0), 0, atol=1e-9)


def test_the_generator_alone_decides():
    one, again, other = (sample_motion(np.random.default_rng(s), 6, CENTRE) for s in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert not np.allclose(one, other)


def test_one_frame_does_not_move():
    (matrix,) = sample_motion(np.random.default_rng(0), 1, CENTRE)
    np.testing.assert_allclose(matrix, np.eye(4), atol=1e-12)
