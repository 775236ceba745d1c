"""What keeps the house in order: layers, options, shipped files, a fresh clone."""

import ast
import importlib.util
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import nibabel as nib
import numpy as np
import pytest

from petsynth.cli.main import COMMANDS
from petsynth.config import load_config, shipped_configs
from petsynth.systems.registry import RENAMED_SYSTEMS, system_names

ROOT = Path(__file__).resolve().parents[1]
SNAPSHOT = Path(__file__).parent / "snapshots" / "options.txt"


def test_layers_import_only_what_stands_below_them():
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def code_literals(path: Path) -> list[str]:
    """Return the strings of a module that are no documentation."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said
    ]


def modules_outside_systems() -> list[Path]:
    modules = (ROOT / "src").rglob("*.py")
    return sorted(each for each in modules if "systems" not in each.parts)


def test_no_module_outside_systems_names_a_system():
    """Not the names either that earlier versions had."""
    names = {*system_names(), *RENAMED_SYSTEMS, "pix2pix", "pix2pix3d"}
    word = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, names))})(?![\w-])")
    found = {
        str(path.relative_to(ROOT)): text
        for path in modules_outside_systems()
        for text in code_literals(path)
        if word.search(text)
    }
    assert found == {}


def test_no_module_asks_which_configuration_it_has():
    """An isinstance would not know the next system; the interface of a system answers."""
    asked = re.compile(r"isinstance\([^)]*(config|Config)")
    found = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "src").rglob("*.py"))
        if asked.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_no_module_is_longer_than_400_lines():
    modules = (ROOT / "src").rglob("*.py")
    lines = {path: path.read_text(encoding="utf-8").count("\n") for path in modules}
    assert [str(path.relative_to(ROOT)) for path, count in lines.items() if count > 400] == []


def test_no_import_cycle_even_for_the_type_checker():
    """Nor through imports inside functions."""
    graph = grimp.build_graph("petsynth", exclude_type_checking_imports=False, cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert list(TopologicalSorter(imports).static_order())


def options_of(*words: str) -> list[str]:
    """Return a command's options as its help shows them, with their values."""
    done = subprocess.run(
        [sys.executable, "-m", "petsynth", *words, "--help-all"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"COLUMNS": "120", "NO_COLOR": "1"},
    )
    text = done.stdout.split("\nexamples:")[0]
    lines = re.findall(r"^  (\S.*)$", text, flags=re.MULTILINE)
    return [re.split(r"\s{2,}", line)[0] for line in lines]


def one_configuration_of_each_kind() -> list[str]:
    """Return names of shipped configurations whose options differ."""
    name_of: dict[type, str] = {}
    for name in shipped_configs():
        name_of.setdefault(type(load_config(name)), name)
    return list(name_of.values())


def test_options_are_those_of_the_snapshot():
    """Renew it with ``PETSYNTH_RENEW_SNAPSHOTS=1``, and tell users in the changelog."""
    blocks = {f"petsynth {command}": options_of(command) for command in COMMANDS}
    for name in one_configuration_of_each_kind():
        train, describe = (options_of(command, name) for command in ("train", "describe"))
        assert train == describe
        blocks[f"petsynth train {name} (and describe), beside its own"] = train
    now = "\n".join(
        "\n".join([command, *(f"  {option}" for option in options)])
        for command, options in blocks.items()
    )
    if os.environ.get("PETSYNTH_RENEW_SNAPSHOTS"):
        SNAPSHOT.write_text(now + "\n")
    assert now + "\n" == SNAPSHOT.read_text()


def test_constraints_fit_every_machine():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", pin) for pin in pins)
    assert "torch==2.13.0" in pins
    assert not [pin for pin in pins if "nvidia" in pin or "petsynth" in pin]


def test_ci_runs_make():
    script = (ROOT / ".ci" / "run").read_text()
    assert "set -euo pipefail" in script
    assert re.search(r"^make .*\btest$", script, flags=re.MULTILINE)
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


@pytest.mark.parametrize("target", ["demo", "test", "check", "bench", "docs"])
def test_make_has_its_targets(target):
    command = ["make", "--dry-run", target]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


SCRIPTS = sorted([*(ROOT / "benchmarks").glob("*.py"), *(ROOT / "tools").glob("*.py")])


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_find_what_they_import(script, monkeypatch):
    monkeypatch.syspath_prepend(script.parent)  # as when it is run
    runpy.run_path(str(script), run_name="imported")


