"""Affine registration, and from a subject's aligned space to MNI space."""

import numpy as np
import pytest
from nibabel.affines import apply_affine

from petsynth.errors import RegistrationError
from petsynth.preprocessing.grids import model_grid
from petsynth.preprocessing.pet.tracers import region
from petsynth.preprocessing.registration.deformable import register_affine, warp_to_mni
from petsynth.preprocessing.registration.inputs import template_brain
from petsynth.preprocessing.resampling import resample
from petsynth.volume import Volume


def test_a_stretched_template_gets_its_regions_back():
    """The template made 12 % longer and 8 % narrower: its cerebellum is found where it went."""
    template, _ = template_brain()
    to_template = np.diag([1 / 0.92, 1 / 1.12, 1.0, 1.0])
    stretched = resample(template, template.grid, to_template)
    warp = warp_to_mni(stretched, np.eye(4))
    grid = model_grid(3.0)
    cerebellum = region("whole-cerebellum")
    truth = resample(cerebellum, grid, to_template).data >= 0.5
    straight = resample(cerebellum, grid).data >= 0.5
    found = warp.apply(cerebellum, grid).data
    assert dice(straight, truth) < 0.82
    assert dice(found, truth) > 0.92
    assert warp.correlation > warp.affine_correlation > 0.85


def test_an_affine_change_is_found():
    """The template made 8 % longer, rotated and shifted: points are found to a voxel of 2 mm."""
    template, _ = template_brain()
    truth = np.array([[0.99, -0.1, 0, 4], [0.1, 1.08, 0, -6], [0, 0, 1, 3], [0, 0, 0, 1.0]])
    changed = resample(template, template.grid, np.linalg.inv(truth))
    found = register_affine(template, changed)
    brain = apply_affine(template.affine, np.argwhere(template.data > 0))
    distance = apply_affine(found, brain) - apply_affine(truth, brain)
    assert np.linalg.norm(distance, axis=1).max() < 2


def test_an_empty_image_cannot_be_registered():
    template, _ = template_brain()
    with pytest.raises(RegistrationError, match="the moving image is empty"):
        register_affine(template, template.with_data(np.zeros_like(template.data)))


def test_nothing_cannot_be_warped():
    grid = model_grid(9.0)
    nothing = Volume(np.zeros(grid.shape, np.float32), grid.affine)
    with pytest.raises(RegistrationError, match="the brain is empty"):
        warp_to_mni(nothing, np.eye(4))


def dice(first: np.ndarray, second: np.ndarray) -> float:
    return 2 * (first & second).sum() / (first.sum() + second.sum())


def test_inverse_brings_points_back():
    """Subject to MNI and back moves the inside of a brain by less than a voxel."""
    template, _ = template_brain()
    scale = np.diag([0.93, 1.04, 0.97, 1.0])
    brain = resample(template, template.grid, np.linalg.inv(scale))
    warp = warp_to_mni(brain, np.eye(4), voxel_mm=4.0)
    back = warp.inverse(model_grid(4.0))
    for point in ([0.0, 0.0, 0.0], [30.0, -40.0, 20.0], [-35.0, 10.0, 30.0]):
        there = warp.transform.TransformPoint(point)
        assert np.linalg.norm(np.subtract(back.transform.TransformPoint(there), point)) < 1.0
        assert np.linalg.norm(np.subtract(there, point)) < 25.0


def test_pull_of_frames_is_that_of_each_frame():
    template, _ = template_brain()
    warp = warp_to_mni(template, np.eye(4), voxel_mm=6.0)
    frames = np.stack([template.data, 2 * template.data], axis=3)
    pulled = warp.pull(template.with_data(frames, "SUVR"), model_grid(6.0))
    assert pulled.unit == "SUVR"
    np.testing.assert_allclose(pulled.data[..., 1], 2 * pulled.data[..., 0], rtol=1e-5)
