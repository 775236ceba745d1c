"""Participant level of ``prepare``: subjects side by side.

A subject that fails is left out with a reason and the others finish. A subject that is finished
is not done again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from petsynth.errors import InputError
from petsynth.io.bids.index import Scan
from petsynth.log import Progress
from petsynth.prepare.dataset_files import write_dataset_files
from petsynth.prepare.derivatives import Record
from petsynth.prepare.execution import run_side_by_side
from petsynth.prepare.preparation import Outcome, Preparation

logger = logging.getLogger(__name__)


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
        From where to where, and how.
    scans : list of Scan
        Whom.
    nprocs : int
        Processes; each works on one subject at a time.
    threads : int, optional
        Of each process; see `petsynth.prepare.execution.run_side_by_side`.
    scheduler : str, optional
        Address of a Dask scheduler whose workers are used instead.
    stop_on_failure : bool
        Whether to stop at the first subject that cannot be prepared.
    verbose : bool
        Whether to tell the figures of every subject that could be prepared.
    finished : function from Outcome to None
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
    failed = []
    with Progress("preparing", total=len(scans)) as progress:
        outcomes = run_side_by_side(
            preparation.run_one,
            [(scan,) for scan in scans],
            nprocs=nprocs,
            threads=threads,
            scheduler=scheduler,
        )
        for outcome in outcomes:
            progress.advance(note=outcome.name)
            for note in outcome.notes:
                logger.info(f"{outcome.name}: {note}")
            if verbose and outcome.record is not None:
                logger.info(_told(outcome.name, outcome.record, outcome.seconds))
            if outcome.record is None and stop_on_failure:
                raise InputError(
                    f"{outcome.name}: {outcome.reason} (stopped there; finished subjects are kept)"
                )
            if outcome.record is None:
                failed.append(outcome)
            elif outcome.record.qc["flags"] != "none":
                logger.info(f"{outcome.name}: check its picture: {outcome.record.qc['flags']}")
            finished(outcome)
    return failed


def _told(name: str, record: Record, seconds: float) -> str:
    """Return one line with a subject's figures; their meaning is that of ``qc.tsv``."""
    qc = record.qc
    ratio, flipped = qc["local_correlation_ratio"], qc["local_correlation_ratio_flipped"]
    return (
        f"{name}: {seconds:.1f} s; brain {qc['brain_volume_ml']:.0f} mL ({qc['mask_source']}); "
        f"mutual information with the template {qc['template_mutual_information']:.2f}; "
        f"local correlation ratio {ratio:.2f}, flipped {flipped:.2f}; "
        f"PET moved {qc['pet_shift_mm']:.1f} mm and rotated {qc['pet_rotation_deg']:.1f} degrees, "
        f"mean {qc['pet_mean']:.3g} {record.unit}"
    )
