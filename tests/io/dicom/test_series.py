"""Which files are one series, missing slices, and where slices lie."""

import shutil

import numpy as np
import pytest
from tests.io.dicom.makers import (
    OBLIQUE,
    Plan,
    changed,
    pet_values,
    ras_affine,
    t1_values,
    without_slices,
    write,
)

from petsynth.errors import InputError
from petsynth.io.dicom.series import find_series, lay_out

pytest.importorskip("pydicom", reason="needs the extra dicom")
T1 = Plan(t1_values())
PET = Plan(pet_values(3), modality="PT")


def only(folder):
    said = []
    (series,) = find_series(folder, said.append)
    assert said == []
    return series


def test_a_series_lies_where_it_was_put(tmp_path):
    plan = changed(T1, orientation=OBLIQUE)
    write(plan, tmp_path)
    layout = lay_out(only(tmp_path))
    np.testing.assert_allclose(layout.affine, ras_affine(plan), atol=1e-5)
    assert [len(volume) for volume in layout.volumes] == [12]


def test_the_frames_of_a_dynamic_pet_are_in_their_order(tmp_path):
    write(PET, tmp_path)
    layout = lay_out(only(tmp_path))
    assert [volume[0].acquired.minute for volume in layout.volumes] == [30, 35, 40]


def test_two_series_of_one_number_stay_two(tmp_path):
    for series in (1, 2):
        write(changed(T1, series=series), tmp_path)
    found = find_series(tmp_path, print)
    assert [(each.number, len(each.frames)) for each in found] == [(3, 12), (3, 12)]


def test_a_copy_of_a_file_is_no_second_slice(tmp_path):
    paths = write(T1, tmp_path)
    (tmp_path / "copy").mkdir()
    shutil.copy(paths[4], tmp_path / "copy")
    assert len(only(tmp_path).frames) == 12


@pytest.mark.parametrize(
    ("plan", "lost", "message"),
    [
        (T1, (5,), "1 of 12 slices are missing"),
        (T1, (3, 4, 8), "3 of 12 slices are missing"),
        (PET, (0, 12, 24), "1 of 12 slices are missing"),
        (PET, (14,), "1 slices are missing in its 3 volumes of 12 slices"),
        (T1, range(1, 12), "it is a single slice"),
    ],
)
def test_missing_slices_are_counted(tmp_path, plan, lost, message):
    without_slices(write(plan, tmp_path), *lost)
    with pytest.raises(InputError, match=message):
        lay_out(only(tmp_path))


def test_a_localizer_is_no_volume(tmp_path):
    write(T1, tmp_path)
    write(changed(T1, orientation=OBLIQUE, more={"SOPInstanceUID": "1.2.3"}), tmp_path / "b")
    with pytest.raises(InputError, match="different directions"):
        lay_out(only(tmp_path))


def test_files_of_two_patients_in_one_series(tmp_path):
    paths = write(T1, tmp_path)
    write(changed(T1, patient="P2"), tmp_path / "other")
    for number in range(6):
        shutil.move(tmp_path / "other" / paths[number].name, paths[number])
    shutil.rmtree(tmp_path / "other")
    assert only(tmp_path).problem == "its files are of 2 patients"


def test_a_damaged_file_spoils_its_series_alone(tmp_path):
    paths = write(T1, tmp_path)
    write(changed(T1, series=2), tmp_path)
    paths[11].write_bytes(paths[11].read_bytes()[:-10])
    found = find_series(tmp_path, print)
    assert [each.problem for each in found] == ["01-0012.dcm is truncated", ""]


def test_files_that_say_nothing_are_named_and_counted(tmp_path):
    write(T1, tmp_path)
    for number in range(5):
        (tmp_path / f"noise{number}.dcm").write_bytes(b"\0" * 300)
    said = []
    assert len(find_series(tmp_path, said.append)) == 1
    assert len(said) == 4
    assert said[-1].endswith("2 more files like it; left out")
    assert "noise0.dcm: cannot be read" in said[0]


def test_no_patient_is_shown(tmp_path):
    write(T1, tmp_path)
    assert "4711" not in repr(only(tmp_path))


def test_folders_without_dicom(tmp_path):
    with pytest.raises(InputError, match="holds no DICOM image of MR or PET"):
        find_series(tmp_path, print)
    with pytest.raises(InputError, match="no such folder"):
        find_series(tmp_path / "nowhere", print)
