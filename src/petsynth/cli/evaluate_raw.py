"""What ``petsynth evaluate`` does with a BIDS dataset that nobody has prepared: it prepares it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from petsynth.data.prepared import DESCRIPTION
from petsynth.errors import ArgumentError
from petsynth.evaluation.models import read_format
from petsynth.io.text import read_json

logger = logging.getLogger(__name__)

TEST = 0.5
"""Fraction of the subjects that is evaluated; baselines are made of the others."""


def prepare_raw(folders: Sequence[Path], runs: Sequence[Path], out: Path) -> list[Path]:
    """Return folders of prepared data; BIDS datasets are prepared beside the evaluation first.

    Parameters
    ----------
    folders : sequence of Path
        Prepared data, or BIDS datasets.
    runs : sequence of Path
        Run folders, or pretrained models by name: they say which tracer and voxel they need.
    out : Path
        Folder of the evaluation; prepared data are kept in ``OUT_prepared`` and continued.

    Raises
    ------
    ArgumentError
        If the runs need different data of a BIDS dataset, or several are named.
    InputError, RunError
        If the dataset or a run cannot be used.
    """
    raw = [folder for folder in folders if is_raw(folder)]
    if not raw:
        return list(folders)
    needed = {read_format(run) for run in runs}
    if len(needed) > 1 or len(folders) > 1:
        raise ArgumentError(
            f"--data {raw[0]}: is a BIDS dataset, of which one is prepared, for runs of one tracer "
            "and grid; run petsynth prepare for each, and name what it wrote"
        )
    from petsynth.cli import prepare

    tracer, voxel_mm = needed.pop() if needed else (None, None)
    place = out.with_name(f"{out.name}_prepared")
    logger.info(
        f"{raw[0]}: not prepared yet; it is now, in {place}. Half of its subjects are evaluated, "
        "baselines are made of the others; petsynth prepare has options for all of this"
    )
    prepare.run(prepare.Args(raw[0], place, tracer_label=tracer, voxel_mm=voxel_mm, test=TEST))
    return [place]


def is_raw(folder: Path) -> bool:
    """Whether a folder is a BIDS dataset of scans, no derivative."""
    if not folder.is_dir() or (folder / DESCRIPTION).exists():
        return False
    described = folder / "dataset_description.json"
    if described.is_file() and read_json(described).get("DatasetType") == "derivative":
        return False
    return any(path.is_dir() for path in folder.glob("sub-*"))
