"""What all subjects of one folder of prepared data have in common, by the options."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from petsynth.cli.prepare.options import Args
from petsynth.errors import InputError
from petsynth.io.bids.filters import filter_of
from petsynth.io.bids.index import Choice, Index, index_dataset
from petsynth.io.text import read_json
from petsynth.prepare.output_folder import FolderSettings, read_settings
from petsynth.preprocessing.subject import PreprocessingSettings


def preprocessing_of(args: Args) -> PreprocessingSettings:
    """Return how the options ask to prepare each subject."""
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
        window_start_min=None if args.time_window is None else args.time_window[0],
        window_end_min=None if args.time_window is None else args.time_window[1],
    )


def settings_of(args: Args) -> FolderSettings:
    """Return the settings that the options ask for."""
    filters = args.bids_filter_file
    return FolderSettings(
        preprocessing=preprocessing_of(args),
        tracer=args.tracer_label,
        session=args.session_label,
        pairs=args.pairs,
        max_interval=args.max_interval,
        bids_filter_file=None if filters is None else read_json(filters),
    )


def settings_in(out_dir: Path) -> FolderSettings:
    """Return the settings that a folder was prepared with.

    Raises
    ------
    InputError
        If it holds no prepared subjects, or another version of petsynth prepared them.
    """
    settings = read_settings(out_dir)
    if settings is None:
        raise InputError(f"{out_dir}: holds no prepared subjects; run the participant level first")
    return settings


def find_scans(args: Args, settings: FolderSettings) -> tuple[Index, FolderSettings]:
    """Return the pairs of images in the dataset, and the settings with the tracer's short name.

    Raises
    ------
    InputError
        If the dataset or the filter file cannot be used.
    """
    filters = settings.bids_filter_file
    index = index_dataset(
        args.bids_dir,
        Choice(
            tracer=settings.tracer,
            session=settings.session,
            max_interval=settings.max_interval,
            dynamic=settings.preprocessing.frames != "mean",
            every_visit=settings.pairs == "all",
        ),
        participants=args.participant_label,
        keep=None
        if filters is None
        else filter_of(filters, str(args.bids_filter_file or args.out_dir)),
    )
    return index, dataclasses.replace(settings, tracer=index.scans[0].tracer)
