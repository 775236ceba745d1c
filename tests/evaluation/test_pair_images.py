"""Two images of anyone's brought onto one grid, and what their sidecars say."""

import json

import nibabel as nib
import numpy as np
import pytest

from petsynth.errors import InputError
from petsynth.evaluation.pair_images import (
    UNKNOWN_UNIT,
    PetImage,
    find_reference_brain,
    onto_grid,
    read_pet_image,
    unite,
)
from petsynth.volume import Grid, Volume


def image(data, unit="SUVR", tracer="FDG", name="image", shift=0.0):
    affine = np.eye(4)
    affine[:3, 3] = shift
    return PetImage(name, Volume(np.asarray(data, np.float32), affine, unit), tracer)


def write(path, data, **sidecar):
    nib.save(nib.Nifti1Image(np.asarray(data, np.float32), np.eye(4)), path)
    path.with_name(path.name.replace(".nii.gz", ".json")).write_text(json.dumps(sidecar))
    return path


def test_the_name_and_the_sidecar_tell_unit_tracer_and_space(tmp_path):
    path = tmp_path / "sub-01_trc-18FFDG_space-T1w_pet.nii.gz"
    found = read_pet_image(write(path, np.ones((2, 2, 2)), Units="SUVR"), "reference")
    assert (found.unit, found.tracer, found.space, found.notes) == ("SUVR", "FDG", "T1w", ())


def test_frames_are_averaged_by_their_durations(tmp_path):
    frames = np.stack([np.zeros((2, 2, 2)), np.full((2, 2, 2), 4.0)], axis=-1)
    path = tmp_path / "sub-01_pet.nii.gz"
    found = read_pet_image(write(path, frames, Units="SUVR", FrameDuration=[60, 180]), "reference")
    assert np.allclose(found.volume.data, 3)
    assert found.notes == ("reference: mean of 2 frames, weighted by FrameDuration",)
    alike = read_pet_image(write(path, frames, Units="SUVR"), "reference")
    assert np.allclose(alike.volume.data, 2)
    assert "all alike" in alike.notes[0]


def test_what_one_image_says_holds_for_both_and_contradictions_are_refused():
    known, silent = image(np.ones((1, 1, 1))), image(np.ones((1, 1, 1)), UNKNOWN_UNIT, "")
    assert unite(known, silent, "", "") == unite(silent, known, "", "") == ("FDG", "SUVR")
    assert unite(silent, silent, "AV45", "SUV") == ("AV45", "SUV")
    with pytest.raises(InputError, match="its unit is SUV, that of image is SUVR"):
        unite(known, image(np.ones((1, 1, 1)), "SUV", name="other"), "", "")
    with pytest.raises(InputError, match="--tracer AV45, but the sidecar or name says FDG"):
        unite(known, silent, "AV45", "")


def test_an_image_on_the_same_grid_stays_and_another_is_resampled_once():
    data = np.arange(27.0).reshape(3, 3, 3)
    same = image(data)
    assert onto_grid(same, same.volume.grid) is same
    shifted = np.eye(4)
    shifted[0, 3] = 1  # one voxel to the right: the last plane has no value
    moved = onto_grid(same, Grid((3, 3, 3), shifted))
    assert np.allclose(moved.volume.data[:2], data[1:])
    assert np.isnan(moved.volume.data[2]).all()
    assert "resampled once, linearly" in moved.notes[0]
    with pytest.raises(InputError, match="lies elsewhere than the reference"):
        onto_grid(image(data, shift=500.0), same.volume.grid)


def test_the_brain_is_the_mask_or_what_is_not_zero():
    place = np.indices((31, 31, 31)) - 15
    data = np.where((place**2).sum(axis=0) < 100, 2.0, 0.0)
    stripped = image(data)
    brain, source = find_reference_brain(stripped, None, None)
    assert (brain == (data > 0)).all()
    assert "not 0" in source
    mask = nib.Nifti1Image((data > 0).astype(np.uint8), np.eye(4))
    assert find_reference_brain(stripped, mask, None)[1] == "the given mask"
    far = nib.Nifti1Image((data > 0).astype(np.uint8), np.diag([1.0, 1.0, 1.0, 1.0]))
    far.affine[:3, 3] = 500
    with pytest.raises(InputError, match="no voxel of it lies in the brain"):
        find_reference_brain(stripped, far, None)
