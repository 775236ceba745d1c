"""What all subjects of one folder of prepared data have in common, and whom it concerns."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from petsynth.errors import InputError
from petsynth.io.bids.images import read_filter
from petsynth.io.bids.index import Choice, Index, index_dataset
from petsynth.prepare.derivatives import read_simulated
from petsynth.prepare.group_level import Source
from petsynth.prepare.output_folder import read_settings
from petsynth.preprocessing.subject import PreprocessingSettings

if TYPE_CHECKING:
    from petsynth.cli.prepare.command import Args


def settings_of(args: Args) -> dict[str, Any]:
    """Return the settings that options ask for."""
    filters = args.bids_filter_file
    return {
        **dataclasses.asdict(preprocessing_of(args)),
        "tracer": args.tracer_label,
        "session": args.session_label,
        "pairs": args.pairs,
        "max_interval": args.max_interval,
        "bids_filter_file": None if filters is None else str(filters.resolve()),
        "dataset": str(args.bids_dir.resolve()),
    }


def settings_in(out_dir: Path) -> dict[str, Any]:
    """Return the settings that a folder was prepared with.

    Raises
    ------
    InputError
        If it holds no prepared subjects.
    """
    settings = read_settings(out_dir)
    if not settings:
        raise InputError(f"{out_dir}: holds no prepared subjects; run the participant level first")
    return settings


def preprocessing_of(args: Args) -> PreprocessingSettings:
    """Return what options ask to be done to each subject."""
    return PreprocessingSettings(
        voxel_mm=args.voxel_mm or (1.5 if args.grid == "paper-a" else 2.0),
        frames=args.frames,
        brain_mask=args.brain_mask,
        bias_field=args.bias_field,
        units=args.units,
        reference_region=args.reference_region,
        motion=args.motion,
        psf_mm=args.psf_mm,
        scanner_psf_mm=args.scanner_psf_mm,
        grid=args.grid,
        registration=args.registration,
    )


def find_scans(args: Args, settings: dict[str, Any]) -> Index:
    """Return the pairs of the dataset; ``settings`` then holds the tracer's name.

    Raises
    ------
    InputError
        If the dataset or the filter file cannot be used.
    """
    filters = settings["bids_filter_file"]
    index = index_dataset(
        args.bids_dir,
        Choice(
            tracer=settings["tracer"],
            session=settings["session"],
            max_interval=settings["max_interval"],
            dynamic=settings["frames"] != "mean",
            every_visit=settings.get("pairs") == "all",
        ),
        participants=args.participant_label,
        keep=None if filters is None else read_filter(Path(filters)),
    )
    settings["tracer"] = index.scans[0].tracer
    return index


def source_of(args: Args, settings: dict[str, Any]) -> Source:
    """Return what the group level must know of the participant level.

    Raises
    ------
    InputError
        If the folder was prepared by a version with other settings.
    """
    try:
        preprocessing = PreprocessingSettings(
            **{
                field.name: settings[field.name]
                for field in dataclasses.fields(PreprocessingSettings)
            }
        )
    except KeyError as missing:
        raise InputError(
            f"{args.out_dir}: was prepared by another version, which knew no {missing}; "
            "prepare again with --overwrite"
        ) from None
    simulated = read_simulated(args.bids_dir)
    return Source(args.bids_dir, args.out_dir, preprocessing, settings["tracer"], simulated)
