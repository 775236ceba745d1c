"""One subject of a dataset: prepare it unless it is finished, and never raise for its mistakes."""

from __future__ import annotations

import dataclasses
import warnings
from pathlib import Path
from typing import Any

from petsynth import __version__
from petsynth.data.subject_files import Record, is_finished, read_record, write_subject
from petsynth.errors import InputError, PetsynthWarning, RegistrationError
from petsynth.io.bids import find_brain_mask
from petsynth.io.index import Scan, find_oracle
from petsynth.preprocessing.subject import Files, Steps, prepare_subject


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of one subject: its record, or why there is none; and what was assumed."""

    participant: str
    record: Record | None = None
    reason: str = ""
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Preparation:
    """One run of ``petsynth prepare``.

    Parameters
    ----------
    bids, out : Path
        The dataset, and the folder of prepared data.
    steps : Steps
        What is done to each subject.
    masks : Path, optional
        Derivatives dataset with brain masks.
    simulated : bool
        Whether the dataset is a simulation.
    """

    bids: Path
    out: Path
    steps: Steps
    masks: Path | None = None
    simulated: bool = False

    def files(self, scan: Scan) -> Files:
        """Return what a subject is made from.

        Raises
        ------
        InputError
            If masks are given but none for this subject.
        """
        mask = None
        if self.masks is not None:
            mask = find_brain_mask(self.masks / scan.participant, scan.t1)
        return Files(scan.t1, scan.pet, mask, find_oracle(self.bids, scan))

    def key(self, files: Files) -> dict[str, Any]:
        """Return what a finished subject depends on: version, settings, input files."""
        named = {name: path for name, path in dataclasses.asdict(files).items() if path is not None}
        return {
            "petsynth_version": __version__,
            "steps": dataclasses.asdict(self.steps),
            "inputs": {
                name: [str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns]
                for name, path in named.items()
            },
        }

    def run_one(self, scan: Scan) -> Outcome:
        """Prepare one subject, unless it is finished."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", PetsynthWarning)
            try:
                record, reason = self._record(scan), ""
            except (InputError, RegistrationError) as error:
                record, reason = None, str(error)
        notes = [str(item.message) for item in caught if item.category is PetsynthWarning]
        for item in caught:
            if item.category is not PetsynthWarning:
                warnings.warn_explicit(item.message, item.category, item.filename, item.lineno)
        return Outcome(scan.participant, record, reason, tuple(notes))

    def _record(self, scan: Scan) -> Record:
        files = self.files(scan)
        key = self.key(files)
        record = read_record(self.out, scan.participant)
        if record is not None and is_finished(self.out, record, key):
            return record
        subject = prepare_subject(files, self.steps)
        return write_subject(self.out, scan, subject, self.steps, key, simulated=self.simulated)
