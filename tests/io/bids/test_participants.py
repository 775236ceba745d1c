"""Reading participants.tsv."""

import pytest

from petsynth.errors import InputError
from petsynth.io.bids.participants import read_participants


def test_participants_are_read_under_usual_column_names(tmp_path):
    table = tmp_path / "participants.tsv"
    table.write_text("participant_id\tGroup\toriginal_id\nsub-01\tAD\tX-1\n02\tCN\tn/a\n")
    participants = read_participants(tmp_path)
    assert (participants["sub-01"].diagnosis, participants["sub-01"].original_id) == ("AD", "X-1")
    assert participants["sub-02"].diagnosis == "CN"
    table.write_text("participant_id\nsub-01\n")
    assert read_participants(tmp_path)["sub-01"].diagnosis == "n/a"
    table.unlink()
    assert len(read_participants(tmp_path)) == 0


def test_0731_and_731_are_one_participant(tmp_path):
    table = tmp_path / "participants.tsv"
    table.write_text("participant_id\tdiagnosis\n731\tAD\n")
    assert read_participants(tmp_path)["sub-0731"].diagnosis == "AD"
    table.write_text("participant_id\tdiagnosis\n731\tAD\nsub-0731\tCN\n")
    with pytest.raises(InputError, match=r"sub-0731 is in it twice \(as 731 too\)"):
        read_participants(tmp_path)
    table.write_text("participant_id\nsub-01\nsub-01\n")
    with pytest.raises(InputError, match=r"sub-01 is in it twice$"):
        read_participants(tmp_path)


def test_weights_are_kilograms(tmp_path):
    table = tmp_path / "participants.tsv"
    table.write_text("participant_id\tweight\n01\t70.5\n02\tn/a\n")
    participants = read_participants(tmp_path)
    assert (participants["01"].weight_kg, participants["02"].weight_kg) == (70.5, None)
    table.write_text("participant_id\tweight\n01\theavy\n")
    with pytest.raises(InputError, match="weight of 01 is 'heavy'"):
        read_participants(tmp_path)
