"""When an image was taken: tables, sidecars, and in which order they are asked."""

import datetime

import pytest

from petsynth.errors import PetsynthWarning
from petsynth.io.bids.dates import day_of, parse_day, read_days


def day(number: int) -> datetime.date:
    return datetime.date(2010, 1, number)


@pytest.fixture
def pet(tmp_path):
    path = tmp_path / "sub-1" / "ses-a" / "pet" / "sub-1_ses-a_pet.nii.gz"
    path.parent.mkdir(parents=True)
    return path


def found(pet):
    folder = pet.parents[2]
    return day_of(pet, folder, "a", read_days(folder))


def test_scans_then_sessions_then_sidecar(pet):
    folder = pet.parents[2]
    assert found(pet) is None
    (folder.parent / "pet.json").write_text('{"AcquisitionDate": "20100104"}')
    assert found(pet) == day(4)
    pet.with_name("sub-1_ses-a_pet.json").write_text('{"AcquisitionDate": "20100103"}')
    assert found(pet) == day(3)
    sessions = folder / "sub-1_sessions.tsv"
    sessions.write_text("session_id\tacq_time\nses-a\t2010-01-02\nses-b\tn/a\n")
    assert found(pet) == day(2)
    scans = folder / "ses-a" / "sub-1_ses-a_scans.tsv"
    scans.write_text(f"filename\tacq_time\npet/{pet.name}\t2010-01-01T23:59:59.5Z\n")
    assert found(pet) == day(1)


@pytest.mark.parametrize(
    "row",
    [
        "pet/sub-1_ses-a_pet.nii.gz\t2010-01-05",
        "./pet/sub-1_ses-a_pet.nii.gz\t2010-01-05",
        "ses-a/pet/sub-1_ses-a_pet.nii.gz\t2010-01-05",
        "sub-1/ses-a/pet/sub-1_ses-a_pet.nii.gz\t2010-01-05",
        "/data/old place/sub-1/ses-a/pet/sub-1_ses-a_pet.nii.gz\t2010-01-05",
        "pet\\sub-1_ses-a_pet.nii.gz\t2010-01-05",
        "C:\\data\\sub-1\\ses-a\\pet\\sub-1_ses-a_pet.nii.gz\t2010-01-05",
        "sub-1_ses-a_pet.nii.gz\t2010-01-05",
        "pet/sub-1_ses-a_pet.nii\t2010-01-05",
        '"pet/sub-1_ses-a_pet.nii.gz"\t"2010-01-05"',
        " pet/sub-1_ses-a_pet.nii.gz \t 2010-01-05 \t",
        "pet/sub-1_ses-a_pet.nii.gz\t2010-01-05T08:30:00\t",
        "pet/sub-1_ses-a_pet.nii.gz\t2010/01/05",
    ],
)
@pytest.mark.parametrize("place", ["ses-a/sub-1_ses-a", "sub-1"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
def test_an_image_is_found_in_scans_tsv_however_it_is_written(pet, row, place, encoding):
    table = pet.parents[2] / f"{place}_scans.tsv"
    text = f"filename\tacq_time\tsite\nanat/x_T1w.nii.gz\t2009-03-01\tKöln\n{row}\n"
    table.write_bytes(text.replace("\n", "\r\n").encode(encoding))
    assert found(pet) == day(5)


def test_two_images_of_one_name_are_told_apart_by_their_place(pet):
    table = pet.parents[2] / "ses-a" / "sub-1_ses-a_scans.tsv"
    rows = f"pet/{pet.name}\t2010-01-05\nold/{pet.name}\t2009-01-05\n"
    table.write_text(f"filename\tacq_time\n{rows}")
    assert found(pet) == day(5)
    table.write_text(f"filename\tacq_time\n{rows.replace('pet/', 'new/', 1)}")
    assert found(pet) is None


@pytest.mark.parametrize("label", ["ses-m06", "m06", "M06", "m6", '"m06"', "ses-M6"])
def test_a_session_is_found_however_it_is_written(tmp_path, label):
    folder = tmp_path / "sub-1"
    pet = folder / "ses-m06" / "pet" / "sub-1_ses-m06_pet.nii.gz"
    pet.parent.mkdir(parents=True)
    rows = f"{label}\t2010-01-07\t\r\nm60\t2011-01-07\r\n"
    (folder / "sub-1_sessions.tsv").write_text(f"session_id\tacq_time\r\n{rows}", "utf-8-sig")
    assert day_of(pet, folder, "m06", read_days(folder)) == day(7)


def test_sessions_that_are_numbers_may_have_leading_zeros(tmp_path):
    folder = tmp_path / "sub-1"
    pet = folder / "ses-01" / "pet" / "sub-1_ses-01_pet.nii.gz"
    pet.parent.mkdir(parents=True)
    table = folder / "sub-1_sessions.tsv"
    table.write_text("session_id\tacq_time\n1\t2010-01-07\n2\t2011-01-07\n")
    assert day_of(pet, folder, "01", read_days(folder)) == day(7)
    table.write_text("session_id\tacq_time\n1\t2010-01-07\n001\t2011-01-07\n")
    assert day_of(pet, folder, "01", read_days(folder)) is None


def test_a_time_that_is_none_is_warned_about_and_unknown(pet):
    table = pet.parents[2] / "sub-1_scans.tsv"
    table.write_text(f"filename\tacq_time\nfunc/x.nii\tspring\n{pet.name}\t2010-01-05\n")
    with pytest.warns(PetsynthWarning, match=r"acq_time of func/x.nii is 'spring'.* unknown"):
        assert found(pet) == day(5)
    table.write_text("filename\tacq_time\nx\t2010-01-05\ttoo\tmany\n")
    with pytest.warns(PetsynthWarning, match=r"row 2 has 4 cells .* its dates count as unknown"):
        assert found(pet) is None


def test_no_day_in_what_is_no_date():
    assert [parse_day(text) for text in ("", "12", "spring", "2010-13-01", "n/a")] == [None] * 5
