"""Options of ``petsynth prepare``, on the command line and in a TOML file."""

from __future__ import annotations

import argparse
import dataclasses
import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

import tyro
from pydantic import TypeAdapter, ValidationError

from petsynth.cli.help import Help
from petsynth.cli.options import parse_options
from petsynth.errors import ConfigError, InputError
from petsynth.io.text import read_toml
from petsynth.preprocessing.flags import Check

Level = Literal["participant", "group"]
AnyCheck = Literal["all", Check]


@dataclass(frozen=True)
class Args:
    """Options of ``petsynth prepare``."""

    bids_dir: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="BIDS_DIR")]
    """BIDS dataset; sub-*/[ses-*/]anat/*_T1w.nii.gz and pet/*_pet.nii.gz."""
    out_dir: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="OUT_DIR")]
    """Folder of the prepared data; a BIDS derivative, continued if it was begun earlier."""
    analysis_level: Annotated[
        tuple[Level, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[participant] [group]")
    ] = ()
    """Only this level; participant: prepare each subject; group: split, PET scale, tables and pages
    of all that are finished, by the settings they were prepared with. None: one after the other; so
    does participant, unless it prepares some only (--participant-label, --num-parts)."""
    participant_label: Annotated[tuple[str, ...], tyro.conf.arg(metavar="LABEL ...")] = ()
    """Only these participants; with or without sub-. All if left out."""
    session_label: Annotated[str | None, tyro.conf.arg(metavar="LABEL")] = None
    """Only this session; with or without ses-. Any if left out."""
    tracer_label: Annotated[str | None, tyro.conf.arg(aliases=["--tracer"], metavar="TRACER")] = (
        None
    )
    """Tracer, needed if there are several; FDG, AV45, AV1451, FBB, FMM, PIB or another, in any
    spelling ([18F]FDG, florbetapir)."""
    pairs: Literal["first", "all"] = "first"
    """Pairs of scans per subject; first: one, of the earliest PET; all: one per visit, each with a
    name, arrays and page of its own. Split and statistics go by subject either way."""
    max_interval: float | None = 365.0
    """Longest interval between the scans in days; None: any, also unknown. Paper A: one year."""
    bids_filter_file: Path | None = None
    """JSON that says which images are considered; as in fMRIPrep: {"t1w": {...}, "pet": {...}};
    other groups do not matter."""
    skip_bids_validation: bool = False
    """Do not run the BIDS validator first; its errors are shown; they never stop the run."""
    grid: Literal["paper-a", "paper-b"] = "paper-a"
    """Grid of the images; paper-a: T1 and PET on the MNI bounding box; paper-b: PET on 152 x 186 x
    152 mm, T1 on a cube of 256 mm with voxels half as wide."""
    voxel_mm: float | None = None
    """Voxel edge of the PET's grid in mm; if left out 1.5 for paper-a (121 x 145 x 121), 2 for
    paper-b (76 x 93 x 76, T1 256 x 256 x 256)."""
    registration: Literal["rigid", "none"] = "rigid"
    """Alignment to MNI axes; none: T1 and PET are merely centred, as in paper B, with --grid
    paper-b only."""
    masks: Annotated[
        tuple[str, ...], tyro.conf.arg(aliases=["--derivatives", "-d"], metavar="DIR ...")
    ] = ()
    """Derivatives datasets with brain masks; PATH or NAME=PATH, with
    sub-*/**/*_desc-brain_mask.nii.gz, or *_dseg.nii.gz all of whose labels are brain. The first
    that has a T1's mask counts. Computed if left out."""
    brain_mask: Literal["auto", "deepbet"] = "auto"
    """How the brain is found without --masks; auto: nonzero voxels of a skull-stripped T1, deepbet
    for any other."""
    device: Literal["cpu", "auto", "cuda"] = "cpu"
    """Where deepbet computes; the rest always runs on the CPU."""
    bias_field: bool = False
    """Correct the T1's bias field (N4); not part of the paper."""
    frames: Literal["mean", "keep"] | int = "mean"
    """What becomes of the PET's frames; mean: averaged by duration over the time window (paper A);
    keep: one image per frame, all of the scan; a number, of a dynamic PET only: as many windows of
    equal length."""
    time_window: Annotated[tuple[float, float] | None, tyro.conf.arg(metavar="START END")] = None
    """Minutes after injection that are averaged; frames outside are not. If left out the tracer's
    own (FDG 30 60, AV45 50 70, AV1451 80 100, PIB 50 70, FBB and FMM 90 110). A scan that
    lacks a part of it is flagged."""
    motion: bool = True
    """Correct motion between the PET's frames; head motion. On unless --no-motion."""
    units: Literal["auto", "keep", "suv", "suvr"] = "auto"
    """Unit of the PET; auto: activity (Bq/mL, kBq/mL, nCi/cc, ...) and SUV become SUVR, other units
    stay; keep: activity is only converted to Bq/mL; suv needs dose and weight."""
    reference_region: str | None = None
    """Reference region of the SUVR; pons, pons-vermis, whole-cerebellum, cerebellar-grey or
    inferior-cerebellar-grey; default: the tracer's own (pons for FDG)."""
    psf_mm: float | None = None
    """Smooth every PET to this resolution in mm; full width at half maximum. ADNI: 8."""
    scanner_psf_mm: float | None = None
    """Resolution of the PET, if no sidecar says it; PointSpreadFWHM in the sidecar."""
    exclude_flagged: Annotated[
        tuple[AnyCheck, ...] | None, tyro.conf.arg(metavar="[CHECK ...]")
    ] = None
    """Leave out subjects with these flags; input, pair, t1-alignment, coverage, registration,
    motion, time-window, reference-region, target-region, deformation, uptake. Without a name: any
    of them. Default: flagged subjects stay, and qc.tsv says so."""
    jpeg: bool = False
    """Write the slices as JPEG files, too; 8 bits, quality 100."""
    test: float = 0.25
    """Test subjects, as a fraction or number; below 1 it is a fraction. Stratified by diagnosis."""
    validation: float = 0.0
    """Validation subjects, in the same way."""
    split: Path | None = None
    """Table with a split of your own; tab-separated, with the columns participant_id and split
    (train, validation or test); its participants may go by the dataset's original_id. Subjects that
    it does not name are left out."""
    seed: Annotated[int, tyro.conf.arg(aliases=["--random-seed"])] = 0
    """Seed of the random split; nothing else is random."""
    nprocs: int = 1
    """Processes, one subject each at a time; about 1.5 GB each with deepbet."""
    omp_nthreads: int | None = None
    """Threads of each process; for deepbet and linear algebra. If left out 1, or all with --nprocs
    1. Registration always takes one, so that it gives the same result everywhere."""
    mem_mb: int | None = None
    """Memory in MB for all processes; fewer run at a time where they would need more."""
    scheduler: str | None = None
    """Address of a Dask scheduler; tcp://HOST:8786. Its workers prepare the subjects. They must
    see the same folders. Needs the extra dask."""
    num_parts: int = 1
    """Parts of the participants, for jobs of an array; see --part-id."""
    part_id: int = 0
    """Which part this job prepares, from 0 on."""
    work_dir: Annotated[Path | None, tyro.conf.arg(aliases=["-w"])] = None
    """Folder for temporary files; the system's if left out."""
    dry_run: bool = False
    """Print what would be done; write nothing. Says which images would be paired, and who is left
    out."""
    reports_only: bool = False
    """Only make the pages anew; of the finished subjects and of the group."""
    boilerplate_only: bool = False
    """Only print the paragraph for a paper; of the finished subjects, or of these options."""
    stop_on_first_crash: bool = False
    """Stop at a subject that cannot be prepared; with status 1. Without it, it is left out."""
    config_file: Path | None = None
    """TOML file with values of these options; as nprocs = 4. What is typed wins."""
    verbose: Annotated[tyro.conf.UseCounterAction[int], tyro.conf.arg(aliases=["-v"])] = 0
    """Show each subject's quality figures; time and brain mask, too."""
    overwrite: bool = False
    """Remove earlier prepared data first; or write beside what else the folder holds."""


HELP = Help(
    "prepare",
    """Bring a BIDS dataset's T1 and PET scans onto the models' grid.

    Run again, it keeps what is finished.""",
    {
        "which scans": (
            "participant_label", "session_label", "tracer_label", "pairs", "max_interval",
            "bids_filter_file", "skip_bids_validation", "config_file",
        ),
        "images": (
            "grid", "voxel_mm", "registration", "masks", "brain_mask", "device", "bias_field",
        ),
        "PET": (
            "frames", "time_window", "motion", "units", "reference_region", "psf_mm",
            "scanner_psf_mm",
        ),
        "cohort": ("test", "validation", "split", "seed", "exclude_flagged", "jpeg"),
        "computing": (
            "nprocs", "omp_nthreads", "mem_mb", "scheduler", "num_parts", "part_id", "work_dir",
        ),
        "what is done": (
            "dry_run", "reports_only", "boilerplate_only", "stop_on_first_crash", "verbose",
            "overwrite",
        ),
    },
    (
        "petsynth prepare bids prepared --tracer FDG --nprocs 8",
        "petsynth prepare bids prepared participant --participant-label 01 02",
    ),
)  # fmt: skip


def parse(argv: list[str]) -> Args:
    """Turn what was typed after ``petsynth prepare`` into options.

    Raises
    ------
    InputError, ConfigError
        If the file of ``--config-file`` cannot be used.
    """
    return parse_options(
        Args,
        argv,
        HELP,
        default=Args(tyro.MISSING, tyro.MISSING, **read_config_file(argv)),
    )


def read_config_file(argv: Sequence[str]) -> dict[str, Any]:
    """Return the options in the file of ``--config-file``; empty where the option is not typed.

    Parameters
    ----------
    argv : sequence of str
        As typed after ``petsynth prepare``.

    Returns
    -------
    dict of str to Any
        By name of a field of `Args`; folders, which have no default, are typed and not read from
        the file.

    Raises
    ------
    InputError
        If there is no such file.
    ConfigError
        If it is not valid TOML, or names an unknown option or a wrong value.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--config-file", type=Path)
    try:
        path = parser.parse_known_args(argv)[0].config_file
    except argparse.ArgumentError:  # the option without a value: tyro will say so
        return {}
    return {} if path is None else _read(path)


def _read(path: Path) -> dict[str, Any]:
    known = {
        field.name for field in dataclasses.fields(Args) if field.default is not dataclasses.MISSING
    } - {"config_file"}
    types = get_type_hints(Args, include_extras=False)
    values = {}
    for key, value in _content(path).items():
        name = key.replace("-", "_")
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]}?" if close else "see petsynth prepare --help"
            raise ConfigError(f"{path}: unknown option {key}; {hint}")
        try:
            values[name] = TypeAdapter(types[name]).validate_python(value)
        except ValidationError as error:
            raise ConfigError(f"{path}: {key} = {value!r}: {error.errors()[0]['msg']}") from None
    return values


def _content(path: Path) -> dict[str, Any]:
    try:
        return read_toml(path)
    except (InputError, ConfigError) as error:
        raise type(error)(f"--config-file {error}") from None
