"""Participant level of ``prepare``: one subject, and many side by side.

A subject that fails is left out with a reason, and the others finish; a finished one is kept.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from petsynth.errors import InputError, OutputError, PetsynthWarning, RegistrationError
from petsynth.execution import KILLED, run_side_by_side
from petsynth.io.atomic import LONGEST_NAME, check_name
from petsynth.io.bids.brain_masks import first_brain_mask
from petsynth.io.bids.index import Index, Scan, find_lesion_map, find_noise_free_pet
from petsynth.io.bids.metadata import read_metadata, sidecar_path
from petsynth.io.bids.names import pet_stem
from petsynth.io.bids.participants import Participants
from petsynth.io.bids.privacy import sha256_of, without_folders
from petsynth.log import Progress
from petsynth.prepare.derivatives import write_subject
from petsynth.prepare.output_folder import write_dataset_files
from petsynth.prepare.quality_control import figures_line, replacement
from petsynth.prepare.records import (
    Failure,
    Record,
    image_at_fault,
    is_finished,
    read_record,
    reason_of,
    remove_failure,
    write_failure,
)
from petsynth.preprocessing.subject import Files, PreprocessingSettings, prepare_subject
from petsynth.preprocessing.t1.brain_mask import Device
from petsynth.version import __version__

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The result of preparing one subject.

    Parameters
    ----------
    name : str
        As `petsynth.io.bids.index.Scan.name`.
    record : Record or None
        None if the subject could not be prepared.
    reason : str
        Why it could not.
    notes : tuple of str
        What was assumed about the scans.
    seconds : float
        How long it took.
    kept : bool
        Whether it was finished before.
    """

    name: str
    record: Record | None = None
    reason: str = ""
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    kept: bool = False


