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


@pytest.mark.parametrize(
    ("target", "message"), [("participants.tsv", "leads back to itself"), ("x", "does not exist")]
)
def test_a_table_that_is_a_link_to_nothing_is_not_passed_over(tmp_path, target, message):
    (tmp_path / "participants.tsv").symlink_to(target)
    with pytest.raises(InputError, match=rf"participants.tsv: is a link .*{message}"):
        read_participants(tmp_path)


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


SESSIONS = "session_id\tage\tmmse\tweight\tdx\nses-bl\t70\tn/a\t71\tCN\n{}\t72.5\t24\t69 kg\tMCI\n"


@pytest.fixture
def longitudinal(tmp_path):
    """Participants with a table of sessions beside their own, and one without."""
    table = "participant_id\tage\tsex\tmmse\tweight\tdiagnosis\n"
    rows = "sub-01\t69\tF\t29\t70\tn/a\nsub-02\t80\tM\t30\t80\tAD\n"
    (tmp_path / "participants.tsv").write_text(table + rows)
    (tmp_path / "sub-01").mkdir()
    return tmp_path


@pytest.mark.parametrize("label", ["ses-M24", '"m24"', "m024"])
def test_what_is_known_of_a_session_is_taken_first(longitudinal, label):
    (longitudinal / "sub-01/sub-01_sessions.tsv").write_text(SESSIONS.format(label))
    participants = read_participants(longitudinal)

    later = participants.at("sub-01", "M24")
    assert later.covariates == {"age": "72.5", "sex": "F", "mmse": "24"}
    assert (later.diagnosis, later.weight_kg) == ("MCI", 69.0)
    first = participants.at("sub-01", "ses-bl")
    assert first.covariates == {"age": "70", "sex": "F", "mmse": "29"}
    assert (first.diagnosis, first.weight_kg) == ("CN", 71.0)


@pytest.mark.parametrize("session", [None, "m60"])
def test_without_the_session_the_participants_row_counts(longitudinal, session):
    (longitudinal / "sub-01/sub-01_sessions.tsv").write_text(SESSIONS.format("ses-m24"))
    participants = read_participants(longitudinal)

    assert participants.at("sub-01", session) == participants["sub-01"]
    assert participants.at("sub-02", session) == participants["sub-02"]


def test_sessions_are_known_without_a_table_of_participants(longitudinal):
    (longitudinal / "participants.tsv").unlink()
    (longitudinal / "sub-01/sub-01_sessions.tsv").write_text(SESSIONS.format("ses-m24"))

    later = read_participants(longitudinal).at("sub-01", "m24")
    assert (later.covariates["age"], later.diagnosis, later.weight_kg) == ("72.5", "MCI", 69.0)


@pytest.mark.parametrize("table", ["", "age\n70\n", "session_id\tage\nbl\t70\nBL\t71\n"])
def test_a_table_of_sessions_that_tells_nothing_is_passed_over(longitudinal, table):
    (longitudinal / "sub-01/sub-01_sessions.tsv").write_text(table)
    participants = read_participants(longitudinal)

    assert participants.at("sub-01", "bl") == participants["sub-01"]
