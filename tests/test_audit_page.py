"""The commands of docs/audit.md, carried out on phantoms; its messages are those of the program."""

import re
import shlex
import shutil
from pathlib import Path

from petsynth.cli.main import run

PAGE = Path(__file__).parents[1] / "docs" / "audit.md"


def test_commands_run(tiny_prepared, tiny_runs, tmp_path, monkeypatch, capsys):
    """All but the pretrained model's: phantoms have none."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(tiny_prepared, "prepared")
    shutil.copytree(tiny_runs[0], "runs/axial")
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    commands = [line.replace(" petsynth-fdg", "") for text in blocks for line in text.splitlines()]
    assert len(commands) == 4
    for command in commands:
        assert run(shlex.split(command)[1:]) == 0, capsys.readouterr().err
    assert "Leakage audit of 7 scans (labels, participants.tsv, images)" in capsys.readouterr().out