@dataclasses.dataclass(frozen=True)
class Preparation:
    """One run of ``petsynth prepare``.

    Parameters
    ----------
    bids, out : Path
        The dataset, and the folder of prepared data.
    preprocessing : PreprocessingSettings
        How each subject is prepared.
    masks : tuple of Path
        Derivatives datasets with brain masks; a T1's comes from the first that has one.
    simulated : bool
        Whether the dataset is a simulation.
    participants : Participants
        The dataset's ``participants.tsv``.
    device : {"cpu", "auto", "cuda"}
        Where brains without a given mask are segmented.
    """

    bids: Path
    out: Path
    preprocessing: PreprocessingSettings
    masks: tuple[Path, ...] = ()
    simulated: bool = False
    participants: Participants = dataclasses.field(default_factory=lambda: Participants({}))
    device: Device = "cpu"

    def files(self, scan: Scan) -> Files:
        """Return what a subject is made from.

        Raises
        ------
        InputError
            If folders of masks are given and none has one of this subject.
        """
        folders = [folder / scan.participant for folder in self.masks]
        try:
            mask = first_brain_mask(folders, scan.t1) if folders else None
        except InputError as error:
            error.path = scan.t1
            raise
        weight = self.participants.at(scan.participant, scan.session).weight_kg
        noise_free = find_noise_free_pet(self.bids, scan)
        lesion = find_lesion_map(self.bids, scan)
        return Files(scan.t1, scan.pet, mask, noise_free, scan.tracer, weight, lesion)

    def key(self, files: Files, replaced: Iterable[Path] = ()) -> dict[str, Any]:
        """Return what a finished subject depends on: version, settings, input files.

        Files are named from the dataset's root, so that it may be moved. ``replaced`` are images
        that could not be used.
        """
        named = {name: path for name, path in vars(files).items() if isinstance(path, Path)} | {
            "sidecar": sidecar_path(files.pet)
        }
        key = {
            "petsynth_version": __version__,
            "preprocessing": dataclasses.asdict(self.preprocessing),
            "inputs": {
                name: self._identity(path)
                for name, path in named.items()
                if name != "sidecar" or path.exists()
            },
            "metadata_sha256": sha256_of(read_metadata(files.pet)),
            "weight_kg": files.weight_kg,
        }
        others = [
            self._identity(path) if path.exists() else [self._place(path), None, None]
            for path in replaced
        ]
        return key | ({"replaced": sorted(others)} if others else {})

    def _identity(self, path: Path) -> list[Any]:
        status = path.stat()
        return [self._place(path), status.st_size, status.st_mtime_ns]

    def _place(self, path: Path) -> str:
        """Return where a file is below the dataset or the masks."""
        return without_folders(str(path), self._roots)

    @property
    def _roots(self) -> tuple[Path, ...]:
        return self.bids, *self.masks, self.out

    def is_finished(self, scan: Scan) -> bool:
        """Whether a subject needs nothing done.

        Raises
        ------
        InputError
            As `files`.
        OSError
            If one of its files has vanished.
        """
        if self._finished(scan) is not None:
            return True
        if not scan.others:
            self.key(self.files(scan))  # says what is missing
        return False

    def run_one(self, scan: Scan) -> Outcome:
        """Prepare one subject, unless it is finished.

        Raises
        ------
        OutputError
            If the results cannot be written: those of other subjects could not be either.
        """
        start, before = time.monotonic(), None
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", PetsynthWarning)
            try:
                with contextlib.suppress(InputError, OSError):  # will be said of the image at fault
                    before = self._finished(scan)
                record, reason = before or self._record(scan), ""
                remove_failure(self.out, scan.name)
            except OutputError:
                raise
            except (InputError, RegistrationError, OSError) as error:
                record, reason = None, without_folders(reason_of(error), self._roots)
                write_failure(self.out, scan.name, reason)
        for item in caught:
            if item.category is not PetsynthWarning:
                warnings.warn_explicit(item.message, item.category, item.filename, item.lineno)
        seconds, kept = time.monotonic() - start, before is not None
        return Outcome(scan.name, record, reason, self._notes(caught), seconds, kept)

    def lost(self, scan: Scan) -> Outcome:
        """Note that a subject's process was killed, which cannot do so itself."""
        write_failure(self.out, scan.name, KILLED)
        return Outcome(scan.name, reason=KILLED)

    def _record(self, scan: Scan) -> Record:
        """Prepare the first pair of images that can be used."""
        _check_name(scan)
        failures: list[Failure] = []
        for pair in (scan, *scan.others):
            if any(failure.image in (pair.t1, pair.pet) for failure in failures):
                continue
            try:
                return self._prepare(pair, failures)
            except (InputError, RegistrationError, OSError) as error:
                failure = Failure(pair, image_at_fault(error, pair), error)
                if failure.image is None and not isinstance(error, RegistrationError):
                    raise
                failures.append(failure)
        raise failures[0].error

    def _prepare(self, scan: Scan, failures: Sequence[Failure]) -> Record:
        replaced = {failure.not_in(scan): failure for failure in failures}
        files = self.files(scan)
        key = self.key(files, replaced)
        unread = self.participants.at(scan.participant, scan.session).unread_weight
        with warnings.catch_warnings(record=True) as caught:
            if unread and self.preprocessing.units == "suv":
                _warn(f"participants.tsv: weight is {unread!r}, needed is a number of kg")
            for image, failure in replaced.items():
                _warn(f"{replacement(scan, image.name)}: {failure.reason}")
            subject = prepare_subject(files, self.preprocessing, self.device)
        for item in caught:
            warnings.warn_explicit(item.message, item.category, item.filename, item.lineno)
        return write_subject(
            self.out,
            scan,
            subject,
            self.preprocessing,
            key,
            notes=self._notes(caught),
            replaced={
                image.name: without_folders(failure.reason, self._roots)
                for image, failure in replaced.items()
            },
            simulated=self.simulated,
        )

    def _finished(self, scan: Scan) -> Record | None:
        """Return the record of a subject that is finished, from this pair or from one after it."""
        record = read_record(self.out, scan.name)
        if record is None:
            return None
        images = [each for pair in (scan, *scan.others) for each in (pair.t1, pair.pet)]
        replaced = [path for path in dict.fromkeys(images) if path.name in record.replaced]
        for pair in (scan, *scan.others):
            if pair.t1 not in replaced and pair.pet not in replaced:
                key = self.key(self.files(pair), replaced)
                return record if is_finished(self.out, record, key) else None
        return None

    def _notes(self, caught: Sequence[warnings.WarningMessage]) -> tuple[str, ...]:
        """Return what was warned about, each once: several steps read the same sidecar."""
        own = [str(item.message) for item in caught if item.category is PetsynthWarning]
        return tuple(dict.fromkeys(without_folders(text, self._roots) for text in own))


def _warn(message: str) -> None:
    warnings.warn(message, PetsynthWarning, stacklevel=3)


