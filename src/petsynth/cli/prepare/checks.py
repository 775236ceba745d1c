"""Which values of ``petsynth prepare``'s options make sense, before anything heavy is imported."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from petsynth.cli.prepare.options import Args
from petsynth.errors import ArgumentError, InputError
from petsynth.execution import MOST_PROCESSES, check_processes

LARGEST_PSF_MM = 50
"""Width of a PET's point spread function in mm that is smoothed to; no scanner's is as wide."""
SMALLEST_VOXEL_MM = {"paper-a": 0.5, "paper-b": 1.0}
"""Voxel edge of the PET's grid; paper B's T1 has voxels half as wide."""


def check(args: Args) -> None:
    """Refuse values that options cannot have.

    Raises
    ------
    ArgumentError
        If there is one; the message names the option and what it takes.
    InputError
        If a folder of masks does not exist, or the reference region.
    """
    check_processes(args.nprocs, args.num_parts, args.part_id)
    for message, is_wrong in (_wrong_numbers(args) | _wrong_together(args)).items():
        if is_wrong:
            raise ArgumentError(message)
    if args.reference_region is not None:
        from petsynth.preprocessing.pet.tracers import region

        region(args.reference_region)
    mask_folders(args.masks)
    if args.device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise ArgumentError("--device cuda: torch finds no GPU here; use --device cpu")


def mask_folders(words: Sequence[str]) -> tuple[Path, ...]:
    """Return the folders of ``--masks``, each given as PATH or NAME=PATH.

    Raises
    ------
    InputError
        If one does not exist.
    """
    folders = []
    for word in words:
        _, _, path = word.partition("=")
        folder = Path(path if path and not Path(word).exists() else word)
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder of masks")
        folders.append(folder)
    return tuple(folders)


def _wrong_numbers(args: Args) -> dict[str, bool]:
    """Return messages on single options, and whether each applies."""
    return {
        f"--test {args.test}: give a fraction below 1, or a number": not 0 <= args.test < math.inf,
        f"--validation {args.validation}: give a fraction below 1, or a number": (
            not 0 <= args.validation < math.inf
        ),
        f"--voxel-mm {args.voxel_mm}: give {SMALLEST_VOXEL_MM[args.grid]} <= mm <= 18": (
            args.voxel_mm is not None and not SMALLEST_VOXEL_MM[args.grid] <= args.voxel_mm <= 18
        ),
        f"--omp-nthreads {args.omp_nthreads}: give 1 to {MOST_PROCESSES}": (
            args.omp_nthreads is not None and not 1 <= args.omp_nthreads <= MOST_PROCESSES
        ),
        f"--seed {args.seed}: give 0 or more": args.seed < 0,
        f"--max-interval {args.max_interval}: give 0 or more days, or None": (
            args.max_interval is not None and not 0 <= args.max_interval < math.inf
        ),
        f"--frames {args.frames}: give mean, keep, or 1 or more": (
            isinstance(args.frames, int) and args.frames < 1
        ),
        f"--time-window {_spaced(args.time_window)}: give START and END in minutes after "
        "injection, START before END": (
            args.time_window is not None
            and not -math.inf < args.time_window[0] < args.time_window[1] < math.inf
        ),
        f"--psf-mm {args.psf_mm}: give 0 < mm <= {LARGEST_PSF_MM}": (
            args.psf_mm is not None and not 0 < args.psf_mm <= LARGEST_PSF_MM
        ),
        f"--scanner-psf-mm {args.scanner_psf_mm}: give 0 < mm <= {LARGEST_PSF_MM}": (
            args.scanner_psf_mm is not None and not 0 < args.scanner_psf_mm <= LARGEST_PSF_MM
        ),
    }


def _spaced(numbers: Sequence[float] | None) -> str:
    return " ".join(f"{each:g}" for each in numbers or ())


def _wrong_together(args: Args) -> dict[str, bool]:
    """Return messages on options that exclude each other, and whether each applies."""
    return {
        "--registration none: SUVR needs the scans aligned; give --units keep, or leave it out": (
            args.registration == "none" and args.units == "suvr"
        ),
        "--registration none: needs --grid paper-b": (
            args.registration == "none" and args.grid == "paper-a"
        ),
        "--num-parts needs the participant level alone; run the group level once at the end": (
            args.num_parts > 1 and tuple(args.analysis_level) != ("participant",)
        ),
        "--overwrite with --num-parts: each job would remove what the others have prepared; "
        "choose a new output folder": args.overwrite and args.num_parts > 1,
    }
