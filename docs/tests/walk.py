"""Type every command of the documentation as a new user would, each page in an empty folder.

    python docs/tests/walk.py OUT [PAGE ...]        # make walk: in an environment of its own

petsynth is that of the Python that runs this. What a page takes for granted (``my_bids``,
``my_T1.nii.gz``, a trained run) is simulated at a few millimetres and put there when it is named,
and trainings are cut to a few steps. What cannot be typed here is listed with the reason.
``OUT/walk.tsv`` has a row for each command.
"""

from __future__ import annotations

import argparse
import csv
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from stand_ins import StandIns, given_in

DOCS = Path(__file__).resolve().parents[1]
ROOT = DOCS.parent
MINUTES = 30
"""Longest time for one command."""
NOT_TYPED = {
    r"^(make|docker|apptainer) ": "needs the repository, a daemon or a builder",
    r"\bpip install\b|^python3 -m venv": "installs: done before the walk",
    r"^sbatch ": "needs Slurm; the petsynth commands in it are those of other pages",
    r"^clinica ": "another program, which needs the archive's data",
    r"^(\w+=(\"[^\"]*\"|\S+) )*(experiments/|python (benchmarks|tools)/)": "needs the repository, "
    "development data or hours",
    r"^petsynth classify evaluation ": "needs five people of each diagnosis; tests/cli has them",
    r"^echo .*bashrc|^source .*activate": "changes the shell",
    r"--devices 4": "needs four GPUs",
    r"^petsynth demo": "minutes; tests/cli/test_demo.py runs it",
    r"^petsynth simulate .*--labels-from": "needs real T1s with segmentations",
    r"^petsynth (prepare|train) .*(ixi/split|configs/|split\.tsv)": "the same study as above",
    r"^petsynth classify fold-1|--withhold|prepared-fdg|OUT/": "the same study as above",
    r"--tls-certificate": "needs a certificate; tests/viewer/test_security.py makes one",
    r"^petsynth rate .*--results": "nobody has answered; tests/reader_study has answers",
    r"^petsynth train .*--from ": "tests/test_adapt_page.py runs it at small size",
    r"adapted": "the model of the training that was not run",
}
"""What is not typed, and why."""
SERVERS = r"^petsynth (view|rate) (?!.*--results)"
"""What goes on until it is stopped."""
SMALL = "--data.padded-size 48 --generator.levels 3 --generator.filters 4 --discriminator.filters 4"
CUT = {
    "pix2pix": f"{SMALL} --training.max-steps 4",
    "medgan": f"{SMALL} --training.max-steps 4 --extractor.steps 2",
    "pet-bridge": "--training.max-steps 2",
    "ganbert": "--data.frames 1 --training.max-steps 2",
}
"""What trainings are cut to, by the beginning of the configuration's name."""
TRUE_MASKS = "derivatives/truth"


@dataclass(frozen=True)
class Command:
    """A line of a page, or a block of Python or TOML.

    Parameters
    ----------
    page : str
        Its name.
    text : str
        As it stands there.
    language : {"sh", "cell", "python", "toml"}
        How it is typed: a cell of a table in a folder of its own, since cells are alternatives;
        TOML is saved as ``study.toml``.
    """

    page: str
    text: str
    language: str = "sh"

    @property
    def reason(self) -> str:
        """Why it is not typed; empty if it is."""
        found = [why for what, why in NOT_TYPED.items() if re.search(what, self.text)]
        return found[0] if found else ""


def pages() -> list[Path]:
    """Return the pages with commands, in the order in which a reader meets them."""
    nav = re.findall(r"(\S+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"), flags=re.MULTILINE)
    found = [ROOT / "README.md", *(DOCS / name for name in nav)]
    return [page for page in found if page.is_file() and commands_of(page)]


def commands_of(page: Path) -> list[Command]:
    """Return what a page asks to be typed, in its order."""
    text = page.read_text(encoding="utf-8")
    name = page.relative_to(DOCS if page.is_relative_to(DOCS) else ROOT).as_posix()
    found: list[Command] = []
    scripts: list[str] = []
    for language, block in re.findall(r"^```(\w+)\n(.*?)^```", text, flags=re.DOTALL | re.M):
        if language in ("sh", "console"):
            lines = block.replace("\\\n", " ").splitlines()
            typed = [
                " ".join(re.split(r"\s#\s", line)[0].split()) for line in lines if line.strip()
            ]
            found += [Command(name, line) for line in typed]
        elif language == "python" and name not in TESTED:
            scripts.append(block)
            found.append(Command(name, "".join(scripts), "python"))
        elif language == "toml" and "readers = " in block:
            found.insert(len(found) if scripts else 0, Command(name, block, "toml"))
    cells = re.findall(r"^\| .*\| `(petsynth [^`]+)`", text, flags=re.MULTILINE)
    return found + [Command(name, cell, "cell") for cell in cells if " --out " in cell]


TESTED = {"path-of-one-image.md": "tests/test_docs.py", "add-a-system.md": "tests/systems"}
"""Pages whose Python the fast tests run as it stands."""


