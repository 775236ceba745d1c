"""Choose the command, parse its arguments, turn errors into one line and an exit status.

Each command lives in a module of its own with a dataclass ``Args`` (its fields are its options)
and ``run(args)``; only the module of the command that was asked for is imported.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import io
import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from types import FrameType
from typing import TextIO

logger = logging.getLogger(__name__)

COMMANDS = {
    "demo": "simulate, prepare, train, predict, evaluate and report, in minutes",
    "simulate": "make a simulated cohort of T1 and PET scans in BIDS",
    "import-dicom": "T1s and PETs of a DICOM folder as a BIDS dataset",
    "prepare": "align a BIDS dataset's scans and resample them to the models' grid",
    "train": "train a model on prepared data",
    "predict": "infer synthetic PET from T1-weighted MRI",
    "send-dicom": "send a DICOM folder to an archive (C-STORE)",
    "models": "list the pretrained models",
    "regions": "mean uptake per region of a PET, measured or synthetic; no model is needed",
    "evaluate": "measure trained models against baselines, with tables, figures and a report",
    "classify": "tell two groups of subjects apart by MRI, PET and synthetic PET",
    "measure": "measure any synthetic PET against its reference; no model needed",
    "view": "look at scans in a browser: MRI, PET, synthetic PET and their difference",
    "rate": "ask experts about real and synthetic images, blinded, in a browser",
    "audit": "look for test subjects among the training data",
    "describe": "show what a configuration means: parameters, shapes, memory, steps",
    "completion": "print what a shell needs to complete commands and options",
}

USAGE = """usage: petsynth COMMAND ... [--debug]
       petsynth COMMAND --help        (--help-all: at length)
       petsynth --version

Infer brain PET images from T1-weighted MRI. Research software, not a medical device.

commands:
{commands}

options:
  --debug    show the traceback of an error, and the warnings of other libraries
"""


def run(arguments: list[str]) -> int:
    """Carry out what was typed.

    Parameters
    ----------
    arguments : list of str
        As typed after ``petsynth``.

    Returns
    -------
    int
        0: done; 1: it failed, one line on stderr says what, where and what to do;
        2: the words typed are wrong (unknown command or option, a word that is missing, a value
        that an option cannot have);
        130: interrupted; 143: terminated.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names of files need not be text
            stream.reconfigure(errors="backslashreplace")
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_usage())
        return 0 if arguments else 2
    if "--version" in arguments[:2]:
        from petsynth.version import __version__

        print(f"petsynth {__version__}")
        return 0
    command, *rest = arguments
    if command not in COMMANDS:
        print(_unknown_command(command), file=sys.stderr)
        return 2
    return _run_command(command, rest, debug)


def module_of(command: str) -> str:
    """Return the name of a command's module.

    Examples
    --------
    >>> module_of("import-dicom")
    'petsynth.cli.import_dicom'
    """
    return f"petsynth.cli.{command.replace('-', '_')}"


def _run_command(command: str, rest: list[str], debug: bool) -> int:
    from petsynth.errors import ArgumentError, PetsynthError, UsageError
    from petsynth.log import messages_on_stderr, recorded

    try:
        module = importlib.import_module(module_of(command))
        with messages_on_stderr(), warnings_as_lines(debug), _sigterm_interrupts():
            parsed = module.parse(rest)
            with recorded(command, rest):
                module.run(parsed)
    except SystemExit as stop:  # tyro has printed its help or what is wrong
        return stop.code if isinstance(stop.code, int) else 2
    except Terminated:
        return _say(command, "terminated; no half-written file was left", 128 + signal.SIGTERM)
    except KeyboardInterrupt:
        return _say(command, "interrupted; no half-written file was left", 128 + signal.SIGINT)
    except BrokenPipeError:  # the reader of our output has gone, as in `... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except (UsageError, ArgumentError) as error:
        if debug:
            raise
        return _say(command, f"error: {_in_one_line(error)}", 2)
    except (PetsynthError, OSError, MemoryError) as error:
        if debug:
            raise
        return _say(command, f"error: {_in_one_line(error)}", 1)
    except RuntimeError as error:
        if debug or not _is_lack_of_memory(error):
            raise
        return _say(command, f"error: {_in_one_line(MemoryError())}", 1)
    return 0


class Terminated(KeyboardInterrupt):
    """SIGTERM came, the first signal of Slurm and of ``kill``; treated like Ctrl-C."""


@contextlib.contextmanager
def _sigterm_interrupts() -> Iterator[None]:
    def interrupt(number: int, frame: FrameType | None) -> None:
        raise Terminated

    if threading.current_thread() is not threading.main_thread():  # signals are not its business
        yield
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def warnings_as_lines(debug: bool) -> Iterator[None]:
    """Show our own warnings in one line each; other libraries' only with ``--debug``."""
    from petsynth.errors import PetsynthWarning

    with warnings.catch_warnings():
        if not debug:
            warnings.simplefilter("ignore")
        warnings.simplefilter("always", PetsynthWarning)
        show_before = warnings.showwarning
        shown: set[str] = set()

        def show(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if issubclass(category, PetsynthWarning):
                if str(message) not in shown:
                    logger.warning(f"petsynth: warning: {message}")
                shown.add(str(message))
            else:
                show_before(message, category, filename, lineno, file, line)

        warnings.showwarning = show
        yield


def _say(command: str, message: str, status: int) -> int:
    print(f"petsynth {command}: {message}", file=sys.stderr)
    return status


def _is_lack_of_memory(error: RuntimeError) -> bool:
    """Whether torch could not take memory, on a GPU or, without a type of its own, on the CPU."""
    return type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in str(error)


_REMEDIES = {
    errno.ENAMETOOLONG: "its name is too long for the file system; shorten it",
    errno.ELOOP: "is a link that leads back to itself; name the file or folder itself",
    errno.ENOENT: "no such file or folder, or it was removed meanwhile",
}
"""What to do about what the system says, where nothing nearer to it has said that."""


def _in_one_line(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return "out of memory; use fewer processes or a smaller batch"
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {_REMEDIES.get(error.errno or 0, error.strerror)}"
    return " ".join(str(error).split())


def _usage() -> str:
    width = max(map(len, COMMANDS)) + 2
    lines = [f"  {command:<{width}}{about}" for command, about in COMMANDS.items()]
    return USAGE.format(commands="\n".join(lines))


def _unknown_command(command: str) -> str:
    import difflib

    close = difflib.get_close_matches(command, COMMANDS, n=1)
    hint = f"did you mean '{close[0]}'?" if close else f"commands: {', '.join(COMMANDS)}"
    return f"petsynth: unknown command '{command}'; {hint}"
