"""The commands of docs/adapt.md, carried out at small size."""

import re
import shlex
from pathlib import Path

from petsynth.cli import evaluate, train
from petsynth.systems.phantoms import write_phantoms

PAGE = Path(__file__).parents[1] / "docs" / "adapt.md"
SMALL = (
    "--data.padded-size 32 --data.slices 3 --data.slabs-per-volume 8 --data.shuffled-volumes 2"
    " --generator.filters 8 --generator.max-filters 8 --generator.levels 2"
    " --training.max-steps 4 --training.workers 0 --threads 1"
)


def commands() -> dict[str, list[str]]:
    lines = [
        line
        for block in re.findall(r"```sh\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
        for line in block.splitlines()
        if line.startswith("petsynth ")
    ]
    return {shlex.split(line)[1]: shlex.split(line)[2:] for line in lines}


def test_commands_of_the_page_run(tmp_path, monkeypatch):
    """Pairs stand in for a site's; the model started from is one of the same small size."""
    monkeypatch.chdir(tmp_path)
    write_phantoms(Path("prepared"), {"train": 4, "test": 2})
    small = SMALL.split()
    words = commands()["train"]
    scratch = ["petsynth-fdg.toml", "--data", "prepared", "--out", "petsynth-small", *small]
    train.run(train.parse(scratch))
    adapted = [word.replace("petsynth-fdg", "petsynth-small") if word == "petsynth-fdg" else word
               for word in words]  # fmt: skip
    assert adapted[-2:] == ["--from", "petsynth-small"]
    train.run(train.parse([*adapted, *small]))
    evaluate.run(evaluate.parse([*commands()["evaluate"], "--threads", "1"]))
    report = Path("evaluation/report.html").read_text()
    assert "baseline-population-pet" in report


def test_the_page_names_the_commands_of_the_whole_way():
    assert list(commands()) == ["prepare", "train", "evaluate", "predict"]
