"""Options of ``petsynth predict``, and which values of them make sense."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from petsynth.cli.help import Help
from petsynth.cli.options import parser

MOST_SAMPLES = 10_000
"""Samples that mean and standard deviation are taken over at most."""


@dataclass(frozen=True)
class Args:
    """Options of ``petsynth predict``."""

    t1: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="T1 ...")]
    """T1-weighted images, folders of them, BIDS datasets or DICOM folders; with the skull or
    without, as .nii, .nii.gz, .mgz, .hdr and .img, .nrrd or .mha."""
    out: Path
    """Folder for the synthetic PET; made if missing."""
    participant_label: Annotated[tuple[str, ...], tyro.conf.arg(metavar="LABEL ...")] = ()
    """Only these participants of a BIDS dataset; with or without sub-. All if left out."""
    volume: int | None = None
    """Which volume is the T1, from 0 on; for images of several volumes (4D)."""
    t1_series: Annotated[tuple[int, ...], tyro.conf.arg(metavar="N ...")] = ()
    """Numbers of the series of a DICOM folder that are T1s; found by their headers if left out."""
    model: Annotated[str | None, tyro.conf.arg(metavar="MODEL")] = None
    """Pretrained model, run folder or weights file; petsynth models lists the pretrained ones. If
    left out: petsynth-fdg, which comes with petsynth."""
    planes: Literal["axial", "all"] = "axial"
    """Slices that are put together; axial: a stack of axial slices (paper A); all: mean over
    predictions in three planes."""
    samples: int = 1
    """Samples, of models that draw several (dropout); of more than one, mean and standard deviation
    are written."""
    seed: int = 0
    """Seed of the samples: the same seed gives the same images."""
    masks: tuple[Path, ...] = ()
    """Brain masks, one per T1, or a folder of them; in the order of the T1s. Computed if left
    out."""
    age: str | None = None
    """Age in years; this and the next six are for models that use them (petsynth models)."""
    sex: str | None = None
    """F or M."""
    diagnosis: str | None = None
    """CN, MCI or AD."""
    mmse: str | None = None
    """Score of the mini-mental state examination, 0 to 30."""
    amyloid: str | None = None
    """Amyloid status: positive or negative."""
    tau: str | None = None
    """Tau status: positive or negative."""
    apoe: str | None = None
    """Number of e4 alleles (0, 1, 2) or genotype (e3/e4)."""
    participants: Path | None = None
    """Table with these values of several T1s; columns participant_id (sub-01), age, sex, diagnosis,
    mmse, amyloid, tau, apoe, as in BIDS's participants.tsv; n/a where unknown."""
    dicom: bool = False
    """Write the synthetic PET as a DICOM series, too; into the study of a T1 that is given as a
    DICOM folder, with the patient's name as it stands there. Below OUT/dicom; petsynth send-dicom
    sends it to an archive."""
    dicom_reference: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER")] = None
    """DICOM folder of the T1, for a T1 that is given as NIfTI; it must lie on the slices of one of
    its series. With it, --dicom need not be said."""
    batch_size: int = 8
    """Slices at once; changes speed and memory, not the result."""
    nprocs: int = 1
    """Processes that predict T1s side by side; each loads the model and takes memory of its own."""
    scheduler: str | None = None
    """Address of a Dask scheduler; tcp://HOST:8786. Its workers predict the T1s. They must see the
    same folders. Needs the extra dask."""
    num_parts: int = 1
    """Parts of the T1s (of a BIDS dataset's participants), for jobs of an array; see --part-id."""
    part_id: int = 0
    """Which part this job predicts, from 0 on."""
    threads: int | None = None
    """CPU threads of each process; all cores together if left out, and never more."""
    device: str = "auto"
    """cpu, cuda, cuda:1, ...; auto: the GPU if there is one."""
    overwrite: bool = False
    """Write over earlier results, and beside other files; without it, what the same command has
    finished before is kept."""


HELP = Help(
    "predict",
    """Infer a synthetic PET from each T1-weighted MRI.

    It is written on the T1's own grid and on the model's, with sidecars that say that it is
    synthetic, and a labelled picture. A T1 that cannot be used is reported, and the others are
    finished.""",
    {
        "which T1s": ("participant_label", "volume", "t1_series"),
        "model": ("model", "planes", "samples", "seed"),
        "what is known of the subject": (
            "masks", "age", "sex", "diagnosis", "mmse", "amyloid", "tau", "apoe", "participants",
        ),
        "computing and output": (
            "dicom", "dicom_reference", "batch_size", "nprocs", "threads", "device", "scheduler",
            "num_parts", "part_id", "overwrite",
        ),
    },
    (
        "petsynth predict sub-01_T1w.nii.gz --out predictions",
        "petsynth predict bids --participant-label 01 02 --model petsynth-av45 --out predictions",
    ),
)  # fmt: skip


parse = parser(Args, HELP)
"""Reads what was typed after the command."""


def given_covariates(args: Args) -> dict[str, str]:
    """Return what the options tell of the one subject."""
    from petsynth.covariates import COVARIATES

    given = {name: getattr(args, name) for name in COVARIATES}
    return {name: text for name, text in given.items() if text is not None}


def check_arguments(args: Args) -> None:
    """Raise ArgumentError if an option has a value that it cannot have."""
    from petsynth.covariates import parse_covariates
    from petsynth.data.covariate_table import read_covariate_texts
    from petsynth.errors import ArgumentError

    for name, value, least in [
        ("--samples", args.samples, 1),
        ("--batch-size", args.batch_size, 1),
        ("--seed", args.seed, 0),
    ]:
        if value < least:
            raise ArgumentError(f"{name} {value}: must be {least} or more")
    if args.samples > MOST_SAMPLES:
        raise ArgumentError(f"--samples {args.samples}: must be {MOST_SAMPLES} or fewer")
    given = given_covariates(args)
    if given and (len(args.t1) > 1 or args.participants is not None):
        raise ArgumentError(
            f"--{next(iter(given))}: is for one T1; name one, or give all in a table "
            "(--participants) and nothing beside it"
        )
    parse_covariates(given)
    if args.participants is not None:
        read_covariate_texts(args.participants)
    folder = len(args.masks) == 1 and args.masks[0].is_dir()
    if args.masks and not folder and len(args.masks) != len(args.t1):
        raise ArgumentError(
            f"--masks: {len(args.masks)} masks for {len(args.t1)} T1s; give one file per T1 in the "
            "same order, or one folder"
        )
