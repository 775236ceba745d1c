"""When an image was taken: tables, sidecars, and in which order they are asked."""

import datetime

import pytest

from petsynth.errors import InputError
from petsynth.io.bids.dates import day_of, read_days


def day(number: int) -> datetime.date:
    return datetime.date(2010, 1, number)


def test_scans_then_sessions_then_sidecar(tmp_path):
    folder = tmp_path / "sub-1"
    pet = folder / "ses-a" / "pet" / "sub-1_ses-a_pet.nii.gz"
    pet.parent.mkdir(parents=True)
    assert day_of(pet, folder, "a", read_days(folder)) is None
    pet.with_name("sub-1_ses-a_pet.json").write_text('{"AcquisitionDate": "20100103"}')
    assert day_of(pet, folder, "a", read_days(folder)) == day(3)
    sessions = folder / "sub-1_sessions.tsv"
    sessions.write_text("session_id\tacq_time\nses-a\t2010-01-02\nses-b\tn/a\n")
    assert day_of(pet, folder, "a", read_days(folder)) == day(2)
    scans = folder / "ses-a" / "sub-1_ses-a_scans.tsv"
    scans.write_text(f"filename\tacq_time\npet/{pet.name}\t2010-01-01T23:59:59.5Z\n")
    assert day_of(pet, folder, "a", read_days(folder)) == day(1)


def test_a_time_that_is_none_is_refused(tmp_path):
    table = tmp_path / "sub-1_scans.tsv"
    table.write_text("filename\tacq_time\npet/x.nii\tspring\n")
    with pytest.raises(InputError, match=r"acq_time of pet/x.nii is 'spring'"):
        read_days(tmp_path)
