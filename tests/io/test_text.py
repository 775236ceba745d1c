"""JSON, TOML and tables as they come: right values, or one line that names the file."""

import math
import os
import socket

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from petsynth.errors import ConfigError, InputError, PetsynthWarning
from petsynth.io.bids.metadata import write_table
from petsynth.io.text import (
    DEEPEST,
    check_positive,
    check_text,
    read_json,
    read_rows,
    read_table,
    read_text,
    read_toml,
    real_path,
)
from petsynth.volume import check_tracer

FIELDS = '{"Units": "Bq/mL", "Site": "Köln"}'


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_json_in_any_usual_encoding(tmp_path, encoding):
    path = write(tmp_path / "x.json", FIELDS.encode(encoding))
    assert read_json(path) == {"Units": "Bq/mL", "Site": "Köln"}


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999", "1" + "0" * 400, "1" + "0" * 5000])
def test_numbers_beyond_any_count_as_missing(tmp_path, number):
    path = write(tmp_path / "x.json", f'{{"FrameDuration": [{number}, 60], "Units": "SUV"}}')
    with pytest.warns(PetsynthWarning, match=r"x\.json: holds .* count as missing"):
        assert read_json(path) == {"FrameDuration": [None, 60], "Units": "SUV"}


def test_a_number_that_is_cut_says_so(tmp_path):
    path = write(tmp_path / "x.json", '{"a": 1' + "0" * 400 + "}")
    with pytest.warns(PetsynthWarning, match=r"holds 100000000\.\.\. \(401 characters\), which"):
        read_json(path)


def test_long_whole_numbers_are_numbers_all_the_same(tmp_path):
    path = write(tmp_path / "x.json", '{"a": 12345678901234567890, "b": 7}')
    assert read_json(path) == {"a": 12345678901234567890.0, "b": 7}


BAD_JSON = {
    "nothing": "",
    "half": "{",
    "list": "[1]",
    "number": "5",
    "nested": '{"a":' + "[" * 100_000 + "]" * 100_000 + "}",
    "too deep": '{"a":' + "[" * DEEPEST + "]" * DEEPEST + "}",
    "half a character": '{"a": "\\ud800"}',
    "binary": b"\x00\x01\x02",
    "cut UTF-16": b"\xff\xfe{",
}


@pytest.mark.parametrize("content", BAD_JSON.values(), ids=BAD_JSON)
def test_bad_json_is_refused_in_one_line(tmp_path, content):
    path = write(tmp_path / "x.json", content)
    with pytest.raises(InputError, match=r"x\.json: ") as refusal:
        read_json(path)
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 300 + len(str(path))


def make_socket(path):
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(os.path.relpath(path))


NO_FILES = {
    "missing": (lambda path: None, "no such file"),
    "folder": (lambda path: path.mkdir(), "is a folder"),
    "pipe": (os.mkfifo, "is a named pipe"),
    "socket": (make_socket, "is a socket"),
    "device": (lambda path: path.symlink_to("/dev/zero"), "is a device"),
    "loop": (lambda path: path.symlink_to(path), "is a link that leads back to itself"),
    "dangling": (
        lambda path: path.symlink_to("nowhere"),
        "is a link to a file that does not exist",
    ),
}


@pytest.mark.parametrize(("make", "message"), NO_FILES.values(), ids=NO_FILES)
@pytest.mark.parametrize("read", [read_json, read_toml, read_rows, read_table])
def test_what_is_no_file_is_never_opened(tmp_path, monkeypatch, make, message, read):
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "x.txt")
    with pytest.raises(InputError, match=rf"x\.txt: {message}"):
        read(tmp_path / "x.txt")


def test_names_that_no_file_can_have(tmp_path):
    for name in ("x" * 300, "a\0b"):
        with pytest.raises(InputError, match="no such file"):
            read_text(tmp_path / name)


def test_a_file_too_large_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"x\.txt: is larger than 1 MB"):
        read_text(write(tmp_path / "x.txt", b" " * (1 << 20) + b" "), 1 << 20)


def test_tables_keep_text_and_leading_zeros(tmp_path):
    table = pd.DataFrame({"participant_id": ["sub-007", "sub-01"], "age": ["070", None]})
    write_table(tmp_path / "participants.tsv", table)
    again = read_table(tmp_path / "participants.tsv")
    assert again["participant_id"].tolist() == ["sub-007", "sub-01"]
    assert again["age"].tolist() == ["070", "n/a"]


AS_WRITTEN = "participant_id\tage\tsite\nsub-1\t71\tKöln\nsub-2\t68\tAD\n"
TABLES = {
    "plain": AS_WRITTEN,
    "trailing tab in rows": "participant_id\tage\tsite\nsub-1\t71\tKöln\t\nsub-2\t68\tAD\t\n",
    "trailing tab everywhere": AS_WRITTEN.replace("\n", "\t\n"),
    "byte-order mark": "\ufeff" + AS_WRITTEN,
    "UTF-16": AS_WRITTEN.encode("utf-16"),
    "Latin-1": AS_WRITTEN.encode("latin-1"),
    "Windows": AS_WRITTEN.replace("\n", "\r\n"),
    "old Macintosh": AS_WRITTEN.replace("\n", "\r"),
    "quotes": '"participant_id"\t"age"\tsite\n"sub-1"\t71\t"Köln"\nsub-2\t"68"\tAD\n',
    "blanks": "\n participant_id \tage\tsite\n\nsub-1\t 71\tKöln\n  \nsub-2\t68\tAD",
}


