"""Tab completion in bash, with the script that ``petsynth completion bash`` prints."""

import os
import shutil
import subprocess
import sys

import pytest

from petsynth.cli.completion import ZSH
from petsynth.cli.main import COMMANDS, run


@pytest.fixture(scope="module")
def complete(tmp_path_factory):
    """Return a function that completes the last of some words."""
    script = tmp_path_factory.mktemp("completion") / "petsynth.sh"
    done = subprocess.run(
        [sys.executable, "-m", "petsynth", "completion", "bash"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    script.write_text(done.stdout)

    def answer(*words):
        command = (
            f'source {script}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _petsynth; '
            'printf "%s\\n" "${COMPREPLY[@]}"'
        )
        done = subprocess.run(
            ["bash", "-c", command, "bash", *words],
            capture_output=True,
            text=True,
            check=True,
            cwd=script.parent,
        )
        return done.stdout.split()

    return answer


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["petsynth", "pre"], ["prepare", "predict"]),
        (["petsynth", ""], [*COMMANDS, "--help", "--version"]),
        (["petsynth", "predict", "--mo"], ["--model"]),
        (["petsynth", "predict", "--model", "petsynth-a"], ["petsynth-av1451", "petsynth-av45"]),
        (["petsynth", "train", "c.toml", "--from", "petsynth-f"], ["petsynth-fdg"]),
        (["petsynth", "train", "c.toml", "--from", "L"], []),
        (["petsynth", "simulate", "o", "--tracer", "A"], ["AV45", "AV1451"]),
        (["petsynth", "train", "small/pix2pix-ax"], ["small/pix2pix-axial.toml"]),
        (["petsynth", "train", "c.toml", "--bert.la"], ["--bert.layers"]),
        (["petsynth", "prepare", "b", "o", "--no-"], ["--no-motion"]),
        (["petsynth", "predict", "pets"], ["petsynth.sh"]),
    ],
)
def test_words_are_completed(complete, words, found):
    assert complete(*words) == found


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
@pytest.mark.parametrize("before", ["", "autoload -Uz compinit && compinit -u"])
def test_zsh_knows_the_command(tmp_path, capsys, before):
    assert run(["completion", "zsh"]) == 0
    script = f"{before}\n{capsys.readouterr().out}\nprint -r -- ${{_comps[petsynth]}}"
    done = subprocess.run(
        ["zsh", "-f", "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"HOME": str(tmp_path)},
    )
    assert "_petsynth" in done.stdout
    assert done.stderr == ""


def test_zsh_takes_the_same(capsys):
    assert run(["completion", "zsh"]) == 0
    zsh = capsys.readouterr().out
    assert run(["completion", "bash"]) == 0
    assert zsh == ZSH + capsys.readouterr().out
