"""The commands and the example of docs/measure.md, carried out on small images."""

import json
import re
import shlex
from pathlib import Path

import nibabel as nib
import numpy as np

from petsynth.cli.main import run

PAGE = Path(__file__).parents[1] / "docs" / "measure.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)


def write(path: Path, data: np.ndarray) -> None:
    path.parent.mkdir(exist_ok=True)
    nib.save(nib.Nifti1Image(data.astype(np.float32), np.eye(4)), path)


def test_commands_and_example_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for number in (1, 2):
        pet = rng.random((16, 16, 16))
        write(Path(f"references/sub-{number}_pet.nii.gz"), pet)
        write(Path(f"synthetics/sub-{number}_desc-synth_pet.nii.gz"), pet + 0.1)
        write(Path(f"masks/sub-{number}_desc-brain_mask.nii.gz"), np.ones(pet.shape))
    write(Path("reference.nii.gz"), pet)
    write(Path("synthetic.nii.gz"), pet + 0.1)
    Path("pairs.tsv").write_text("reference\tsynthetic\nreference.nii.gz\tsynthetic.nii.gz\n")
    commands = [line for block in blocks("sh") for line in block.splitlines()]
    assert len(commands) == 3
    for command in commands:
        assert run(shlex.split(command)[1:]) == 0, capsys.readouterr().err
    assert len(json.loads(Path("measured/measure.json").read_text())["pairs"]) == 2
    (example,) = blocks("python")
    exec(example, {})
    assert "2.5" in capsys.readouterr().out