@pytest.fixture(scope="module")
def refuse():
    """Return the pre-commit hook's function."""
    spec = importlib.util.spec_from_file_location("hook", ROOT / ".ci" / "refuse_patient_data.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.reason_to_refuse


def nifti(path):
    nib.save(nib.Nifti1Image(np.ones((2, 2, 2)), np.eye(4)), path.with_suffix(".nii.gz"))
    path.with_suffix(".nii.gz").rename(path)


REFUSED = {
    "sub-01_T1w.nii.gz": (lambda path: path.write_text(""), "name"),
    "SCAN.DCM": (lambda path: path.write_text(""), "name"),
    "brain.mgz": (lambda path: path.write_text(""), "name"),
    "renamed.bin": (nifti, "content"),
    "IM0001": (lambda path: path.write_bytes(bytes(128) + b"DICM" + bytes(99)), "content"),
    "weights.bin": (lambda path: path.write_bytes(bytes(1_000_001)), "1,000,001 bytes"),
    "notes.md": (lambda path: path.write_text("hello"), None),
    "broken.gz": (lambda path: path.write_bytes(b"\x1f\x8bbroken"), None),
}


@pytest.mark.parametrize("name", REFUSED)
def test_patient_data_are_refused(refuse, tmp_path, name):
    make, reason = REFUSED[name]
    make(tmp_path / name)
    found = refuse(tmp_path / name)
    assert found is None if reason is None else reason in found


def test_no_scan_and_no_large_file_is_tracked(refuse):
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listing.returncode:
        pytest.skip("not a git checkout")
    refused = [name for name in listing.stdout.split("\0") if name and refuse(ROOT / name)]
    assert refused == []


# What is added to the README's commands so that each takes seconds.
TINY = {
    "prepare": "--masks my_bids/derivatives/truth --test 2",
    "train": "--generator.filters 4 --discriminator.filters 4 --training.max-steps 2",
    "predict": "--masks new_mask.nii.gz",
    "evaluate": "",
}


def readme_commands() -> list[str]:
    """Return the README's ``petsynth`` commands on one's own data, in order."""
    readme = (ROOT / "README.md").read_text()
    section = readme.split("## Train and evaluate on your own PET")[1].split("\n## ")[0]
    (block, *_) = re.findall(r"```sh\n(.*?)```", section, flags=re.DOTALL)
    return [line.strip() for line in block.splitlines() if line.startswith("petsynth ")]


def test_readme_commands_are_understood(monkeypatch):
    """Every command of the README parses; the slow test below runs them."""
    assert len(readme_commands()) >= 4
    for line in readme_commands():
        _, command, *words = shlex.split(line, comments=True)
        importlib.import_module(f"petsynth.cli.{command}").parse(words)


@pytest.mark.slow
@pytest.mark.network
def test_fresh_clone_runs_readme_commands(tmp_path):
    """A clone in an empty environment installs itself and carries out the README's commands."""
    clone = tmp_path / "petsynth"
    subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
    kept = {name: os.environ[name] for name in os.environ if name.startswith("PIP_")}
    environment = kept | {
        "PATH": f"{Path(shutil.which('python3')).parent}:/usr/bin:/bin",
        "HOME": str(Path.home()),
        "OMP_NUM_THREADS": "1",
    }

    def shell(command: str) -> None:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=clone,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"

    shell("make install")
    shell(
        ".venv/bin/petsynth simulate my_bids --subjects 6 --voxel-mm 4 --pet-voxel-mm 5 "
        "&& cp my_bids/sub-001/anat/sub-001_T1w.nii.gz new_T1.nii.gz "
        "&& cp my_bids/derivatives/truth/sub-001/anat/*_mask.nii.gz new_mask.nii.gz"
    )
    for line in readme_commands():
        _, command, *_ = shlex.split(line)
        shell(f".venv/bin/{line.partition('#')[0]} {TINY[command]}")
    assert (clone / "evaluation" / "report.html").is_file()
    assert list((clone / "predictions").rglob("*_desc-synth_pet.nii.gz"))
    shell("make demo")
    assert (clone / "petsynth-demo" / "evaluation" / "summary.json").is_file()