def adapted(command: str) -> str:
    """Return a command that does the same in less time."""
    words = shlex.split(command)
    if words[:1] != ["petsynth"]:
        return command
    if words[1] == "train" and "--help" not in words:
        stem = Path(words[2]).name
        words[2] = f"small/{stem}" if not words[2].startswith("small/") else words[2]
        words += next((cut.split() for name, cut in CUT.items() if stem.startswith(name)), [])
    if words[1] == "prepare":
        words = _without(words, "--voxel-mm", "--test", "--frames", "--nprocs")
        voxel = "8" if "paper-b" in words else "6"
        words += ["--voxel-mm", voxel, "--test", "1", "--skip-bids-validation"]
        if words[2] == "my_bids" and "AV45" in words:
            words[2] = "my_bids_av45"
    if words[1] == "evaluate" and "my_bids" not in words:  # the pretrained model needs 2 mm
        words = ["runs/axial" if word == "petsynth-fdg" else word for word in words]
    if words[1] == "predict":
        words = _without(words, "--nprocs")
    if words[1] == "simulate":
        words = _without(words, "--subjects", "--voxel-mm", "--pet-voxel-mm", "--nprocs")
        words += ["--subjects", "6", "--voxel-mm", "4", "--pet-voxel-mm", "4"]
    if words[1] == "view":
        words.append("--no-browser")
    if words[1] == "send-dicom":
        words[3] = StandIns.ARCHIVE
    # A pattern stays one: the shell is to find the files.
    return " ".join(word if "*" in word else shlex.quote(word) for word in words)


def _without(words: list[str], *options: str) -> list[str]:
    """Return words without some options of one value."""
    kept = list(words)
    for option in options:
        if option in kept:
            place = kept.index(option)
            del kept[place : place + 2]
    return kept


def walk(out: Path, chosen: list[Path]) -> int:
    """Type the commands of pages, and return how many failed."""
    out.mkdir(parents=True)
    stand_ins = StandIns(out / "given")
    failed = 0
    with open(out / "walk.tsv", "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, delimiter="\t")
        table.writerow(["page", "command", "result", "seconds"])
        for page in chosen:
            folder = out / page.stem
            folder.mkdir()
            for command in commands_of(page):
                start = time.monotonic()
                result = type_command(command, folder, stand_ins)
                failed += result.startswith("FAILED")
                shown = command.text.strip().replace("\n", "; ")
                table.writerow([command.page, shown, result, f"{time.monotonic() - start:.0f}"])
                file.flush()
                print(f"{command.page}: {shown[:90]}\n    {result}", flush=True)
    return failed


def type_command(command: Command, folder: Path, stand_ins: StandIns) -> str:
    """Type a command in a folder, and return ``ran``, or what went wrong, or why it was not typed.

    Parameters
    ----------
    command : Command
        What a page says.
    folder : Path
        Of the page; made anew for each.
    stand_ins : StandIns
        What pages take for granted.
    """
    if command.reason:
        return f"not typed: {command.reason}"
    if command.language == "toml":
        (folder / "study.toml").write_text(command.text, encoding="utf-8")
        stand_ins.put("cases.tsv", folder)
        return "saved as study.toml"
    if command.language == "cell":
        folder = folder / f"cell-{len(list(folder.glob('cell-*')))}"
        folder.mkdir()
    text = command.text if command.language == "python" else adapted(command.text)
    for name in given_in(text):
        stand_ins.put(name, folder)
    if again := re.match(r"petsynth simulate (\S+)", text):  # another way to make the same cohort
        shutil.rmtree(folder / again[1], ignore_errors=True)
    prepared = re.search(r"prepare (my_bids\w*)", text)
    if prepared and (folder / prepared[1] / TRUE_MASKS).is_dir():
        text += f" --masks {prepared[1]}/{TRUE_MASKS}"  # spares the search for brains
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg", "COLUMNS": "100"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    words = ["bash", "-c", text]
    if command.language == "python":
        words = [sys.executable, "-c", f"{StandIns.PYTHON}\n{text}"]
    options = {"cwd": folder, "env": environment, "text": True, "stderr": subprocess.STDOUT}
    if re.search(SERVERS, command.text):
        return _serve(words, options)
    with stand_ins.archive(command.text):
        try:
            done = subprocess.run(
                words, stdout=subprocess.PIPE, timeout=60 * MINUTES, check=False, **options
            )
        except subprocess.TimeoutExpired:
            return f"FAILED: did not end within {MINUTES} minutes"
    if done.returncode:
        last = " | ".join(done.stdout.strip().splitlines()[-3:])
        return f"FAILED ({done.returncode}): {last}"
    return "ran"


def _serve(words: list[str], options: dict[str, object]) -> str:
    """Start a server, wait for the address that it prints, and stop it."""
    with subprocess.Popen(words, stdout=subprocess.PIPE, **options) as server:  # type: ignore[call-overload]
        said = []
        for line in server.stdout:
            said.append(line.strip())
            if re.search(r"https?://", line):
                break
        server.terminate()
        server.wait()
    return "ran" if "://" in " ".join(said) else f"FAILED: no address: {' | '.join(said[-3:])}"


def main() -> None:
    """Walk through all pages, or some."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", type=Path, help="new folder")
    parser.add_argument("pages", nargs="*", help="names, such as inputs.md; all if left out")
    options = parser.parse_args()
    known = {page.name: page for page in pages()}
    if unknown := set(options.pages) - known.keys():
        sys.exit(f"walk: no commands in {', '.join(sorted(unknown))}")
    if options.out.exists():
        sys.exit(f"walk: {options.out} is there already; name a new folder")
    if shutil.which("petsynth", path=str(Path(sys.executable).parent)) is None:
        sys.exit("walk: petsynth is not installed beside this Python")
    failed = walk(options.out.resolve(), [known[name] for name in options.pages or known])
    print(f"{failed} failed; {options.out / 'walk.tsv'}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
