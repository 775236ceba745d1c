"""The files of prepared data as a whole: what makes the folder a BIDS derivative."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from petsynth.io.atomic import write_json, write_text
from petsynth.io.bids.metadata import write_dataset_description, write_table

README = """# Prepared data for petsynth

Made by `petsynth prepare` from {source}.

- `sub-*/anat`, `sub-*/pet`: T1-weighted MRI, brain mask and PET on one grid. `space-aligned` means
  the participant's own brain, rigidly aligned to MNI axes; it is **not** MNI space.
- `arrays/`: the same as NumPy arrays, as the models read them (MRI scaled to [-1, 1]).
- `prepared.json`: tracer, unit, grid, PET scale and its definition.
- `split.tsv`: who is for training, validation and test. `exclusions.tsv`: who is left out, and why.
- `group_qc.html`, `sub-*.html`, `qc.tsv`: quality control; look at every picture before training.
- `logs/CITATION.md`: what was done, in words for a paper.
{simulated}"""

IGNORED = (
    "arrays",
    "slices",
    "figures",
    "logs",
    "*.html",
    "prepared.json",
    "split.tsv",
    "exclusions.tsv",
    "qc.*",
    "*_xfm.*",
)
"""What is no part of BIDS, in ``.bidsignore``."""

DATASET_FILES = (
    "dataset_description.json",
    "README.md",
    ".bidsignore",
    "descriptions.tsv",
    "participants.tsv",
    "participants.json",
    "prepared.json",
    "split.tsv",
    "exclusions.tsv",
    "qc.tsv",
    "qc.json",
    "group_qc.html",
    "logs/CITATION.md",
)
"""All files at the root of prepared data."""

DESCRIPTIONS = {
    "desc-preproc": "Rigidly aligned to MNI axes (PET by way of the T1w image), resampled once",
    "desc-brain": "Brain mask",
}

QC_COLUMNS = {
    "session_id": "Session of the PET",
    "interval_days": "Days between T1 and PET, where both dates are known",
    "mask_source": "How the brain was found: given, segmentation (given labels), skull-stripped "
    "(nonzero voxels) or deepbet",
    "brain_volume_ml": "Volume of the brain mask in mL",
    "template_mutual_information": "Mutual information of the T1's brain and the template, in nats",
    "mutual_information": "Mutual information of the locally normalised T1 and PET after "
    "registration, in nats",
    "local_correlation_ratio": "Fraction of the variance of the PET's local detail that the T1's "
    "explains (0 to 1)",
    "local_correlation_ratio_flipped": "The same with the PET flipped left to right: chance level",
    "pet_shift_mm": "How far registration moved the brain's centre, in mm",
    "pet_rotation_deg": "By what angle registration rotated the PET, in degrees",
    "pet_coverage": "Fraction of the brain inside the PET's field of view (0 to 1)",
    "motion_mm": "How far a point of the head moved between the PET's frames, in mm",
    "t1_reproducible": "Whether two independent initialisations led to the same alignment of the "
    "T1",
    "pet_reproducible": "Whether two independent initialisations led to the same registration of "
    "the PET",
    "pet_mean": "Mean of the PET in the brain, in its unit",
    "unit": "Unit of the PET",
    "reference_region": "Region whose mean the PET was divided by; n/a if it came as it is",
    "reference_value": "That mean, in the unit that the PET had",
    "reference_ml": "Volume of the reference region in this subject, in mL",
    "warp_correlation": "Correlation of the brain and the template after deformation (-1 to 1)",
    "target_suvr": "Mean SUVR of the tracer's target region",
    "centiloid_like": "By the tracer's equation, which holds for another pipeline",
    "abnormal": "Whether the target passes the tracer's published threshold",
    "flags": "What a person should look at",
}
"""Columns of ``qc.tsv``, and what they mean."""


def write_dataset_files(folder: str | Path, bids: str | Path, *, simulated: bool) -> None:
    """Write description, README, ``.bidsignore`` and the meaning of ``desc-``.

    Parameters
    ----------
    folder : str or Path
        Of the prepared data.
    bids : str or Path
        The dataset that they are made from.
    simulated : bool
        Whether that is a simulation.
    """
    root, source = Path(folder), Path(bids).resolve()
    more = {"DatasetLinks": {"raw": source.as_uri()}} | ({"Simulated": True} if simulated else {})
    write_dataset_description(
        root, "petsynth: prepared T1 and PET", derivative=True, sources=[str(source)], **more
    )
    note = "\n**The scans are simulated; none of them shows a real PET.**\n" if simulated else ""
    write_text(root / "README.md", README.format(source=f"`{source}`", simulated=note))
    write_text(root / ".bidsignore", "\n".join(IGNORED) + "\n")
    table = pd.DataFrame(DESCRIPTIONS.items(), columns=["desc_id", "description"])
    write_table(root / "descriptions.tsv", table)


def write_participants(folder: str | Path, participants: pd.DataFrame) -> None:
    """Write ``participants.tsv``, and what its columns mean.

    Parameters
    ----------
    folder : str or Path
        Of the prepared data.
    participants : DataFrame
        With ``participant_id``, ``diagnosis`` and ``original_id``.
    """
    write_table(Path(folder) / "participants.tsv", participants)
    write_json(
        Path(folder) / "participants.json",
        {
            "diagnosis": {"Description": "As in the source dataset"},
            "original_id": {"Description": "Identifier before conversion to BIDS, where known"},
        },
    )


def write_qc(folder: str | Path, rows: list[dict]) -> None:
    """Write ``qc.tsv``, a row per subject, and ``qc.json`` with what its columns mean."""
    write_table(Path(folder) / "qc.tsv", pd.DataFrame(rows))
    meaning = {name: {"Description": text} for name, text in QC_COLUMNS.items()}
    write_json(Path(folder) / "qc.json", meaning)
