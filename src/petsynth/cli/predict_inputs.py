"""Which T1s ``petsynth predict`` is asked for: files in any format, folders, BIDS, DICOM."""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from petsynth.cli.predict_options import Args
    from petsynth.io.dicom.series import Layout, Series

logger = logging.getLogger(__name__)

_NOT_T1 = ("mask", "dseg", "_pet.", "_bold.", "_dwi.", "_T2w.", "_FLAIR.", "desc-synth")
"""Parts of the names of images in a folder that are no T1."""


@dataclass(frozen=True)
class Inputs:
    """The T1s as NIfTI files of one volume each.

    Parameters
    ----------
    args : Args
        The options, without T1s that cannot be read.
    names : mapping of Path to Path
        What messages call each file.
    series : mapping of Path to (Series, Layout)
        What each was in DICOM, for ``--dicom``; empty without it.
    failed : list of str
        What could not be read.
    """

    args: Args
    names: Mapping[Path, Path]
    series: Mapping[Path, tuple[Series, Layout]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)

    def only(self, number: int) -> Inputs:
        """Return one of the T1s, with what belongs to it."""
        t1 = self.args.t1[number]
        one_each = len(self.args.masks) == len(self.args.t1) and not self.args.masks[0].is_dir()
        masks = (self.args.masks[number],) if one_each else self.args.masks
        series = {t1: self.series[t1]} if t1 in self.series else {}
        args = dataclasses.replace(self.args, t1=(t1,), masks=masks)
        return Inputs(args, {t1: self.names[t1]}, series)

    def absolute(self) -> Inputs:
        """Return the same with paths from the root, for processes that run in other folders."""
        args = self.args
        model = args.model
        if model is not None and Path(model).exists():
            model = str(Path(model).absolute())
        args = dataclasses.replace(
            args,
            t1=tuple(path.absolute() for path in args.t1),
            masks=tuple(path.absolute() for path in args.masks),
            out=args.out.absolute(),
            model=model,
            participants=_absolute(args.participants),
            dicom_reference=_absolute(args.dicom_reference),
        )
        names = {path.absolute(): name for path, name in self.names.items()}
        series = {path.absolute(): known for path, known in self.series.items()}
        return dataclasses.replace(self, args=args, names=names, series=series)


def _absolute(path: Path | None) -> Path | None:
    return None if path is None else path.absolute()


def expand_folders(args: Args) -> tuple[Args, list[str]]:
    """Return the same options with the T1s of each folder in its place; a DICOM folder stays.

    Of several parts, those of this job: of a BIDS dataset the participants are divided, so that no
    job looks at the images of all, and of the rest the T1s. It may have none.

    Returns
    -------
    args : Args
        The options.
    failed : list of str
        Folders without a T1, among several inputs, and participants that cannot be read.

    Raises
    ------
    InputError
        If the only folder holds no T1.
    ArgumentError
        If participants are chosen and no BIDS dataset is named, or parts of a dataset are asked
        for and its masks are not a folder.
    """
    from petsynth.errors import ArgumentError, InputError
    from petsynth.execution import part_of

    one_each = bool(args.masks) and not args.masks[0].is_dir()
    found: list[Path] = []
    divided: list[Path] = []
    failed: list[str] = []
    for path in args.t1:
        is_dataset = path.is_dir() and any(each.is_dir() for each in path.glob("sub-*"))
        divided += [path] * is_dataset
        try:
            found += _t1s_of(path, is_dataset, args, failed)
        except InputError as error:
            if len(args.t1) == 1:
                raise
            if one_each:  # keeps its mask, and is refused with it
                found.append(path)
                continue
            logger.error(f"petsynth predict: error: {error}")
            failed.append(str(path))
    if failed and not found:
        raise InputError(f"none of {len(failed)} inputs holds a T1")
    if args.participant_label and not divided:
        raise ArgumentError("--participant-label: is for a BIDS dataset; name its folder")
    if not one_each:
        found = _each_once(found)
    if args.num_parts == 1:
        return dataclasses.replace(args, t1=tuple(found)), failed
    if divided and (one_each or len(divided) < len(args.t1)):
        raise ArgumentError(
            f"--num-parts: {divided[0]} is a dataset, whose participants are divided; name nothing "
            "else beside it, and give --masks as a folder"
        )
    if not divided:
        found = part_of(found, args.num_parts, args.part_id)
    masks = args.masks
    if one_each and len(masks) == len(args.t1):
        masks = tuple(part_of(masks, args.num_parts, args.part_id))
    return dataclasses.replace(args, t1=tuple(found), masks=masks), failed


def _t1s_of(path: Path, is_dataset: bool, args: Args, failed: list[str]) -> list[Path]:
    if is_dataset:
        return _t1s_of_dataset(path, args, failed)
    return _t1s_of_folder(path) if path.is_dir() else [path]


def _each_once(paths: list[Path]) -> list[Path]:
    """Return paths without those that are there already, as overlapping patterns make them."""
    once: dict[str, Path] = {}
    for path in paths:
        if once.setdefault(os.path.abspath(path), path) is not path:
            logger.warning(f"petsynth predict: warning: {path} is given twice; predicted once")
    return list(once.values())


