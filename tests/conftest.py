"""Fixtures that many tests share."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from petsynth.data.prepared import PreparedData
from petsynth.io.bids.metadata import read_table, write_dataset_description, write_table
from petsynth.prepare.output_folder import write_description
from petsynth.prepare.records import write_array
from petsynth.preprocessing.grids import conformed_grid, model_grid, pet_grid
from petsynth.volume import Grid

SHARED = Path(__file__).resolve().parents[2] / "shared"
"""Development data beside the checkout; see CONTRIBUTING.md."""
DASK_PATIENCE_S = 300
"""How long Dask's processes may take to find each other."""


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
        paper_b=True,
    )


@pytest.fixture(scope="session")
def tiny_run(tiny_prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run folder with an untrained little generator for `tiny_prepared`."""
    return make_run(tmp_path_factory.mktemp("tiny") / "axial", tiny_prepared)


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
    return _write_run(folder, prepared, content)


def make_volume_run(folder: Path, prepared: Path, system: str = "ganbert") -> Path:
    """Write a run folder of a system of paper B whose generator has starting weights."""
    data = PreparedData(prepared)
    content = {
        "system": system,
        "data": {"voxel_mm": data.grid.voxel_mm[0], "frames": data.frames},
        "generator": {"filters": 4, "levels": 2},
        "cnn": {"filters": 4, "layers": 2},
    }
    return _write_run(folder, prepared, content)


def _write_run(folder: Path, prepared: Path, content: dict) -> Path:
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
    """Return prepared data of 3 + 2 + 3 scans: 2 training, 1 validation and 2 test people.

    sub-1 (training), sub-3 (validation) and sub-4 (test) have two visits each.
    """
    folder = write_phantoms(tmp_path / "visits", {"train": 3, "validation": 2, "test": 3})
    names = ("1_ses-a", "1_ses-b", "2_ses-a", "3_ses-a", "3_ses-b", "4_ses-a", "4_ses-b", "5")
    return as_visits(folder, {f"sub-00{n}": f"sub-{name}" for n, name in enumerate(names, 1)})


@pytest.fixture
def make_prepared() -> Callable[..., Path]:
    """Return the function that writes prepared data of phantoms: see `write_phantoms`."""
    return write_phantoms


def write_phantoms(
    folder: Path,
    split: dict[str, int],
    *,
    frames: int = 1,
    voxel_mm: float = 9.0,
    seed: int = 0,
    paper_b: bool = False,
) -> Path:
    """Write prepared data of lopsided two-tissue ellipsoids, alternately CN and AD.

    White matter is bright in the MRI, grey matter in the PET; a spot on the right in front is
    bright in both. The PET's level varies between subjects, invisibly to the MRI. For
    ``paper_b`` a T1 on the 256 mm cube is added, and the PET is on paper B's box.
    """
    random = np.random.default_rng(seed)
    grid = pet_grid(voxel_mm) if paper_b else model_grid(voxel_mm)
    cube = conformed_grid(voxel_mm) if paper_b else None
    parts = [part for part, count in split.items() for _ in range(count)]
    names = [f"sub-{number:03}" for number in range(1, len(parts) + 1)]
    for name in names:
        for kind, array in _phantom(grid, frames, random, cube).items():
            write_array(folder, name, kind, array)
    rows = zip(names, parts, ["CN", "AD"] * len(parts), strict=False)
    write_table(
        folder / "split.tsv", pd.DataFrame(rows, columns=["participant_id", "split", "diagnosis"])
    )
    write_table(folder / "participants.tsv", pd.DataFrame({"participant_id": names}))
    write_dataset_description(folder, "tiny phantoms", derivative=True, Simulated=True)
    write_description(
        folder,
        grid,
        t1_grid=cube,
        tracer="FDG",
        unit="SUVR",
        frames=frames,
        pet_scale=2.0,
        pet_scale_definition="chosen",
        simulated=True,
    )
    assert PreparedData(folder).participants() == names
    return folder


def as_visits(folder: Path, names: dict[str, str]) -> Path:
    """Rename subjects of prepared data, so that some become visits of one person.

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
    table["participant_id"] = [person for person, _, _ in parts]
    table.insert(1, "session_id", [session or "n/a" for _, _, session in parts])
    write_table(folder / "split.tsv", table)
    assert PreparedData(folder).participants() == list(names.values())
    return folder


def _phantom(
    grid: Grid, frames: int, random: np.random.Generator, cube: Grid | None
) -> dict[str, np.ndarray]:
    radii = random.uniform(0.9, 1.1, 3) * (65, 80, 60)
    white, mask, spot = _tissues(grid, radii)
    level = random.uniform(0.9, 1.1)
    noise_free = np.where(white, 0.6, np.where(mask, 1.4, 0.0)) + 0.3 * spot
    pet = level * noise_free[..., np.newaxis] * np.linspace(0.9, 1.1, frames + 2)[1:-1]
    pet = pet + random.normal(0, 0.02, pet.shape) * mask[..., np.newaxis]
    arrays = {
        "mri": _t1(white, mask, spot),
        "pet": pet.reshape(*grid.shape, *([frames] if frames > 1 else [])).astype(np.float32),
        "mask": mask,
        "noisefree": noise_free.astype(np.float32),
    }
    if cube is not None:
        arrays["t1"] = 127.5 * (_t1(*_tissues(cube, radii)) + 1)
    return arrays


def _tissues(grid: Grid, radii: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    voxels = np.indices(grid.shape).reshape(3, -1)
    x, y, z = (grid.affine[:3, :3] @ voxels + grid.affine[:3, 3:]).reshape(3, *grid.shape)
    radius = np.sqrt((x / radii[0]) ** 2 + ((y + 18) / radii[1]) ** 2 + ((z - 18) / radii[2]) ** 2)
    spot = (x - 30) ** 2 + (y - 15) ** 2 + (z - 25) ** 2 < 20**2
    return radius < 0.6, radius < 1, spot


def _t1(white: np.ndarray, mask: np.ndarray, spot: np.ndarray) -> np.ndarray:
    mri = np.where(white, 0.8, np.where(mask, 0.2, -1.0)) + 0.1 * spot
    return mri.astype(np.float32)


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
