"""Messages and progress: nothing in a library, lines and a bar on the command line."""

import io
import logging
import subprocess
import sys

import pytest

from petsynth import log
from petsynth.errors import InputError
from petsynth.log import Progress, keep_log_in, messages_on_stderr, recorded

logger = logging.getLogger("petsynth.tests")


@pytest.fixture
def clock(monkeypatch):
    """Return a clock that a test sets by hand."""
    now = [100.0]
    monkeypatch.setattr(log.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def shown(capsys):
    """Show messages, and return a function that returns what was shown."""
    with messages_on_stderr():
        yield lambda: capsys.readouterr().err


class Terminal(io.StringIO):
    def isatty(self):
        return True


def attach_terminal(monkeypatch) -> Terminal:
    """Return what stands for stderr from now on and is a terminal; fixtures are too early."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    return terminal


def test_messages_are_plain_lines_while_the_command_line_shows_them(capsys):
    with messages_on_stderr():
        logger.info("model in run/model.safetensors")
        logger.debug("not for users")
    logger.info("afterwards")
    assert capsys.readouterr().err == "model in run/model.safetensors\n"


def test_a_command_within_a_command_shows_its_lines_once(capsys):
    with messages_on_stderr():
        with messages_on_stderr():
            logger.info("inside")
        logger.info("outside")
    assert capsys.readouterr().err == "inside\noutside\n"


def test_the_level_that_somebody_chose_comes_back():
    package = logging.getLogger("petsynth")
    before = package.level
    package.setLevel(logging.ERROR)
    try:
        with messages_on_stderr():
            assert package.isEnabledFor(logging.INFO)
        assert package.level == logging.ERROR
    finally:
        package.setLevel(before)


LIBRARY = """
import logging, petsynth
from petsynth.log import Progress
{asked}
with Progress("predicting", total=1) as progress:
    progress.advance()
logging.getLogger("petsynth.inference").error("something")
"""


@pytest.mark.parametrize(
    ("asked", "lines"),
    [
        ("", []),
        (
            "logging.basicConfig(format='%(name)s %(message)s'); "
            "logging.getLogger('petsynth').setLevel(logging.INFO)",
            ["petsynth.log predicting: 1/1, 0:00:00 left", "petsynth.inference something"],
        ),
    ],
)
def test_a_library_is_silent_unless_asked(asked, lines):
    done = subprocess.run(
        [sys.executable, "-c", LIBRARY.format(asked=asked)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == ""
    assert done.stderr.splitlines() == lines


def test_log_lines_come_every_half_minute_with_the_time_left(clock, shown):
    with Progress("training", total=100) as progress:
        for _ in range(4):
            clock[0] += 10
            progress.advance(note="loss 0.5")
    # Three steps took 30 s, so the other 97 take 970 s.
    assert shown() == "training: 3/100, 0:16:10 left  loss 0.5\n"


def test_the_last_step_is_always_told(clock, shown):
    with Progress("predicting", total=2) as progress:
        progress.advance()
        progress.advance()
    assert shown() == "predicting: 2/2, 0:00:00 left\n"


def test_work_done_before_does_not_count_for_the_pace(clock, shown):
    with Progress("training", total=100, done=90) as progress:
        clock[0] += 60
        progress.advance(2)
    assert shown() == "training: 92/100, 0:04:00 left\n"


def test_nothing_done_yet(clock, shown):
    with Progress("training", total=10) as progress:
        clock[0] += 60
        progress.advance(0)
    assert shown().startswith("training: 0/10")


def test_other_processes_show_nothing(clock, shown):
    with Progress("training", total=1, shown=False) as progress:
        progress.advance()
    assert shown() == ""


def test_a_terminal_gets_a_bar(monkeypatch):
    terminal = attach_terminal(monkeypatch)
    with messages_on_stderr(), Progress("predicting", total=2) as progress:
        progress.advance(note="sub-01")
        logger.info("a line above the bar")
        progress.advance()
    seen = terminal.getvalue()
    assert "predicting" in seen
    assert "2/2" in seen
    assert "a line above the bar" in seen


def test_a_library_shows_no_bar_on_a_terminal(monkeypatch):
    terminal = attach_terminal(monkeypatch)
    with Progress("predicting", total=2) as progress:
        progress.advance(2)
    assert terminal.getvalue() == ""


def test_the_bar_is_taken_away_when_work_fails(monkeypatch):
    terminal = attach_terminal(monkeypatch)
    with messages_on_stderr(), pytest.raises(ValueError, match="broken"):
        fail(Progress("predicting", total=2))
    assert sys.stderr is terminal


def fail(progress):
    with progress:
        progress.advance()
        raise ValueError("broken")


def log_in(folder):
    (path,) = (folder / "logs").glob("petsynth-*.log")
    return path.read_text()


def test_a_command_leaves_a_log_where_it_writes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with recorded("predict", ["a.nii", "--out", "out"]):
        logger.info("before")
        keep_log_in(tmp_path / "out")
        logger.warning("after")
    lines = [line.split(" ", 2)[2] for line in log_in(tmp_path / "out").splitlines()]
    assert lines[0] == "$ petsynth predict a.nii --out out"
    assert lines[1].startswith("petsynth ")
    assert lines[2:] == ["before", "after", "done"]


def test_an_error_stands_in_the_log(tmp_path):
    @recorded("predict", [])
    def fail():
        keep_log_in(tmp_path)
        raise InputError("a.nii: damaged")

    with pytest.raises(InputError):
        fail()
    assert log_in(tmp_path).endswith("ended: InputError: a.nii: damaged\n")


def test_names_of_folders_and_tables_are_left_out_of_the_log(tmp_path):
    folder = tmp_path / "Jane Doe"
    folder.mkdir()
    for name in ("sub-01_T1w.nii.gz", "Jane.tsv"):
        (folder / name).write_text("")
    words = [str(folder / "sub-01_T1w.nii.gz"), f"--participants={folder / 'Jane.tsv'}"]
    with recorded("predict", [*words, "--masks", str(folder)]):
        keep_log_in(tmp_path / "out")
        logger.info(f"{folder / 'sub-01_T1w.nii.gz'} -> {folder}/new.nii.gz; {folder}: full")
    told = log_in(tmp_path / "out")
    assert "Jane" not in told
    assert "sub-01_T1w.nii.gz -> new.nii.gz" in told


def test_without_a_command_or_a_folder_nothing_is_written(tmp_path, monkeypatch):
    keep_log_in(tmp_path)
    monkeypatch.chdir(tmp_path)
    with recorded("predict", []):
        logger.info("nobody asks")
    assert list(tmp_path.iterdir()) == []


def test_a_log_that_cannot_be_written_stops_nothing(tmp_path):
    (tmp_path / "logs").write_text("a file")
    with recorded("predict", []):
        keep_log_in(tmp_path)
        logger.info("on")
    assert (tmp_path / "logs").read_text() == "a file"


def kept(folder, words, message):
    """Return what the log of a command says of a message."""
    with recorded("prepare", words):
        keep_log_in(folder)
        logger.info(message)
    (path,) = folder.glob(log.LOG_FILES)
    lines = [line.split(" ", 2)[2] for line in path.read_text().splitlines()]
    return lines[0], lines[2]


def test_a_folder_with_a_common_name_keeps_it_in_the_log(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("bids", "prepared"):
        (tmp_path / name).mkdir()
    assert kept(tmp_path / "kept", ["bids", "prepared"], "prepared: prepared (4 train)") == (
        "$ petsynth prepare bids prepared",
        "prepared: prepared (4 train)",
    )


def test_a_folder_that_may_tell_of_somebody_is_left_out_of_the_log(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("mina", "scan"):
        (tmp_path / "miller" / name).mkdir(parents=True)
    (tmp_path / "mina").mkdir()
    message = "left out of mina_prepared: a nominal region, mina/scan.nii, miller/scan"
    assert kept(tmp_path / "kept", ["mina", "miller/scan"], message) == (
        "$ petsynth prepare FOLDER FOLDER",
        "left out of FOLDER_prepared: a nominal region, scan.nii, FOLDER",
    )