def _t1s_of_dataset(root: Path, args: Args, failed: list[str]) -> list[Path]:
    """Return the T1s of all participants, or of this job's; who cannot be read joins ``failed``."""
    from petsynth.errors import InputError
    from petsynth.execution import part_of
    from petsynth.io.bids.images import find_images, find_participants

    found: list[Path] = []
    participants = find_participants(root, args.participant_label)
    for participant in part_of(participants, args.num_parts, args.part_id):
        try:
            t1s = [image.path for image in find_images(participant).t1s]
        except InputError as error:
            logger.error(f"petsynth predict: error: {error}")
            failed.append(str(participant))
            continue
        if not t1s:
            logger.warning(f"petsynth predict: warning: {participant.name} has no T1w image")
        found += t1s
    if not found and args.num_parts == 1:
        raise InputError(f"{root}: no T1w image (sub-*/[ses-*/]anat/*_T1w.nii.gz)")
    logger.info(f"{root}: {len(found)} T1w image{'s' if len(found) > 1 else ''}")
    return found


def _t1s_of_folder(folder: Path) -> list[Path]:
    from petsynth.errors import InputError
    from petsynth.io.dicom.files import holds_dicom
    from petsynth.io.formats import EXTENSIONS

    # Links that lead nowhere and pipes, too: whoever reads them says what they are.
    files = sorted(path for path in folder.iterdir() if not path.is_dir())
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
    if holds_dicom(folder):
        return [folder]
    raise InputError(
        f"{folder}: holds no image ({', '.join(EXTENSIONS)}), no DICOM and no folder sub-*"
    )


def convert_inputs(args: Args, scratch: Path) -> Inputs:
    """Return the T1s as NIfTI files of one volume each.

    Parameters
    ----------
    args : Args
        With files and DICOM folders, after `expand_folders`.
    scratch : Path
        Folder for converted files.

    Raises
    ------
    ArgumentError
        If a mask is given for a folder of several T1s, or a DICOM series is asked for and no T1
        came from DICOM.
    InputError
        If the only T1 cannot be read.
    """
    from petsynth.errors import InputError
    from petsynth.io.formats import as_nifti

    one_each = len(args.masks) == len(args.t1) and not args.masks[0].is_dir()
    wants_dicom = args.dicom or args.dicom_reference is not None
    t1s: list[Path] = []
    masks: list[Path] = []
    names: dict[Path, Path] = {}
    series: dict[Path, tuple[Series, Layout]] = {}
    failed: list[str] = []
    for number, path in enumerate(args.t1):
        folder = scratch / str(number)
        try:
            folder.mkdir(parents=True)
            found = _as_niftis(args, path, folder)
            if one_each:
                _check_one(path, found)
                masks.append(as_nifti(args.masks[number], folder))
        except InputError as error:
            if len(args.t1) == 1:
                raise
            logger.error(f"petsynth predict: error: {error}")
            failed.append(str(path))
            continue
        for t1, name, known in found:
            t1s.append(t1)
            names[t1] = name
            if known is not None and wants_dicom:
                series[t1] = known
    if not t1s:
        raise InputError(f"none of {len(failed)} T1s could be used")
    chosen = tuple(masks) if one_each else args.masks
    if wants_dicom:
        _check_dicom(names, series)
    return Inputs(dataclasses.replace(args, t1=tuple(t1s), masks=chosen), names, series, failed)


def _as_niftis(
    args: Args, path: Path, folder: Path
) -> list[tuple[Path, Path, tuple[Series, Layout] | None]]:
    """Return NIfTI file, name in messages and DICOM series of each T1 of a file or DICOM folder."""
    from petsynth.io.dicom.files import is_dicom
    from petsynth.io.dicom.t1s import series_of_t1, t1s_of_folder
    from petsynth.io.formats import EXTENSIONS, as_nifti

    is_file = path.name.endswith(EXTENSIONS) or not path.exists()
    if not is_file and (path.is_dir() or is_dicom(path)):
        t1s = t1s_of_folder(path, folder, logger.warning, args.t1_series)
        several = len(t1s) > 1
        return [
            (
                each.path,
                Path(f"{path} (series {each.series.number})") if several else path,
                (each.series, each.layout),
            )
            for each in t1s
        ]
    t1 = as_nifti(path, folder, volume=args.volume)
    reference = args.dicom_reference
    if reference is None:
        return [(t1, path, None)]
    return [(t1, path, series_of_t1(t1, reference, logger.warning, args.t1_series))]


def _check_one(path: Path, found: list[tuple[Path, Path, tuple[Series, Layout] | None]]) -> None:
    from petsynth.errors import ArgumentError

    if len(found) > 1:
        raise ArgumentError(
            f"--masks: one mask for the {len(found)} T1s of {path}; choose one with --t1-series"
        )


def _check_dicom(names: Mapping[Path, Path], series: Mapping[Path, object]) -> None:
    """Refuse to write DICOM where nothing tells the patient and the study."""
    from petsynth.errors import ArgumentError

    for t1, name in names.items():
        if t1 not in series:
            raise ArgumentError(
                f"--dicom: {name} is no DICOM folder; name its DICOM with --dicom-reference FOLDER"
            )
