"""Small prepared data of phantoms, on which the conformance test trains systems."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from petsynth.io.bids.metadata import write_dataset_description, write_table
from petsynth.prepare.output_folder import write_description
from petsynth.prepare.records import write_array
from petsynth.preprocessing.grids import conformed_grid, model_grid, pet_grid
from petsynth.volume import Grid


def write_phantoms(
    folder: Path,
    split: dict[str, int],
    *,
    frames: int = 1,
    voxel_mm: float = 9.0,
    seed: int = 0,
    is_conformed: bool = False,
    cut: int = 0,
) -> Path:
    """Write prepared data of lopsided two-tissue ellipsoids, alternately CN and AD.

    White matter is bright in the MRI, grey matter in the PET; a spot on the right in front is
    bright in both. The PET's level varies between subjects, invisibly to the MRI.

    Parameters
    ----------
    folder : Path
        Where to write.
    split : dict of str to int
        Subjects of each part.
    frames : int
        Of the PET.
    voxel_mm : float
        Edge of the PET's voxels.
    seed : int
        Of sizes, levels and noise.
    is_conformed : bool
        Whether the PET is on paper B's box and a T1 on its 256 mm cube is added.
    cut : int
        How many of the first subjects have a PET whose field of view ends within the brain.
    """
    random = np.random.default_rng(seed)
    grid = pet_grid(voxel_mm) if is_conformed else model_grid(voxel_mm)
    cube = conformed_grid(voxel_mm) if is_conformed else None
    parts = [part for part, count in split.items() for _ in range(count)]
    names = [f"sub-{number:03}" for number in range(1, len(parts) + 1)]
    for number, name in enumerate(names):
        arrays = _phantom(grid, frames, random, cube)
        if number < cut:
            arrays["pet"][:, :, : grid.shape[2] // 3] = 0
        for kind, array in arrays.items():
            write_array(folder, name, kind, array)
    rows = zip(names, parts, ["CN", "AD"] * len(parts), strict=False)
    columns = ["participant_id", "split", "diagnosis"]
    write_table(folder / "split.tsv", pd.DataFrame(rows, columns=columns))
    participants = {"participant_id": names, "sex": (["F", "M", "n/a"] * len(names))[: len(names)]}
    write_table(folder / "participants.tsv", pd.DataFrame(participants))
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
    return folder


def _phantom(
    grid: Grid, frames: int, random: np.random.Generator, cube: Grid | None
) -> dict[Any, NDArray[Any]]:
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


def _tissues(grid: Grid, radii: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    voxels = np.indices(grid.shape).reshape(3, -1)
    x, y, z = (grid.affine[:3, :3] @ voxels + grid.affine[:3, 3:]).reshape(3, *grid.shape)
    radius = np.sqrt((x / radii[0]) ** 2 + ((y + 18) / radii[1]) ** 2 + ((z - 18) / radii[2]) ** 2)
    spot = (x - 30) ** 2 + (y - 15) ** 2 + (z - 25) ** 2 < 20**2
    return radius < 0.6, radius < 1, spot


def _t1(white: NDArray[Any], mask: NDArray[Any], spot: NDArray[Any]) -> NDArray[np.float32]:
    mri = np.where(white, 0.8, np.where(mask, 0.2, -1.0)) + 0.1 * spot
    return mri.astype(np.float32)
