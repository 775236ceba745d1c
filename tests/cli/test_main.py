"""Commands, exit statuses, and what reaches the user's terminal."""

import os
import signal
import subprocess
import sys
import threading
import types
import warnings

import pytest

from petsynth import __version__
from petsynth.cli.main import COMMANDS, run
from petsynth.errors import ArgumentError, InputError, PetsynthWarning


@pytest.fixture
def command(monkeypatch):
    """Return a function that makes ``petsynth demo`` do something else."""

    def replace(action):
        module = types.SimpleNamespace(parse=lambda argv: argv, run=action)
        monkeypatch.setitem(sys.modules, "petsynth.cli.demo", module)

    return replace


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["--debug", "--help"]])
def test_help(arguments, capsys):
    assert run(arguments) == 0
    printed = capsys.readouterr().out
    assert "not a medical device" in printed
    assert all(f"  {command} " in printed for command in COMMANDS)


def test_no_command_shows_the_help_and_is_wrong(capsys):
    assert run([]) == 2
    assert "usage: petsynth COMMAND" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["--version"], ["prepare", "--version"]])
def test_version(words, capsys):
    assert run(words) == 0
    assert capsys.readouterr().out == f"petsynth {__version__}\n"


@pytest.mark.parametrize(
    ("typed", "hint"), [("pedict", "did you mean 'predict'?"), ("xyz", "commands: demo, simulate")]
)
def test_unknown_command(typed, hint, capsys):
    assert run([typed]) == 2
    assert hint in capsys.readouterr().err


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name, capsys):
    assert run([name, "--help"]) == 0
    assert f"usage: petsynth {name}" in capsys.readouterr().out


def raising(error):
    def action(args):
        raise error

    return action


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (InputError("a.nii: no such file"), 1, "error: a.nii: no such file"),
        (ArgumentError("--samples 0"), 2, "error: --samples 0"),
        (InputError("two\nlines"), 1, "error: two lines"),
        (OSError(5, "I/O error", "a.nii"), 1, "error: a.nii: I/O error"),
        (
            OSError(36, "File name too long", "aaa"),
            1,
            "error: aaa: its name is too long for the file system; shorten it",
        ),
        (MemoryError(), 1, "error: out of memory; use fewer processes or a smaller batch"),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate ..."),
            1,
            "error: out of memory; use fewer processes or a smaller batch",
        ),
        (KeyboardInterrupt(), 130, "interrupted; no half-written file was left"),
    ],
)
def test_errors_become_one_line_and_a_status(command, capsys, error, status, line):
    command(raising(error))
    assert run(["demo"]) == status
    assert capsys.readouterr().err == f"petsynth demo: {line}\n"


def test_ctrl_c_while_modules_are_imported_is_one_line(monkeypatch, capsys):
    from petsynth import __main__ as entry
    from petsynth.cli import main

    def interrupt(arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(main, "run", interrupt)
    with pytest.raises(SystemExit) as stop:
        entry.main()
    assert stop.value.code == 130
    assert capsys.readouterr().err == "petsynth: interrupted; nothing was done\n"


def test_another_runtime_error_is_a_defect_that_shows(command):
    command(raising(RuntimeError("shapes differ")))
    with pytest.raises(RuntimeError, match="shapes differ"):
        run(["demo"])


def test_debug_shows_the_traceback(command):
    command(raising(InputError("a.nii: no such file")))
    with pytest.raises(InputError):
        run(["demo", "--debug"])


def test_a_bug_is_not_dressed_up(command):
    command(raising(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        run(["demo"])


def test_sigterm_is_like_an_interruption(command, capsys):
    cleaned = []

    def action(args):
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            threading.Event().wait(10)
        finally:
            cleaned.append(True)

    before = signal.getsignal(signal.SIGTERM)
    command(action)
    assert run(["demo"]) == 143
    assert cleaned == [True]
    assert "terminated; no half-written file" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGTERM) is before


def test_commands_run_in_other_threads_too(command):
    command(lambda args: None)
    statuses = []
    thread = threading.Thread(target=lambda: statuses.append(run(["demo"])))
    thread.start()
    thread.join()
    assert statuses == [0]


def warn_twice(args):
    warnings.warn("the affine was assumed", PetsynthWarning, stacklevel=1)
    warnings.warn("numpy will change", FutureWarning, stacklevel=1)


def test_own_warnings_are_one_line_once_and_others_are_silent(command, capsys):
    command(lambda args: [warn_twice(args) for _ in range(2)])
    assert run(["demo"]) == 0
    assert capsys.readouterr().err == "petsynth: warning: the affine was assumed\n"


def test_debug_shows_the_warnings_of_others(command):
    command(warn_twice)
    with pytest.warns(FutureWarning, match="numpy will change"):
        assert run(["demo", "--debug"]) == 0


def test_module_and_command_exit_with_the_status():
    done = subprocess.run(
        [sys.executable, "-m", "petsynth", "pedict"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr == "petsynth: unknown command 'pedict'; did you mean 'predict'?\n"


@pytest.mark.parametrize("arguments", [["--help"], ["predict", "--help"], ["train", "--help"]])
def test_help_imports_nothing_heavy(arguments):
    """What keeps ``--help`` fast; its time is measured in ``benchmarks/``."""
    script = (
        "import sys; from petsynth.cli.main import run; run(sys.argv[1:]); "
        "heavy = {'torch', 'nibabel', 'nilearn', 'scipy', 'sklearn', 'matplotlib', 'pandas', "
        "'SimpleITK', 'lightning_fabric', 'transformers', 'monai', 'numpy'}; "
        "print('HEAVY', sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "HEAVY []"


def test_output_into_a_closed_pipe_is_no_error():
    done = subprocess.run(
        f"{sys.executable} -m petsynth describe small/pix2pix-axial.toml | true; "
        "echo ${PIPESTATUS[0]}",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout == "141\n"
