"""Reading participants.tsv."""

import pytest

from petsynth.errors import InputError
from petsynth.io.bids.participants import parse_kilograms, read_participants


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
    assert participants["02"].unread_weight == ""
    table.write_text("participant_id\tweight\n01\theavy\n02\t80\n03\t70 kg\n")
    participants = read_participants(tmp_path)
    assert (participants["01"].weight_kg, participants["01"].unread_weight) == (None, "heavy")
    assert [participants[name].weight_kg for name in ("02", "03")] == [80.0, 70.0]


@pytest.mark.parametrize(
    ("text", "kilograms"),
    [("70", 70), ("70.5", 70.5), ("70 kg", 70), ("70KG", 70), ("70,5 kg", 70.5), ("70 kg.", 70),
     ("100 lb", 45.359237), ("100 pounds", 45.359237), ("70 kg?", None), ("kg", None), ("-5", None),
     ("1e999", None), ("inf", None), ("70 stone", None)],
)  # fmt: skip
def test_spellings_of_a_weight(text, kilograms):
    assert parse_kilograms(text) == (None if kilograms is None else pytest.approx(kilograms))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "latin-1", "utf-16"])
def test_tables_as_spreadsheets_leave_them(tmp_path, encoding):
    """A trailing tab, quotes, a byte-order mark, Latin-1, Windows line ends."""
    text = (
        'participant_id\tage\tdiagnosis\tsite\t\r\n"sub-001"\t71\t"CN"\tKöln\t\r\n'
        "sub-002\t68\tAD\tWien\t\r\n\r\n"
    )
    (tmp_path / "participants.tsv").write_bytes(text.encode(encoding))
    participants = read_participants(tmp_path)
    assert [participants[name].diagnosis for name in ("sub-001", "sub-002")] == ["CN", "AD"]