@pytest.mark.parametrize("content", TABLES.values(), ids=TABLES)
def test_a_table_reads_the_same_however_it_was_saved(tmp_path, content):
    path = write(tmp_path / "x.tsv", content)
    assert read_rows(path) == [
        {"participant_id": "sub-1", "age": "71", "site": "Köln"},
        {"participant_id": "sub-2", "age": "68", "site": "AD"},
    ]
    assert read_table(path)["age"].tolist() == ["71", "68"]


def test_short_rows_and_lone_quotes(tmp_path):
    path = write(tmp_path / "x.tsv", 'a\tb\tc\n1\n2\t5" screen\tx\n')
    assert read_rows(path) == [
        {"a": "1", "b": "n/a", "c": "n/a"},
        {"a": "2", "b": '5" screen', "c": "x"},
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("a\tb\n1\t2\t3\n", "row 2 has 3 cells for 2 columns"),
        ("a\tb\ta\n1\t2\t3\n", "has the column 'a' twice"),
        (f'a\n"{"x" * 200_000}"\n', "not a tab-separated table"),
    ],
)
def test_a_table_whose_columns_are_unclear_is_refused(tmp_path, content, message):
    with pytest.raises(InputError, match=rf"x\.tsv: .*{message}"):
        read_rows(write(tmp_path / "x.tsv", content))


BAD_TOML = {
    "no value": "a = ",
    "nested": "a = " + "[" * 100_000 + "]" * 100_000,
    "long number": "a = " + "1" * 5000,
    "long key": "a." * 100_000 + "b = 1",
    "long table": "[" + ".".join(["a"] * 100_000) + "]",
    "impossible date": "a = 2012-13-41",
}


@pytest.mark.parametrize("content", BAD_TOML.values(), ids=BAD_TOML)
def test_bad_toml_is_refused_in_one_line(tmp_path, content):
    with pytest.raises(ConfigError, match=r"x\.toml: not valid TOML") as refusal:
        read_toml(write(tmp_path / "x.toml", content))
    assert "\n" not in str(refusal.value)


SEEDS = [
    FIELDS.encode(), AS_WRITTEN.encode(), b"[a]\nb = 1\nc = [1, {d = 2012-03-01}]\n",
    *(each if isinstance(each, bytes) else each.encode() for each in TABLES.values()),
]  # fmt: skip


FUZZ = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)


@st.composite
def damaged(draw):
    """Return a valid file with a piece overwritten, or any bytes."""
    content = bytearray(draw(st.sampled_from(SEEDS) | st.binary(max_size=60)))
    start = draw(st.integers(0, len(content)))
    content[start : start + draw(st.integers(0, 8))] = draw(st.binary(max_size=8))
    return bytes(content)


@pytest.mark.filterwarnings("ignore::petsynth.errors.PetsynthWarning")
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=damaged())
def test_whatever_the_bytes_there_is_a_value_or_one_line(tmp_path, content):
    path = write(tmp_path / "x", content)
    for read in (read_json, read_toml, read_rows):
        message = refusal_of(read, path)
        assert message is None or message.startswith(f"{path}: ")
        assert message is None or len(message.splitlines()) == 1


def refusal_of(read, path):
    try:
        read(path)
    except (InputError, ConfigError) as error:
        return str(error)
    return None


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=st.lists(st.tuples(*[st.from_regex(r"[^\s\"\x00-\x1f]{1,5}", fullmatch=True)] * 2)))
def test_what_is_written_is_read(tmp_path, rows):
    text = "".join("\t".join(row) + "\n" for row in [("first", "second"), *rows])
    path = write(tmp_path / "x.tsv", text.encode("utf-8", "replace"))
    again = [tuple(row.values()) for row in read_rows(path)]
    assert again == [tuple(c.encode("utf-8", "replace").decode() for c in row) for row in rows]


def test_a_time_in_nanoseconds_stays_a_whole_number(tmp_path):
    path = tmp_path / "record.json"
    path.write_text('{"mtime_ns": 1764435600123456789, "minus": -1764435600123456789}')
    content = read_json(path)
    assert content == {"mtime_ns": 1764435600123456789, "minus": -1764435600123456789}


def test_a_link_that_leads_back_to_itself_has_a_path(tmp_path):
    loop, link = tmp_path / "loop", tmp_path / "link"
    loop.symlink_to(loop.name)
    link.symlink_to(tmp_path)
    assert real_path(loop) == loop
    assert real_path(link) == tmp_path


def test_what_is_usual_is_accepted():
    check_tracer("AV1451")
    check_text("unit", "SUVR")
    check_text("unit", "Bq/mL")
    check_positive("pet_scale", 2)


@pytest.mark.parametrize("name", ["../../x", "a/b", "a b", "", "é", None, 3, "x" * 41, "a\n"])
def test_tracers_that_could_not_stand_in_a_file_name(name):
    with pytest.raises(ValueError, match="not letters and digits"):
        check_tracer(name)


@pytest.mark.parametrize("value", [0, -1.0, math.nan, math.inf, True, "2", None, [1]])
def test_no_positive_numbers(value):
    with pytest.raises(ValueError, match=r"pet_scale is .* not a positive number"):
        check_positive("pet_scale", value)


@pytest.mark.parametrize("value", ["", "two\nlines", "x" * 101, None, b"SUVR"])
def test_no_line_of_text(value):
    with pytest.raises(ValueError, match=r"unit is .* not one line of text"):
        check_text("unit", value)


def test_a_name_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / os.fsdecode(b"sub-\xff.json")
    path.write_text("{}")
    with pytest.raises(InputError, match=r"sub-\\xff\.json: its name is not UTF-8; rename it"):
        read_json(path)
