import io

import nibabel as nib
import numpy as np
import pytest
from tests.reader_study.conftest import head
from tests.viewer.conftest import write_scan

from petsynth.errors import InputError
from petsynth.reader_study.images import STEPS, blind, blind_images, study_grid
from petsynth.reader_study.study import Case
from petsynth.viewer.encoding import OFFSET

AFFINE = np.diag([4.0, 4, 4, 1])


def test_all_images_have_one_size_and_one_header(study, images):
    contents = [images.read(case, part) for case in study.cases for part in images.parts(case)]
    assert len(contents) == 20
    assert len({len(content) for content in contents}) == 1
    assert len({content[:OFFSET] for content in contents}) == 1


def test_names_on_disk_tell_nothing(images):
    assert all(len(path.stem) == 32 for path in images.paths.values())


def test_images_are_made_once(study, images):
    before = {path: path.stat().st_mtime_ns for path in images.paths.values()}
    again = blind_images(study, images.folder)
    assert again == images
    assert {path: path.stat().st_mtime_ns for path in again.paths.values()} == before


def test_the_head_is_in_the_middle_and_values_are_steps(tmp_path):
    pet = write_scan(tmp_path / "a_pet.nii.gz", head(1), affine=AFFINE)
    content = blind(Case(name="a", subject="a", pet=pet), "pet", 4.0)
    values = nib.Nifti1Image.from_stream(io.BytesIO(content)).get_fdata()
    middle = np.argwhere(values > 0).mean(axis=0)
    assert np.abs(middle - (np.array(values.shape) - 1) / 2).max() < 0.6
    assert (values == np.rint(values)).all()
    assert STEPS <= values.max() <= 1.2 * STEPS
    assert values[values > 0].min() >= 0.05 * STEPS


def test_nothing_is_shown_outside_the_mask(tmp_path):
    mask = np.zeros((44, 54, 44))
    mask[10:30, 10:30, 10:30] = 1
    paths = {
        "pet": write_scan(tmp_path / "a_pet.nii.gz", np.ones(mask.shape), affine=AFFINE),
        "mask": write_scan(tmp_path / "a_mask.nii.gz", mask, affine=AFFINE),
    }
    content = blind(Case(name="a", subject="a", **paths), "pet", 4.0)
    values = nib.Nifti1Image.from_stream(io.BytesIO(content)).get_fdata()
    assert (values > 0).sum() == pytest.approx(20**3, rel=0.1)


def test_an_image_that_misses_the_field_of_view_is_told(tmp_path):
    mask = np.zeros((44, 54, 44))
    mask[0, 0, 0] = 1
    far = AFFINE.copy()
    far[:3, 3] = 900
    paths = {
        "pet": write_scan(tmp_path / "a_pet.nii.gz", np.ones(mask.shape), affine=far),
        "mask": write_scan(tmp_path / "a_mask.nii.gz", mask, affine=AFFINE),
    }
    with pytest.raises(InputError, match="is empty where it would be shown"):
        blind(Case(name="a", subject="a", **paths), "pet", 4.0)


def test_one_grid():
    grid = study_grid(4.0)
    assert grid.shape == (48, 58, 48)
    assert np.allclose(grid.centre_mm, 0)


def test_a_common_scale_keeps_differences_between_images(study, tmp_path):
    pets = [write_scan(tmp_path / f"{n}_pet.nii.gz", head(1) * n, affine=AFFINE) for n in (1, 2)]
    cases = tuple(Case(name=f"c{n}", subject="a", pet=pet) for n, pet in enumerate(pets))
    both = study.model_copy(update={"cases": cases, "scale": "study"})
    found = blind_images(both, tmp_path / "images")
    means = [np.frombuffer(found.read(case, "pet")[OFFSET:], "<i2").mean() for case in cases]
    assert means[1] > 1.5 * means[0]
