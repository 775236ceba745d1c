"""One subject of a dataset: prepare it unless it is finished, and never raise for its mistakes."""

from __future__ import annotations

import dataclasses
import time
import warnings
from pathlib import Path
from typing import Any

from petsynth import __version__
from petsynth.errors import InputError, OutputError, PetsynthWarning, RegistrationError
from petsynth.io.bids.brain_masks import first_brain_mask
from petsynth.io.bids.index import Scan, find_noise_free_pet
from petsynth.io.bids.metadata import sidecar_path
from petsynth.io.bids.participants import Participants
from petsynth.prepare.derivatives import Record, is_finished, read_record, write_subject
from petsynth.prepare.failures import forget_failure, write_failure
from petsynth.preprocessing.subject import Files, PreprocessingSettings, prepare_subject
from petsynth.preprocessing.t1.brain_mask import Device


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of one subject: its record, or why there is none; what was assumed, and the time.

    ``name`` is that of its `petsynth.io.bids.index.Scan`.
    """

    name: str
    record: Record | None = None
    reason: str = ""
    notes: tuple[str, ...] = ()
    seconds: float = 0.0


@dataclasses.dataclass(frozen=True)
class Preparation:
    """One run of ``petsynth prepare``.

    Parameters
    ----------
    bids, out : Path
        The dataset, and the folder of prepared data.
    preprocessing : PreprocessingSettings
        What is done to each subject.
    masks : tuple of Path
        Derivatives datasets with brain masks; a T1's comes from the first that has one.
    simulated : bool
        Whether the dataset is a simulation.
    participants : Participants
        What ``participants.tsv`` says.
    device : {"cpu", "auto", "cuda"}
        Where brains without a given mask are looked for.
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
        mask = first_brain_mask(folders, scan.t1) if folders else None
        weight = self.participants[scan.participant].weight_kg
        noise_free = find_noise_free_pet(self.bids, scan)
        return Files(scan.t1, scan.pet, mask, noise_free, scan.tracer, weight)

    def key(self, files: Files) -> dict[str, Any]:
        """Return what a finished subject depends on: version, settings, input files."""
        named = {name: path for name, path in vars(files).items() if isinstance(path, Path)} | {
            "sidecar": sidecar_path(files.pet)
        }
        return {
            "petsynth_version": __version__,
            "preprocessing": dataclasses.asdict(self.preprocessing),
            "inputs": {
                name: [str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns]
                for name, path in named.items()
                if name != "sidecar" or path.exists()
            },
            "weight_kg": files.weight_kg,
        }

    def is_finished(self, scan: Scan) -> bool:
        """Whether a subject needs nothing done.

        Raises
        ------
        InputError
            As `files`.
        OSError
            If one of its files has vanished.
        """
        return self._finished(scan.name, self.key(self.files(scan))) is not None

    def run_one(self, scan: Scan) -> Outcome:
        """Prepare one subject, unless it is finished.

        Raises
        ------
        OutputError
            If the results cannot be written: nobody else's could be either.
        """
        start = time.monotonic()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", PetsynthWarning)
            try:
                record, reason = self._record(scan), ""
                forget_failure(self.out, scan.name)
            except (InputError, RegistrationError) as error:
                record, reason = None, str(error)
            except OutputError:
                raise
            except OSError as error:
                record, reason = None, _unreadable(error)
            if record is None:
                write_failure(self.out, scan.name, reason)
        for item in caught:
            if item.category is not PetsynthWarning:
                warnings.warn_explicit(item.message, item.category, item.filename, item.lineno)
        return Outcome(scan.name, record, reason, _notes(caught), time.monotonic() - start)

    def _record(self, scan: Scan) -> Record:
        files = self.files(scan)
        key = self.key(files)
        record = self._finished(scan.name, key)
        if record is not None:
            return record
        with warnings.catch_warnings(record=True) as caught:
            subject = prepare_subject(files, self.preprocessing, self.device)
        for item in caught:
            warnings.warn_explicit(item.message, item.category, item.filename, item.lineno)
        return write_subject(
            self.out,
            scan,
            subject,
            self.preprocessing,
            key,
            notes=_notes(caught),
            simulated=self.simulated,
        )

    def _finished(self, name: str, key: dict[str, Any]) -> Record | None:
        record = read_record(self.out, name)
        return record if is_finished(self.out, record, key) else None


def _notes(caught: list[warnings.WarningMessage]) -> tuple[str, ...]:
    return tuple(str(item.message) for item in caught if item.category is PetsynthWarning)


def _unreadable(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return f"{error.filename}: has vanished since the dataset was indexed"
    return f"{error.filename}: cannot be read ({error.strerror})"
