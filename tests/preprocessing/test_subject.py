"""The steps of one subject in order, and what quality control says."""

import dataclasses
import json
import warnings

import numpy as np
import pytest
from nibabel.affines import apply_affine

from petsynth.errors import InputError, PetsynthWarning
from petsynth.io.nifti import read_volume, write_volume
from petsynth.preprocessing.grids import model_grid
from petsynth.preprocessing.resampling import resample
from petsynth.preprocessing.subject import Files, PreprocessingSettings, prepare_subject
from petsynth.simulation.lesions import CAVITY, DIASCHISIS


def files_of(scans, pet_of=None) -> Files:
    other = pet_of or scans
    truth = scans.folder / "derivatives" / "truth"
    name, theirs = scans.name, other.name
    return Files(
        scans.folder / name / "anat" / f"{name}_T1w.nii.gz",
        other.folder / theirs / "pet" / f"{theirs}_trc-18FFDG_pet.nii.gz",
        truth / name / "anat" / f"{name}_desc-brain_mask.nii.gz",
        truth / theirs / "pet" / f"{theirs}_trc-18FFDG_desc-noisefree_pet.nii.gz",
    )


@pytest.fixture(scope="module")
def prepared(cohort):
    return prepare_subject(files_of(cohort[0]), PreprocessingSettings(voxel_mm=4))


def test_everything_lies_on_one_grid(prepared):
    grid = model_grid(4)
    for volume in (prepared.t1, prepared.pet, prepared.noise_free, prepared.unaligned_pet):
        assert volume.grid.matches(grid)
    assert prepared.mri.shape == prepared.mask.shape == grid.shape


def test_the_pet_keeps_its_unit_and_values(prepared, cohort):
    assert prepared.pet.unit == "SUVR"
    inside = cohort[0].pet.data[cohort[0].pet.data > 0.5]
    assert prepared.pet.data[prepared.mask].mean() == pytest.approx(inside.mean(), rel=0.15)


def test_images_are_resampled_once_through_the_composed_transform(prepared, cohort):
    grid_to_pet = prepared.t1_to_pet @ prepared.grid_to_t1
    expected = resample(cohort[0].pet, model_grid(4), grid_to_pet)
    np.testing.assert_array_equal(prepared.pet.data, expected.data)


def test_the_noise_free_pet_follows_the_pet(prepared):
    inside = prepared.mask
    assert np.corrcoef(prepared.noise_free.data[inside], prepared.pet.data[inside])[0, 1] > 0.9


