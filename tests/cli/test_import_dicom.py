"""``petsynth import-dicom`` as a user meets it, with folders as they come from an archive."""

import shutil
import sys

import pytest
from tests.io.dicom.makers import Plan, changed, pet_values, t1_values, without_slices, write

from petsynth.cli.main import run

T1 = Plan(t1_values(slices=6))
PET = Plan(pet_values(1, slices=6), modality="PT", series=2, number=4)


def command(*words):
    return run(["import-dicom", *map(str, words)])


@pytest.fixture
def folder(tmp_path):
    pytest.importorskip("pydicom", reason="needs the extra dicom")
    for plan in (T1, PET):
        write(plan, tmp_path / "dicom")
    return tmp_path / "dicom"


def test_a_folder_and_what_is_said_of_it(folder, tmp_path, capsys):
    write(changed(T1, series=7, number=9, more={"SeriesDescription": "ax_t2_flair"}), folder)
    assert command(folder, tmp_path / "bids") == 0
    told = capsys.readouterr().err
    assert "series 3 (t1_mprage_sag_p2_iso) -> sub-001/ses-01/anat/sub-001_ses-01_T1w.n" in told
    assert "series 9 (ax_t2_flair): no T1-weighted image by its name; left out" in told
    assert "2 images are new, 0 were there" in told
    assert "4711" not in told


def test_a_dry_run_writes_nothing(folder, tmp_path, capsys):
    assert command(folder, tmp_path / "bids", "--dry-run") == 0
    assert not (tmp_path / "bids").exists()
    assert "series 4 (PET_Brain_FDG_AC): pet" in capsys.readouterr().err


def test_hostile_files_cost_a_line_each_and_no_other_series(folder, tmp_path, capsys):
    """Truncated, without pixels, missing slices, two patients, two series of one number."""
    pydicom = pytest.importorskip("pydicom")
    paths = write(changed(T1, series=3, number=11), folder)
    paths[5].write_bytes(paths[5].read_bytes()[:-7])
    paths = write(changed(PET, series=4, number=12), folder)
    dataset = pydicom.dcmread(paths[0])
    del dataset.PixelData
    dataset.save_as(paths[0])
    without_slices(write(changed(T1, series=5, number=13), folder), 2, 3)
    write(changed(T1, series=6, patient="P2", values=T1.values + 1), folder)
    mixed = write(changed(T1, series=7, number=14), folder)
    for number, path in enumerate(write(changed(T1, series=7, patient="P3"), tmp_path / "x")):
        if number % 2:
            shutil.copy(path, mixed[number])
    (folder / "broken.dcm").write_bytes(b"\0" * 200)
    assert command(folder, tmp_path / "bids") == 1
    told = capsys.readouterr().err
    for line in (
        "broken.dcm: cannot be read (no SOPClassUID); left out",
        "series 11 (t1_mprage_sag_p2_iso): 03-0006.dcm is truncated",
        "series 12 (PET_Brain_FDG_AC): 04-0001.dcm holds no pixels",
        "series 13 (t1_mprage_sag_p2_iso): 2 of 6 slices are missing",
        "series 14 (t1_mprage_sag_p2_iso): its files are of 2 patients",
        "series of 2 patients",
    ):
        assert told.count(line) == 1, told
    last = told.strip().splitlines()[-1]
    assert last.startswith("petsynth import-dicom: error: 4 of 7 T1 and PET series could not be ")
    names = sorted(path.name for path in (tmp_path / "bids").rglob("*.nii.gz"))
    assert names == [
        "sub-001_ses-01_T1w.nii.gz",
        "sub-001_ses-01_trc-18FFDG_rec-acstat_pet.nii.gz",
        "sub-002_ses-01_T1w.nii.gz",
    ]


def test_mistakes_are_one_line(folder, tmp_path, capsys):
    bids = tmp_path / "bids"
    assert command(folder, bids, "--participant-label", "sub-a_b") == 2
    assert command(folder, bids, "--t1-series", "99") == 2
    assert command(tmp_path / "nowhere", bids) == 1
    for path in folder.glob("02-*"):
        path.unlink()
    without_slices(sorted(folder.glob("01-*")), 3)
    assert command(folder, bids) == 1
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 5
    assert "no series is a T1 or a PET that can be used; --t1-series and" in told[-1]
    assert not bids.exists()


def test_without_the_extra_one_line_names_it(tmp_path, capsys, monkeypatch):
    (tmp_path / "IM1").write_bytes(bytes(128) + b"DICM")
    monkeypatch.setitem(sys.modules, "pydicom", None)
    monkeypatch.setitem(sys.modules, "pydicom.config", None)
    assert command(tmp_path, tmp_path / "bids") == 1
    assert capsys.readouterr().err == (
        "petsynth import-dicom: error: DICOM needs pydicom, which is not installed: pip install "
        "'petsynth[dicom]'\n"
    )
