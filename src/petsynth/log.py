"""What petsynth tells while it works: log messages, and progress with the time left.

Every module logs to a logger of its own name below ``petsynth``. As a library petsynth is
therefore silent until somebody asks, as with any package that uses `logging`::

    logging.basicConfig()
    logging.getLogger("petsynth").setLevel(logging.INFO)

The command line shows the messages as plain lines on stderr, and a bar where that is a terminal:
see `messages_on_stderr`.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

logger = logging.getLogger(__name__)

_PACKAGE = logging.getLogger("petsynth")
_SECONDS_BETWEEN_LINES = 30.0


class _StderrHandler(logging.Handler):
    """Print messages as they are, above the bar if there is one."""

    def emit(self, record: logging.LogRecord) -> None:
        print(self.format(record), file=sys.stderr, flush=True)


@contextlib.contextmanager
def messages_on_stderr() -> Iterator[None]:
    """Show petsynth's messages and progress on stderr; also usable as a decorator.

    Examples
    --------
    >>> with messages_on_stderr():
    ...     logger.info("seen by the user")
    """
    if _on_stderr():  # a command within a command: its lines need not appear twice
        yield
        return
    handler, level = _StderrHandler(), _PACKAGE.level
    _PACKAGE.addHandler(handler)
    _PACKAGE.setLevel(logging.INFO)
    try:
        yield
    finally:
        _PACKAGE.removeHandler(handler)
        _PACKAGE.setLevel(level)


def _on_stderr() -> bool:
    return any(isinstance(handler, _StderrHandler) for handler in _PACKAGE.handlers)


class Progress:
    """Count work done: a bar on the command line's terminal, log messages elsewhere.

    Parameters
    ----------
    description : str
        What is being done.
    total : int
        How many steps there are.
    done : int
        How many were done before, by an earlier run.
    shown : bool
        Whether to show anything; not, in the second and later processes of a training.

    Examples
    --------
    >>> with Progress("training", total=3) as progress:
    ...     for _ in range(3):
    ...         progress.advance(note="loss 0.5")
    """

    def __init__(self, description: str, total: int, done: int = 0, *, shown: bool = True) -> None:
        self.description = description
        self.total = total
        self.done = done
        self.shown = shown
        self._before = done
        self._start = self._last_line = time.monotonic()
        self._bar: Bar | None = None

    def __enter__(self) -> Progress:
        if self.shown and _on_stderr() and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            bar = Bar(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[note]}"),
                console=Console(stderr=True),
            )
            bar.start()
            self._task = bar.add_task(
                self.description, total=self.total, completed=self.done, note=""
            )
            self._bar = bar
        return self

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Count ``steps`` more, and show ``note`` beside them."""
        self.done += steps
        if self._bar is not None:
            self._bar.update(self._task, advance=steps, note=note)
            return
        if not self.shown:
            return
        now = time.monotonic()
        if now - self._last_line >= _SECONDS_BETWEEN_LINES or self.done >= self.total:
            self._last_line = now
            pace = (now - self._start) / max(self.done - self._before, 1)
            left = pace * max(self.total - self.done, 0)
            logger.info(
                f"{self.description}: {self.done}/{self.total}, {_clock(left)} left  {note}".strip()
            )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