def test_what_the_t1_shows_of_a_lesion_lies_where_the_t1_has_it(cohort, prepared, tmp_path):
    t1, labels = cohort[0].t1, np.zeros(cohort[0].t1.data.shape, np.uint8)
    middle = tuple(length // 2 for length in labels.shape)
    labels[tuple(slice(at - 4, at + 5) for at in middle)] = CAVITY
    labels[:5] = DIASCHISIS
    path = tmp_path / "sub-001_desc-lesion_dseg.nii.gz"
    write_volume(path, t1.with_data(labels), dtype=np.uint8)
    files = dataclasses.replace(files_of(cohort[0]), lesion=path)
    lesion = prepare_subject(files, PreprocessingSettings(voxel_mm=4)).lesion
    assert prepared.lesion is None
    assert lesion.dtype == bool
    assert lesion.shape == prepared.mask.shape
    assert lesion.sum() * 4**3 == pytest.approx(9**3 * 3**3, rel=0.1)
    found = apply_affine(model_grid(4).affine, np.argwhere(lesion).mean(axis=0))
    expected = apply_affine(t1.affine, middle)
    assert np.linalg.norm(apply_affine(prepared.grid_to_t1, found) - expected) < 1


def test_a_right_pair_raises_no_flag(prepared):
    assert prepared.quality.flags == []
    assert prepared.quality.pet_coverage == 1
    assert prepared.quality.pet_shift_mm > 0.5


def test_a_pet_of_someone_else_is_flagged_and_kept(cohort):
    files = files_of(cohort[0], pet_of=cohort[1])
    quality = prepare_subject(files, PreprocessingSettings(voxel_mm=4)).quality
    assert "pair" in [flag.check for flag in quality.flags]


@pytest.mark.parametrize("unit", ["SUVR", "Bq/mL"])
def test_without_registration_every_pair_is_kept_and_nothing_is_said_of_alignment(
    cohort, tmp_path, unit
):
    """Paper B's own setting: scans are centred, so checks that need alignment do not run."""
    pet = tmp_path / "sub-001_trc-18FFDG_pet.nii.gz"
    write_volume(pet, cohort[0].pet)
    sidecar = {"Units": unit, "FrameTimesStart": [1800], "FrameDuration": [1800]}
    pet.with_name("sub-001_trc-18FFDG_pet.json").write_text(
        json.dumps(sidecar | {"InjectionStart": 0})
    )
    files = dataclasses.replace(files_of(cohort[0]), pet=pet, noise_free=None, tracer="FDG")
    settings = PreprocessingSettings(voxel_mm=8, grid="paper-b", registration="none")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        subject = prepare_subject(files, settings)
    assert (subject.pet.unit, subject.aligned) == (unit, False)
    assert subject.quality.flags == []
    assert subject.quality.local_correlation_ratio is None
    said = [str(item.message) for item in caught if item.category is PetsynthWarning]
    assert ["stays in Bq/mL: SUVR needs" in text for text in said] == [True] * (unit != "SUVR")


def test_what_the_field_of_view_does_not_cover_is_0_and_known(cohort, tmp_path):
    pet = cohort[0].pet
    cut = tmp_path / "cut_pet.nii.gz"
    data = pet.data.copy()
    data[:, :, int(data.shape[2] * 0.6) :] = 0  # as an image that was put on a larger grid
    write_volume(cut, pet.with_data(data))
    cut.with_name("cut_pet.json").write_text('{"Units": "SUVR"}')
    files = dataclasses.replace(files_of(cohort[0]), pet=cut, noise_free=None)
    subject = prepare_subject(files, PreprocessingSettings(voxel_mm=6))
    assert np.isfinite(subject.pet.data).all()
    assert not subject.pet.data[~subject.covered].any()
    assert subject.covered[subject.mask].mean() == subject.quality.pet_coverage < 0.95
    assert "coverage" in [flag.check for flag in subject.quality.flags]


def test_a_cut_pet_is_flagged(cohort, tmp_path):
    pet = cohort[0].pet
    cut = tmp_path / "cut_pet.nii.gz"
    write_volume(cut, pet.with_data(pet.data[:, :, : int(pet.data.shape[2] * 0.6)]))
    cut.with_name("cut_pet.json").write_text('{"Units": "SUVR"}')
    files = dataclasses.replace(files_of(cohort[0]), pet=cut, noise_free=None)
    quality = prepare_subject(files, PreprocessingSettings(voxel_mm=4)).quality
    assert quality.pet_coverage < 0.95
    assert any(flag.text.startswith("PET covers ") for flag in quality.flags)


@pytest.mark.parametrize(("frames", "shape"), [("mean", ()), ("keep", (2,))])
def test_frames_are_averaged_or_kept(cohort, tmp_path, frames, shape):
    pet = read_volume(files_of(cohort[0]).pet)
    both = tmp_path / "sub-001_pet.nii.gz"
    write_volume(both, pet.with_data(np.stack([pet.data, 3 * pet.data], axis=3)))
    sidecar = {"FrameTimesStart": [0, 60], "FrameDuration": [60, 60], "Units": "arbitrary"}
    both.with_name("sub-001_pet.json").write_text(json.dumps(sidecar))
    files = dataclasses.replace(files_of(cohort[0]), pet=both, noise_free=None)
    subject = prepare_subject(files, PreprocessingSettings(voxel_mm=6, frames=frames, motion=False))
    assert subject.pet.data.shape == (*model_grid(6).shape, *shape)
    first = subject.pet.data if frames == "mean" else subject.pet.data.mean(axis=3)
    alone = resample(pet, model_grid(6), subject.t1_to_pet @ subject.grid_to_t1).data
    np.testing.assert_allclose(first, 2 * alone, atol=1e-4)
    assert subject.pet.unit == "arbitrary"
    assert subject.frame_times == (([0], [120]) if frames == "mean" else ([0, 60], [60, 60]))


def test_an_even_pet_is_refused(cohort, tmp_path):
    even = tmp_path / "even_pet.nii.gz"
    write_volume(even, cohort[0].pet.with_data(np.full_like(cohort[0].pet.data, 2)))
    with pytest.raises(InputError, match="same value everywhere"):
        prepare_subject(
            dataclasses.replace(files_of(cohort[0]), pet=even), PreprocessingSettings(voxel_mm=6)
        )


def test_the_same_files_give_the_same_subject(prepared, cohort):
    again = prepare_subject(files_of(cohort[0]), PreprocessingSettings(voxel_mm=4))
    np.testing.assert_array_equal(again.mri, prepared.mri)
    np.testing.assert_array_equal(again.pet.data, prepared.pet.data)
    assert again.quality == prepared.quality


def test_the_grids_world_is_the_bodys(prepared, cohort):
    """What lies on the right in the T1 lies on the right of the grid."""
    scans = cohort[0]
    centre = scans.t1.grid.centre_mm
    to_grid = np.linalg.inv(prepared.grid_to_t1)
    right = apply_affine(to_grid, centre + np.array([40.0, 0, 0])) - apply_affine(to_grid, centre)
    assert right[0] > 30


def test_activity_becomes_suvr_by_the_tracers_reference_region(cohort, tmp_path):
    """A PET in kBq/mL is the one in SUVR but for a constant, which the reference region gives."""
    pet = read_volume(files_of(cohort[0]).pet)
    path = tmp_path / "sub-001_trc-18FFDG_pet.nii.gz"
    write_volume(path, pet.with_data(7 * pet.data))
    path.with_name("sub-001_trc-18FFDG_pet.json").write_text('{"Units": "kBq/mL"}')
    files = dataclasses.replace(files_of(cohort[0]), pet=path, tracer="FDG")
    subject = prepare_subject(files, PreprocessingSettings(voxel_mm=6))
    assert subject.pet.unit == "SUVR"
    reference = subject.uptake.reference
    assert reference.name == "pons"
    alone = resample(pet, model_grid(6), subject.t1_to_pet @ subject.grid_to_t1).data
    np.testing.assert_allclose(subject.pet.data, 7000 * alone / reference.mean, atol=1e-4)
    # The simulated PET is in SUVR by the true pons, which is cut in another way.
    assert reference.mean == pytest.approx(7000, rel=0.15)
    with pytest.raises(InputError, match="no reference region is known for the tracer unknown"):
        prepare_subject(
            dataclasses.replace(files, tracer="unknown"), PreprocessingSettings(voxel_mm=6)
        )
