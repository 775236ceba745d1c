"""Choose the verb, parse its arguments, turn errors into one line and an exit status.

Each verb lives in a module of its own with a dataclass ``Args`` (its fields are its options)
and ``run(args)``; only the module of the verb that was asked for is imported.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from types import FrameType

VERBS = {
    "demo": "simulate, prepare, train, predict, evaluate and report, in minutes",
    "simulate": "make a simulated cohort of T1 and PET scans in BIDS",
    "prepare": "bring a BIDS dataset's scans onto the models' grid",
    "train": "train a model on prepared data",
    "predict": "infer synthetic PET from T1-weighted MRI",
    "models": "list the models that come with petsynth",
    "evaluate": "measure trained models against baselines, with tables, figures and a report",
    "describe": "show what a configuration means: parameters, shapes, memory, steps",
}

USAGE = """usage: petsynth VERB ... [--debug]
       petsynth VERB --help
       petsynth --version

Infer brain PET images from T1-weighted MRI. Research software, not a medical device.

verbs:
{verbs}

options:
  --debug    show the traceback of an error, and the warnings of other libraries
"""


def run(arguments: list[str]) -> int:
    """Carry out one command.

    Parameters
    ----------
    arguments : list of str
        As typed after ``petsynth``.

    Returns
    -------
    int
        0: done; 1: it failed, one line on stderr says what, where and what to do;
        2: the words typed cannot be understood (unknown verb, option or choice);
        130: interrupted; 143: terminated.
    """
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_usage())
        return 0 if arguments else 2
    if "--version" in arguments[:2]:
        from petsynth import __version__

        print(f"petsynth {__version__}")
        return 0
    verb, *rest = arguments
    if verb not in VERBS:
        print(_unknown_verb(verb), file=sys.stderr)
        return 2
    return _run_verb(verb, rest, debug)


def _run_verb(verb: str, rest: list[str], debug: bool) -> int:
    from petsynth.errors import PetsynthError
    from petsynth.log import messages_on_stderr

    module = importlib.import_module(f"petsynth.cli.{verb}")
    try:
        with messages_on_stderr(), _warnings_as_lines(debug), _sigterm_interrupts():
            module.run(module.parse(rest))
    except SystemExit as stop:  # tyro has printed its help or what is wrong
        return stop.code if isinstance(stop.code, int) else 2
    except Terminated:
        return _say(verb, "terminated; no half-written file was left", 128 + signal.SIGTERM)
    except KeyboardInterrupt:
        return _say(verb, "interrupted; no half-written file was left", 128 + signal.SIGINT)
    except BrokenPipeError:  # the reader of our output has gone, as in `... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except (PetsynthError, OSError, MemoryError) as error:
        if debug:
            raise
        return _say(verb, f"error: {_in_one_line(error)}", 1)
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
def _warnings_as_lines(debug: bool) -> Iterator[None]:
    """Show our own warnings in one line each; other libraries' only with ``--debug``."""
    from petsynth.errors import PetsynthWarning

    with warnings.catch_warnings():
        if not debug:
            warnings.simplefilter("ignore")
        warnings.simplefilter("always", PetsynthWarning)
        show_before = warnings.showwarning
        shown = set()

        def show(message, category, filename, lineno, file=None, line=None):
            if issubclass(category, PetsynthWarning):
                if str(message) not in shown:
                    print(f"petsynth: warning: {message}", file=sys.stderr)
                shown.add(str(message))
            else:
                show_before(message, category, filename, lineno, file, line)

        warnings.showwarning = show
        yield


def _say(verb: str, message: str, status: int) -> int:
    print(f"petsynth {verb}: {message}", file=sys.stderr)
    return status


def _in_one_line(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return "out of memory; use fewer processes or a smaller batch"
    return " ".join(str(error).split())


def _usage() -> str:
    width = max(map(len, VERBS)) + 2
    return USAGE.format(verbs="\n".join(f"  {verb:<{width}}{VERBS[verb]}" for verb in VERBS))


def _unknown_verb(verb: str) -> str:
    import difflib

    close = difflib.get_close_matches(verb, VERBS, n=1)
    hint = f"did you mean '{close[0]}'?" if close else f"verbs: {', '.join(VERBS)}"
    return f"petsynth: unknown verb '{verb}'; {hint}"
