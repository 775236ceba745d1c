"""Fixtures that many tests share."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import joblib
import pytest

from petsynth.data.prepared import PreparedData
from petsynth.io.bids.metadata import write_table
from petsynth.io.text import read_table
from petsynth.preprocessing.pet import registration as pet_registration
from petsynth.preprocessing.registration.rigid import register_rigid
from petsynth.preprocessing.t1 import alignment as t1_alignment
from petsynth.systems.phantoms import write_phantoms

SHARED = Path(__file__).resolve().parents[2] / "shared"
"""Development data beside the checkout; see CONTRIBUTING.md."""
DASK_PATIENCE_S = 300
"""How long Dask's processes may take to find each other."""


@pytest.fixture(scope="session", autouse=True)
def interruptible():
    """Let Ctrl-C interrupt, also where the tests were started in the background of a shell."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def each_registration_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Compute the rigid registration of the same images once for all tests; it draws nothing.

    Tests of the registration itself call it directly, and commands in processes of their own do
    without.
    """
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # of all workers
    register = joblib.Memory(folder / "registrations", verbose=0).cache(register_rigid)
    with (
        mock.patch.object(t1_alignment, "register_rigid", register),
        mock.patch.object(pet_registration, "register_rigid", register),
    ):
        yield


@pytest.fixture
def shared() -> Path:
    """Return the folder of development data, or skip."""
    if not (SHARED / "data").is_dir():
        pytest.skip(f"needs the development data in {SHARED}")
    return SHARED


@pytest.fixture
def ixi(shared: Path) -> Path:
    """Return the folder of real T1s with labels, or skip."""
    return shared / "data" / "ixi"


@pytest.fixture(scope="session")
def tiny_prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return prepared data of seven phantoms: 4 training, 1 validation, 2 test; 21 x 25 x 21."""
    return write_phantoms(
        tmp_path_factory.mktemp("tiny") / "prepared",
        {"train": 4, "validation": 1, "test": 2},
    )


@pytest.fixture(scope="session")
def tiny_volumes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return data of six phantoms prepared for paper B: PET 2 x 14 x 12 x 12, T1 39^3."""
    return write_phantoms(
        tmp_path_factory.mktemp("volumes") / "prepared",
        {"train": 3, "validation": 1, "test": 2},
        frames=2,
        voxel_mm=13.0,
        is_conformed=True,
    )