def _check_name(scan: Scan) -> None:
    """Refuse names that would be too long for the files made from them, before the work."""
    longest = f"{pet_stem(f'{scan.stem}_T1w.nii.gz', scan.tracer)}_space-aligned_desc-preproc_pet"
    try:
        check_name(f"{longest}.nii.gz")
    except OutputError:
        raise InputError(
            f"{scan.t1}: its name is too long: {longest}.nii.gz would have more than "
            f"{LONGEST_NAME} bytes; shorten its entities"
        ) from None


def prepare_participants(
    preparation: Preparation,
    scans: list[Scan],
    *,
    nprocs: int = 1,
    threads: int | None = None,
    scheduler: str | None = None,
    stop_on_failure: bool = False,
    verbose: bool = False,
    finished: Callable[[Outcome], object] = lambda outcome: None,
) -> list[Outcome]:
    """Prepare subjects.

    Parameters
    ----------
    preparation : Preparation
        Dataset, folder of prepared data, and settings.
    scans : list of Scan
        The subjects' images.
    nprocs : int
        Processes; each works on one subject at a time.
    threads : int, optional
        Of each process; see `petsynth.execution.run_side_by_side`.
    scheduler : str, optional
        Address of a Dask scheduler whose workers are used instead.
    stop_on_failure : bool
        Whether to stop at the first subject that cannot be prepared.
    verbose : bool
        Whether to log the quality figures of every subject.
    finished : function of an Outcome
        Called in this process after each subject.

    Returns
    -------
    list of Outcome
        Of those that could not be prepared.

    Raises
    ------
    InputError
        If a subject could not be prepared and that is to stop the others.
    OutputError
        If the results cannot be written.
    """
    write_dataset_files(preparation.out, preparation.bids, simulated=preparation.simulated)
    failed, kept = [], 0
    with Progress("preparing", total=len(scans)) as progress:
        outcomes = run_side_by_side(
            preparation.run_one,
            [(scan,) for scan in scans],
            nprocs=nprocs,
            threads=threads,
            scheduler=scheduler,
            preload=[__name__],
            lost=preparation.lost,
        )
        for outcome in outcomes:
            progress.advance(note=outcome.name)
            kept += outcome.kept
            for note in outcome.notes:
                logger.info(f"{outcome.name}: {note}")
            if verbose and outcome.record is not None:
                record = outcome.record
                logger.info(figures_line(outcome.name, record.qc, record.unit, outcome.seconds))
            if outcome.record is None and stop_on_failure:
                raise InputError(
                    f"{outcome.name}: {outcome.reason} (stopped there; finished subjects are kept)"
                )
            if outcome.record is None:
                failed.append(outcome)
            elif outcome.record.qc["flags"] != "none":
                logger.info(f"{outcome.name}: check its picture: {outcome.record.qc['flags']}")
            finished(outcome)
    if kept:
        logger.info(f"finished before and kept: {kept} of {len(scans)}")
    return failed


def plan(preparation: Preparation, index: Index) -> pd.DataFrame:
    """Return a row for each pair, and for each subject and image that is left out.

    Returns
    -------
    DataFrame
        ``participant_id``, ``session_id``, ``t1``, ``pet``, ``tracer``, ``interval_days`` and
        ``what``: ``prepare``, ``finished`` or ``left out: reason``.
    """
    rows = []
    for scan in index.scans:
        try:
            what = "finished" if preparation.is_finished(scan) else "prepare"
        except (InputError, OSError) as error:
            what = f"left out: {reason_of(error)}"
        session = f"ses-{scan.session}" if scan.session else None
        names = (scan.t1.name, scan.pet.name, scan.tracer, scan.interval_days, what)
        rows.append((scan.participant, session, *names))
    left_out = [(name, "n/a", reason) for name, reason in index.excluded.items()]
    left_out += [(each.participant, each.image, each.reason) for each in index.unused]
    for name, image, reason in left_out:
        kind = (image, None) if image.split(".")[0].endswith("_T1w") else (None, image)
        rows.append((name, None, *kind, None, None, f"left out: {reason}"))
    columns = ["participant_id", "session_id", "t1", "pet", "tracer", "interval_days", "what"]
    table = pd.DataFrame(rows, columns=columns).sort_values("participant_id", kind="stable")
    return table.astype({"interval_days": "Int64"})
