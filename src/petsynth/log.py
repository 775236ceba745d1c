"""What petsynth tells while it works: log messages, and progress with the time left.

Every module logs to a logger of its own name below ``petsynth``. As a library petsynth is
therefore silent until somebody asks, as with any package that uses `logging`::

    logging.basicConfig()
    logging.getLogger("petsynth").setLevel(logging.INFO)

The command line shows the messages as plain lines on stderr, and a bar where that is a terminal:
see `messages_on_stderr`. It keeps them in a file, too, beside what a command writes: see
`recorded` and `keep_log_in`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

logger = logging.getLogger(__name__)

_PACKAGE = logging.getLogger("petsynth")
_SECONDS_BETWEEN_LINES = 30.0
LOGS = "logs"
"""Folder of log files, in the folder that a command writes."""
LOG_FILES = f"{LOGS}/petsynth-*.log"
"""Names of the log files in a folder."""
# Names of folders that tell of nobody and stand in messages as words of their own; of others, a
# log says FOLDER.
_PLAIN_NAMES = {
    "bids", "data", "demo", "dicom", "dicoms", "evaluation", "in", "input", "mri", "nifti",
    "out", "output", "outputs", "pet", "predictions", "prepared", "regions", "results", "run",
    "runs", "scan", "scans", "simulated", "synthetic", "t1", "t1s", "t1w", "test", "train",
}  # fmt: skip


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


class _FileHandler(logging.Handler):
    """Hold messages back until there is a file for them.

    Names of folders may tell of people, so those of what was typed are left out.
    """

    def __init__(self, command: str, words: Sequence[str]) -> None:
        super().__init__()
        self._lines: list[str] = []
        self._file: Path | None = None
        self._command = command
        self._hidden = _hidden(words)
        self._start = time.time()
        self.emit(_record(f"$ petsynth {shlex.join([command, *words])}"))

    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record)
        for name, instead in self._hidden:
            text = name.sub(instead, text)
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
        self._lines.append(f"{stamp} {text}")
        self._write()

    def open(self, folder: Path) -> None:
        """Write what came so far into a new file in a folder, and all that comes."""
        stamp = time.strftime("%Y%m%dT%H%M%S", time.localtime(self._start))
        self._file = folder / LOGS / f"petsynth-{self._command}-{stamp}-{os.getpid()}.log"
        self._write()

    def _write(self) -> None:
        if self._file is None:
            return
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with open(self._file, "a", encoding="utf-8", errors="backslashreplace") as file:
                file.write("".join(f"{line}\n" for line in self._lines))
        except OSError:  # a full disk stops the results, which says so; not their log
            self._file = None
        self._lines.clear()


@contextlib.contextmanager
def recorded(command: str, words: Sequence[str]) -> Iterator[None]:
    """Keep the messages of a command, for the folder that `keep_log_in` names.

    Parameters
    ----------
    command : str
        Such as ``"predict"``.
    words : sequence of str
        What was typed after it.
    """
    from petsynth.version import __version__

    handler, level = _FileHandler(command, words), _PACKAGE.level
    handler.emit(_record(f"petsynth {__version__}, Python {sys.version.split()[0]}"))
    _PACKAGE.addHandler(handler)
    _PACKAGE.setLevel(logging.INFO)
    try:
        yield
        handler.emit(_record("done"))
    except BaseException as error:
        handler.emit(_record(f"ended: {type(error).__name__}: {error}"))
        raise
    finally:
        _PACKAGE.removeHandler(handler)
        _PACKAGE.setLevel(level)


def keep_log_in(folder: str | Path) -> None:
    """Write the log of the command that runs into a folder; nothing as a library.

    Called as soon as the folder is the command's own.
    """
    handlers = [each for each in _PACKAGE.handlers if isinstance(each, _FileHandler)]
    for handler in handlers[-1:]:
        handler.open(Path(folder))


def _record(message: str) -> logging.LogRecord:
    return logging.LogRecord("petsynth", logging.INFO, "", 0, message, None, None)


def _hidden(words: Sequence[str]) -> list[tuple[re.Pattern[str], str]]:
    """Return what is left out of a log, and what stands there instead; the longest comes first."""
    found: dict[str, str] = {}
    for word in words:
        typed = word.partition("=")[2] if word.startswith("--") else word
        for each in {typed, typed.partition("=")[2]} - {""}:
            path = Path(each)
            for name in {each, str(path), str(path.absolute()), os.path.realpath(path)}:
                folder, is_image = os.path.dirname(name), ".nii" in path.name
                if path.is_dir():
                    found |= {f"{name}/": "", name: "FOLDER"}
                elif os.sep in name and folder.strip("/."):
                    found[f"{folder}/"] = ""
                if path.is_file() and not is_image:
                    found[path.name] = f"FILE{path.suffix}"
    for place in (Path.home(), Path.cwd()):
        found.setdefault(f"{place}/", "")
    for each in ("./", "/", ".", "", "..", "../"):
        found.pop(each, None)
    plain = [name for name in found if name.rstrip("/").lower() in _PLAIN_NAMES]
    for each in plain:
        del found[each]
    ordered = sorted(found.items(), key=lambda item: -len(item[0]))
    return [(_as_a_name(name), instead) for name, instead in ordered]


def _as_a_name(name: str) -> re.Pattern[str]:
    """Match a name, also within longer names (``NAME_prepared``), but not within a word."""
    before = "(?<![A-Za-z0-9])" if name[0].isalnum() else ""
    after = "(?![A-Za-z0-9])" if name[-1].isalnum() else ""
    return re.compile(before + re.escape(name) + after)


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
