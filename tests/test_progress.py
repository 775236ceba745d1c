"""Progress in a log and on a terminal."""

import io
import sys

import pytest

from petsynth import progress as progress_module
from petsynth.progress import Progress, say


@pytest.fixture
def clock(monkeypatch):
    """Return a clock that a test sets by hand."""
    now = [100.0]
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: now[0])
    return now


def test_log_lines_come_every_half_minute_with_the_time_left(clock, capsys):
    with Progress("training", total=100) as progress:
        for _ in range(4):
            clock[0] += 10
            progress.advance(note="loss 0.5")
    # Three steps took 30 s, so the other 97 take 970 s.
    assert capsys.readouterr().err == "training: 3/100, 0:16:10 left  loss 0.5\n"


def test_the_last_step_is_always_told(clock, capsys):
    with Progress("predicting", total=2) as progress:
        progress.advance()
        progress.advance()
    assert capsys.readouterr().err == "predicting: 2/2, 0:00:00 left\n"


def test_work_done_before_does_not_count_for_the_pace(clock, capsys):
    with Progress("training", total=100, done=90) as progress:
        clock[0] += 60
        progress.advance(2)
    assert capsys.readouterr().err == "training: 92/100, 0:04:00 left\n"


def test_nothing_done_yet(clock, capsys):
    with Progress("training", total=10) as progress:
        clock[0] += 60
        progress.advance(0)
    assert capsys.readouterr().err.startswith("training: 0/10")


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_gets_a_bar(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Progress("predicting", total=2) as progress:
        progress.advance(note="sub-01")
        say("a line above the bar")
        progress.advance()
    shown = terminal.getvalue()
    assert "predicting" in shown
    assert "2/2" in shown
    assert "a line above the bar" in shown


def test_the_bar_is_taken_away_when_work_fails(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    progress = Progress("predicting", total=2)
    with pytest.raises(ValueError, match="broken"):
        fail(progress)
    assert sys.stderr is terminal


def fail(progress):
    with progress:
        progress.advance()
        raise ValueError("broken")
