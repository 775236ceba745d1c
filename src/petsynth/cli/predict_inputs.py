"""Which T1s ``petsynth predict`` is asked for: files in any format, folders, BIDS datasets."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from petsynth.cli.predict_options import Args

logger = logging.getLogger(__name__)

_NOT_T1 = ("mask", "dseg", "_pet.", "_bold.", "_dwi.", "_T2w.", "_FLAIR.", "desc-synth")
"""Parts of the names of images in a folder that are no T1."""


def expand_folders(args: Args) -> Args:
    """Return the same options with the T1s of each folder in its place.

    Raises
    ------
    InputError
        If a folder holds no T1.
    ArgumentError
        If participants are chosen and no BIDS dataset is named.
    """
    from petsynth.errors import ArgumentError

    found: list[Path] = []
    datasets = 0
    for path in args.t1:
        if not path.is_dir():
            found.append(path)
        elif any(each.is_dir() for each in path.glob("sub-*")):
            datasets += 1
            found += _t1s_of_dataset(path, args.participant_label)
        else:
            found += _t1s_of_folder(path)
    if args.participant_label and not datasets:
        raise ArgumentError("--participant-label: is for a BIDS dataset; name its folder")
    return dataclasses.replace(args, t1=tuple(found))


def _t1s_of_dataset(root: Path, labels: tuple[str, ...]) -> list[Path]:
    from petsynth.errors import InputError
    from petsynth.io.bids.images import find_images, find_participants

    found: list[Path] = []
    for participant in find_participants(root, labels):
        t1s = [image.path for image in find_images(participant).t1s]
        if not t1s:
            logger.warning(f"petsynth predict: warning: {participant.name} has no T1w image")
        found += t1s
    if not found:
        raise InputError(f"{root}: no T1w image (sub-*/[ses-*/]anat/*_T1w.nii.gz)")
    logger.info(f"{root}: {len(found)} T1w image{'s' if len(found) > 1 else ''}")
    return found


def _t1s_of_folder(folder: Path) -> list[Path]:
    from petsynth.errors import InputError
    from petsynth.io.formats import EXTENSIONS, is_dicom

    files = sorted(path for path in folder.iterdir() if path.is_file())
    found = [
        path
        for path in files
        if path.name.endswith(EXTENSIONS)
        and not any(part in path.name for part in _NOT_T1)
        and not (path.suffix == ".img" and path.with_suffix(".hdr").exists())
        and not path.name.startswith(".")
    ]
    if found:
        logger.info(f"{folder}: {len(found)} image{'s' if len(found) > 1 else ''}, taken for T1s")
        return found
    if any(is_dicom(path) for path in files):
        raise InputError(
            f"{folder}: holds DICOM; convert it to NIfTI first, for example: dcm2niix -z y -o OUT "
            f"{folder}"
        )
    raise InputError(f"{folder}: holds no image ({', '.join(EXTENSIONS)}) and no folder sub-*")


def convert_inputs(args: Args, scratch: Path) -> tuple[Args, dict[Path, Path], list[str]]:
    """Return the options with NIfTI files of one volume each.

    Parameters
    ----------
    args : Args
        With files, after `expand_folders`.
    scratch : Path
        Folder for converted files.

    Returns
    -------
    args, names, failed
        The options without T1s that cannot be read; the file that was named, by the file that is
        read; and what could not be read.

    Raises
    ------
    InputError
        If the only T1 cannot be read.
    """
    from petsynth.errors import InputError
    from petsynth.io.formats import as_nifti

    one_each = len(args.masks) == len(args.t1) and not args.masks[0].is_dir()
    t1s: list[Path] = []
    masks: list[Path] = []
    names: dict[Path, Path] = {}
    failed: list[str] = []
    for number, path in enumerate(args.t1):
        folder = scratch / str(number)
        try:
            folder.mkdir(parents=True)
            t1 = as_nifti(path, folder, volume=args.volume)
            if one_each:
                masks.append(as_nifti(args.masks[number], folder))
        except InputError as error:
            if len(args.t1) == 1:
                raise
            logger.error(f"petsynth predict: error: {error}")
            failed.append(str(path))
            continue
        t1s.append(t1)
        names[t1] = path
    if not t1s:
        raise InputError(f"none of {len(failed)} T1s could be used")
    chosen = tuple(masks) if one_each else args.masks
    return dataclasses.replace(args, t1=tuple(t1s), masks=chosen), names, failed