@pytest.fixture(scope="session")
def tiny_run(tiny_prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run folder with an untrained little generator for `tiny_prepared`."""
    return make_run(tmp_path_factory.mktemp("tiny") / "axial", tiny_prepared)


@pytest.fixture(scope="session")
def told_run(tiny_prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run folder of a little unet25d that age and amyloid status make a difference to."""
    content = {
        "system": "unet25d",
        "data": {"slices": 3, "padded_size": 32, "covariates": ["age", "amyloid"]},
        "generator": {"filters": 8, "max_filters": 8, "levels": 2},
    }

    def teach(generator: Any) -> None:
        for block in generator.modulation.blocks:
            block.weight.normal_(0, 0.3)

    return write_run(tmp_path_factory.mktemp("told") / "run", tiny_prepared, content, teach)


@pytest.fixture(scope="session")
def tiny_volume_run(tiny_volumes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run folder of an untrained little GANBERT for `tiny_volumes`."""
    return make_volume_run(tmp_path_factory.mktemp("volumes") / "ganbert", tiny_volumes)


def make_run(
    folder: Path,
    prepared: Path,
    planes: tuple[str, ...] = ("axial",),
    *,
    seed: int = 0,
    system: str = "pix2pix-axial",
    intensity: str = "float",
) -> Path:
    """Write a run folder whose generator has starting weights, for slices of up to 32 pixels."""
    content = {
        "system": system,
        "seed": seed,
        "data": {"padded_size": 32, "planes": planes, "intensity": intensity},
        "generator": {"filters": 4, "levels": 3, "dropout_levels": 2},
    }
    return write_run(folder, prepared, content)


@pytest.fixture
def make_tiny_run() -> Callable[..., Path]:
    """Return the function that writes a run folder of an untrained little generator."""
    return make_run


def make_volume_run(folder: Path, prepared: Path, system: str = "ganbert") -> Path:
    """Write a run folder of a system of paper B whose generator has starting weights."""
    data = PreparedData(prepared)
    content = {
        "system": system,
        "data": {"voxel_mm": data.grid.voxel_mm[0], "frames": data.frames},
        "generator": {"filters": 4, "levels": 2},
        "cnn": {"filters": 4, "layers": 2},
    }
    return write_run(folder, prepared, content)


def write_run(
    folder: Path,
    prepared: Path,
    content: dict,
    teach: Callable[[Any], object] = lambda generator: None,
) -> Path:
    """Write a run folder whose generator has starting weights, after ``teach`` changed them."""
    import torch

    from petsynth.config import config_to_toml, parse_config
    from petsynth.io.atomic import write_json, write_text
    from petsynth.systems.registry import build_system
    from petsynth.training.model_card import write_model
    from petsynth.training.run_folder import identify_data

    data, config = PreparedData(prepared), parse_config(content)
    system = build_system(config)
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        generator = system.build_generator()
        with torch.no_grad():
            teach(generator)
    write_text(folder / "config.toml", config_to_toml(config))
    write_model(folder / "model.safetensors", generator, system, data, steps=0)
    write_json(folder / "data.json", identify_data(data))
    return folder


@pytest.fixture(scope="session")
def volumes_evaluation(tiny_volumes: Path, tmp_path_factory: pytest.TempPathFactory):
    """Return the evaluation of an untrained GANBERT and of pix2pix on slices, side by side."""
    from petsynth.evaluation.domains import MetricSettings
    from petsynth.evaluation.evaluate import evaluate
    from petsynth.evaluation.models import load_models

    data, folder = PreparedData(tiny_volumes), tmp_path_factory.mktemp("both-papers")
    runs = [
        make_volume_run(folder / "ganbert", tiny_volumes),
        make_run(folder / "axial", tiny_volumes),
    ]
    return evaluate(
        load_models(runs, data, "test"),
        data,
        tmp_path_factory.mktemp("predicted-volumes"),
        settings=MetricSettings(pet_scale=2.0, data_range=2.5, unit="SUVR", tracer="FDG"),
    )


@pytest.fixture(scope="session")
def tiny_runs(tiny_prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return three run folders: the axial system from two seeds, and the augmented one."""
    folder = tmp_path_factory.mktemp("runs")
    planes = ("axial", "coronal", "sagittal")
    return [
        make_run(folder / "axial-0", tiny_prepared),
        make_run(folder / "axial-1", tiny_prepared, seed=1),
        make_run(
            folder / "augmented",
            tiny_prepared,
            planes,
            system="pix2pix-augmented",
            intensity="uint8-jpeg",
        ),
    ]


@pytest.fixture(scope="session")
def tiny_evaluation(
    tiny_prepared: Path, tiny_runs: list[Path], tmp_path_factory: pytest.TempPathFactory
):
    """Return the evaluation of `tiny_runs` on the two test subjects of `tiny_prepared`."""
    from petsynth.evaluation.domains import MetricSettings
    from petsynth.evaluation.evaluate import evaluate
    from petsynth.evaluation.models import load_models

    data = PreparedData(tiny_prepared)
    return evaluate(
        load_models(tiny_runs, data, "test"),
        data,
        tmp_path_factory.mktemp("predicted"),
        settings=MetricSettings(pet_scale=2.0, data_range=2.5, unit="SUVR", tracer="FDG"),
    )


@pytest.fixture
def visits(tmp_path) -> Path:
    """Return prepared data of 3 + 2 + 3 scans: 2 training, 1 validation and 2 test participants.

    sub-1 (training), sub-3 (validation) and sub-4 (test) have two visits each.
    """
    folder = write_phantoms(tmp_path / "visits", {"train": 3, "validation": 2, "test": 3})
    names = ("1_ses-a", "1_ses-b", "2_ses-a", "3_ses-a", "3_ses-b", "4_ses-a", "4_ses-b", "5")
    return as_visits(folder, {f"sub-00{n}": f"sub-{name}" for n, name in enumerate(names, 1)})


@pytest.fixture
def make_prepared() -> Callable[..., Path]:
    """Return the function that writes prepared data of phantoms: see `write_phantoms`."""
    return write_phantoms


def as_visits(folder: Path, names: dict[str, str]) -> Path:
    """Rename subjects of prepared data, so that some become visits of one participant.

    Parameters
    ----------
    folder : Path
        From `write_phantoms`.
    names : dict of str to str
        Old name -> new one, such as ``sub-01_ses-m12``, of all subjects.
    """
    table = read_table(folder / "split.tsv")
    for old, new in names.items():
        for path in sorted((folder / "arrays").glob(f"{old}_*.npy")):
            path.rename(path.with_name(path.name.replace(old, new)))
    parts = [names[old].partition("_") for old in table["participant_id"]]
    table["participant_id"] = [label for label, _, _ in parts]
    table.insert(1, "session_id", [session or "n/a" for _, _, session in parts])
    write_table(folder / "split.tsv", table)
    assert PreparedData(folder).participants() == list(names.values())
    return folder


def _wait_for(log: Path, pattern: str, count: int = 1) -> list[str]:
    """Return what matches in a log, once it does so often enough."""
    end = time.monotonic() + DASK_PATIENCE_S
    while time.monotonic() < end:
        found = re.findall(pattern, log.read_text())
        if len(found) >= count:
            return found
        time.sleep(0.2)
    raise AssertionError(log.read_text())


@pytest.fixture
def cluster(tmp_path):
    """Return a Dask scheduler's address and two workers, each a process of its own."""
    pytest.importorskip("distributed")
    log = tmp_path / "scheduler.log"
    module = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
    options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
    root = str(Path(__file__).resolve().parents[1])  # scheduler and workers import this test
    paths = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    common = {"cwd": tmp_path, "env": os.environ | {"PYTHONPATH": paths}}
    processes = []
    try:
        with open(log, "wb") as file:
            processes.append(subprocess.Popen([*module, *options], stderr=file, **common))
        address = _wait_for(log, r"Scheduler at:\s+(tcp://127\.0\.0\.1:\d+)")[0]
        worker = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1"]
        worker += ["--no-nanny", "--no-dashboard", "--death-timeout", str(DASK_PATIENCE_S)]
        for _ in range(2):
            processes.append(subprocess.Popen(worker, stderr=subprocess.DEVNULL, **common))
        _wait_for(log, "Register worker", 2)
        yield address, processes[1:]
    finally:
        for process in processes:
            process.kill()
            process.wait()


@pytest.fixture
def shrinking_cluster(cluster, monkeypatch):
    """Return a cluster whose first worker is killed when a command has its first result."""
    from petsynth.log import Progress

    _, workers = cluster
    advance = Progress.advance

    def kill_the_first(*arguments, **options):
        workers[0].send_signal(signal.SIGKILL)
        return advance(*arguments, **options)

    monkeypatch.setattr(Progress, "advance", kill_the_first)
    return cluster


@pytest.fixture(scope="session")
def browser():
    """Return Debian's Chromium under Playwright, drawing with the CPU, or skip."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("needs Chromium")
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="needs Playwright: pip install 'petsynth[browser]'"
    )
    flags = ["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-sync"]
    flags += ["--disable-background-networking", "--disable-component-update"]
    flags += ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=found, args=flags)
        yield browser
        browser.close()
