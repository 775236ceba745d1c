"""A T1 in any position ends on MNI axes."""

import numpy as np
import pytest
from nilearn.datasets import load_mni152_template

from petsynth.preprocessing.grid import model_grid, resample
from petsynth.preprocessing.registration.transforms import centre_of_mass, rigid_matrix
from petsynth.preprocessing.t1.alignment import (
    align_t1,
    flat_brain,
    grow,
    prepare_t1,
    template_brain,
)
from petsynth.volume import Volume


def _moved(volume, matrix):
    """Return the same image, lying elsewhere in the world."""
    return Volume(volume.data, matrix @ volume.affine, volume.unit)


def test_the_template_is_nilearns(people):
    loaded = load_mni152_template(resolution=2)
    theirs = Volume(np.asarray(loaded.dataobj, dtype=np.float32), loaded.affine)
    ours, _ = template_brain()
    inside = ours.data > 0
    theirs_here = resample(theirs, ours.grid).data
    assert ((theirs_here > 0.05) == inside).mean() > 0.97
    assert np.corrcoef(theirs_here[inside], ours.data[inside])[0, 1] > 0.85


def test_different_starts_end_in_the_same_place(people):
    person = people[0]
    centre = centre_of_mass(person.mask)
    first = align_t1(person.t1, person.mask).grid_to_t1
    turn = rigid_matrix((18, -10, 12), centre, np.array([20.0, -35.0, 15.0]))
    second = align_t1(_moved(person.t1, turn), _moved(person.mask, turn)).grid_to_t1
    corners = np.array([[x, y, z, 1] for x in (-70, 70) for y in (-100, 70) for z in (-40, 80)]).T
    distance = np.linalg.norm((np.linalg.inv(turn) @ second - first) @ corners, axis=0)
    assert distance.max() < 2


def test_a_prepared_t1_looks_the_same_wherever_the_head_lay(people):
    person, grid = people[0], model_grid(4)
    turn = rigid_matrix((15, 0, 0), centre_of_mass(person.mask), np.array([0.0, 30.0, -20.0]))
    first = prepare_t1(person.t1, grid, person.mask)
    second = prepare_t1(_moved(person.t1, turn), grid, _moved(person.mask, turn))
    assert first.mri.shape == first.mask.shape == grid.shape
    assert first.mri.dtype == np.float32
    assert first.mask.dtype == bool
    assert (first.mri.min(), first.mri.max()) == (-1, 1)
    assert np.corrcoef(first.mri[first.mask], second.mri[first.mask])[0, 1] > 0.97
    assert (first.mask == second.mask).mean() > 0.99
    assert first.mask_source == "given"


def test_the_brain_is_not_scaled(people):
    person, grid = people[0], model_grid(3)
    prepared = prepare_t1(person.t1, grid, person.mask)
    rotation = prepared.grid_to_t1[:3, :3]
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-6)
    voxels = (person.mask.data > 0).sum() * np.prod(person.mask.grid.voxel_mm)
    assert prepared.mask.sum() * 27 == pytest.approx(voxels, rel=0.02)


def test_a_flat_brain_is_coarse_and_zero_outside(people):
    flat = flat_brain(people[0].t1, people[0].mask)
    assert flat.grid.voxel_mm == (3.0, 3.0, 3.0)
    assert (flat.data == 0).mean() > 0.5


def test_grow_widens_by_millimetres():
    mask = Volume(np.zeros((9, 9, 9), dtype=bool), np.diag([2.0, 4.0, 2.0, 1.0]))
    mask.data[4, 4, 4] = True
    wide = grow(mask, 4.0).data
    assert np.flatnonzero(wide[:, 4, 4]).tolist() == [2, 3, 4, 5, 6]
    assert np.flatnonzero(wide[4, :, 4]).tolist() == [3, 4, 5]
