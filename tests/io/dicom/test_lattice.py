"""Voxels are where the files put them, whatever dcm2niix made of it."""

import dataclasses

import numpy as np
import pytest
from tests.io.dicom.makers import (
    SAGITTAL,
    Plan,
    assert_same,
    changed,
    compress,
    pet_values,
    t1_values,
    write,
    write_enhanced,
)

from petsynth.errors import InputError
from petsynth.io.dicom.conversion import convert
from petsynth.io.dicom.lattice import follow_header, on_slices, stored_values
from petsynth.io.dicom.series import find_series, lay_out

pytest.importorskip("pydicom", reason="needs the extra dicom")
T1 = Plan(t1_values(slices=6), orientation=SAGITTAL)
PET = Plan(pet_values(3, slices=6), modality="PT")


@pytest.fixture
def read(tmp_path):
    """Return a function that returns what dcm2niix makes of a series, and where its slices lie."""

    def both(plan, make=write):
        make(plan, tmp_path / "dicom")
        (series,) = find_series(tmp_path / "dicom", print)
        return convert(series, tmp_path / "scratch"), lay_out(series)

    return both


@pytest.mark.parametrize("with_dimensions", [True, False])
def test_the_frames_of_an_enhanced_pet_are_those_of_its_header(read, with_dimensions):
    def make(plan, folder):
        write_enhanced(plan, folder, with_dimensions=with_dimensions)

    converted, layout = read(PET, make)
    assert_same(follow_header(converted, layout, print), PET, rtol=1e-3)


@pytest.mark.parametrize("plan", [T1, PET, changed(PET, vendor="philips", values=PET.values * 2.5)])
def test_dcm2niix_is_left_alone_where_it_is_right(read, plan):
    converted, layout = read(plan)
    said = []
    assert follow_header(converted, layout, said.append) is converted
    assert said == []


def test_values_of_a_nifti_on_the_slices(read):
    converted, layout = read(T1)
    found = on_slices(converted.values, converted.affine, layout)
    np.testing.assert_array_equal(found, T1.values[0].transpose(2, 1, 0))
    np.testing.assert_array_equal(found[..., None], stored_values(layout))


@pytest.mark.parametrize("change", [np.diag([1, 1, 1.02, 1]), np.eye(4) + 0.3 * np.eye(4, k=3)])
def test_another_grid_is_refused(read, change):
    converted, layout = read(T1)
    with pytest.raises(InputError, match="do not lie on the slices"):
        on_slices(converted.values, converted.affine @ change, layout)
    with pytest.raises(InputError, match="do not lie on the slices"):
        on_slices(converted.values[:-1], converted.affine, layout)


def test_wrong_voxels_are_replaced_by_those_of_the_files(read):
    converted, layout = read(T1)
    said = []
    wrong = dataclasses.replace(converted, values=np.flip(converted.values, 1))
    assert_same(follow_header(wrong, layout, said.append), T1)
    assert said == ["dcm2niix orders its slices otherwise than its header says; the header was "
                    "followed"]  # fmt: skip


def test_what_pydicom_cannot_decode_must_lie_right_at_least(read):
    def make(plan, folder):
        for path in write(plan, folder):
            compress(path, "1.2.840.10008.1.2.4.70")

    converted, layout = read(T1, make)
    assert stored_values(layout) is None
    assert follow_header(converted, layout, print) is converted
    shifted = dataclasses.replace(converted, affine=converted.affine + 0.3 * np.eye(4, k=3))
    with pytest.raises(InputError, match="puts its voxels elsewhere"):
        follow_header(shifted, layout, print)
