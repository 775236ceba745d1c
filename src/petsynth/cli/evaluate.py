"""``petsynth evaluate``: how good trained models are, against baselines.

Predicts every test subject with every run, compares the predictions with the reference PET on
the middle axial slice (paper A), on the whole volume and inside the brain, does the same with
baselines and controls, compares uptake over subjects in the regions of an atlas, and writes
metrics.tsv, regions.tsv, agreement.tsv, summary.json, comparisons.json, figures/*.png,
report.html and report.pdf. Data of several tracers get a folder each, and one report of all.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from petsynth.cli.help import Help
from petsynth.cli.options import parser

if TYPE_CHECKING:
    from petsynth.cli.evaluate_inputs import Study
    from petsynth.evaluation.methods import Workers
    from petsynth.report.content import Report
    from petsynth.slicing import Plane

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Args:
    """Options of ``petsynth evaluate``."""

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[RUN ...]")]
    """Run folders of petsynth train, or pretrained models by name; they are compared in one
    table."""
    data: tuple[Path, ...]
    """Prepared data that the runs were trained on; for pretrained models any, with a split, or a
    BIDS dataset, which is prepared in OUT_prepared first, half of its subjects for the test. For
    several tracers it is given several times; each run is evaluated on the data of its tracer."""
    out: Path
    """Folder for tables, figures and report; made if missing."""
    predictions: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME=DIR ...")] = ()
    """Other tools' predictions; DIR alone will do, too: NIfTI images of the subjects, on any grid,
    in the space of the prepared data or, with space-T1w in the name, of the T1; paired by BIDS
    entities, or called like the participant."""
    split: Literal["test", "validation"] = "test"
    """Which subjects are predicted."""
    margin: Annotated[tuple[str, ...], tyro.conf.arg(metavar="METRIC=VALUE ...")] = ()
    """Largest difference that counts as none; between models, for example ssim=0.01 psnr=0.5. Set
    it before you look."""
    withhold: tuple[Literal["age", "sex", "diagnosis", "mmse", "amyloid", "tau", "apoe"], ...] = ()
    """Covariates that models are not told, though the data know them. Withhold diagnosis and
    mmse before petsynth classify, or the model is given the answer."""
    data_range: float | None = None
    """Data range of PSNR, SSIM and NRMSE, in PET units; for volume and brain. If left out, fixed
    per tracer for SUVR, else the training set's PET scale."""
    atlas: str = "dkt"
    """Atlas whose regions are compared over subjects; dkt, which comes with petsynth, a label image
    in MNI152 space, or none. See regions.tsv and agreement.tsv."""
    seed: int = 0
    """Chooses dropout samples, tissue samples and bootstrap resamples."""
    batch_size: int = 8
    """Slices at once; changes speed and memory, not the result."""
    nprocs: int = 1
    """Processes that predict subjects side by side, in as many threads each as there are cores for
    it; each loads the models and takes memory of its own."""
    scheduler: str | None = None
    """Address of a Dask scheduler; tcp://HOST:8786. Its workers predict; this process measures.
    They must see the same folders. Needs the extra dask."""
    num_parts: int = 1
    """Parts of the subjects, for jobs of an array that predict into one --out; see --part-id. The
    same command without it then measures all."""
    part_id: int = 0
    """Which part this job predicts, from 0 on."""
    threads: int | None = None
    """CPU threads; all cores if left out, and never more."""
    device: str = "auto"
    """cpu, cuda, cuda:1, ...; auto: the GPU if there is one."""
    planes: Literal["axial", "all"] | None = None
    """Planes that models of slices average; if left out axial, as in paper A."""
    audit: Literal["labels", "images"] = "labels"
    """Where leakage is looked for; labels and participants.tsv alone, or the images, too (a second
    or so per scan). See petsynth audit."""
    allow_leakage: bool = False
    """Evaluate although a test subject was trained on; under another label. The findings then begin
    with it."""
    figures: bool = True
    """Draw figures; without them the report has its tables alone, in a fraction of the time."""
    save_predictions: bool = False
    """Keep the predicted PET of each subject and model, in predictions/MODEL; for petsynth view."""
    overwrite: bool = False
    """Replace an earlier evaluation in the same folder."""


HELP = Help(
    "evaluate",
    """Measure how good trained models are, against baselines.

    Predicts every test subject with every run, compares the predictions with the reference PET on
    the middle axial slice (paper A), on the whole volume and inside the brain, does the same with
    baselines and controls, compares uptake over subjects in the regions of an atlas, and writes
    metrics.tsv, regions.tsv, agreement.tsv, summary.json, comparisons.json, figures/*.png,
    report.html and report.pdf. Data of several tracers get a folder each below --out, and one
    report of all.""",
    {
        "what is measured": (
            "predictions",
            "split",
            "margin",
            "withhold",
            "data_range",
            "atlas",
            "planes",
            "seed",
        ),
        "leakage": ("audit", "allow_leakage"),
        "computing and output": (
            "batch_size",
            "nprocs",
            "threads",
            "device",
            "scheduler",
            "num_parts",
            "part_id",
            "figures",
            "save_predictions",
            "overwrite",
        ),
    },
    (
        "petsynth evaluate runs/axial --data prepared --out evaluation",
        "petsynth evaluate petsynth-fdg petsynth-av45 --data fdg --data av45 --out evaluation",
    ),
)


parse = parser(Args, HELP)
"""Reads what was typed after the command."""


def run(args: Args) -> None:
    """Evaluate and report.

    Raises
    ------
    ArgumentError
        If an option has an impossible value.
    InputError, RunError, SplitError
        If data or a run cannot be used, or do not belong together.
    OutputError
        If the folder holds something already.
    """
    from petsynth.cli.evaluate_inputs import find_studies
    from petsynth.cli.evaluate_raw import prepare_raw
    from petsynth.evaluation.comparison import parse_margins
    from petsynth.inference.run import choose_device
    from petsynth.io.lock import lock_folder
    from petsynth.report.folder import make_folder, write_joint_report

    _check_arguments(args)
    margins = parse_margins(args.margin)
    studies = find_studies(
        prepare_raw(args.data, args.runs, args.out),
        args.runs,
        args.predictions,
        split=args.split,
        with_images=args.audit == "images",
        allow_leakage=args.allow_leakage,
        device=choose_device(args.device, args.threads),
    )
    if args.num_parts > 1:
        for study in studies:
            _predict_part(args, study)
        logger.info(
            f"part {args.part_id} of {args.num_parts} is predicted; when all are done, give the "
            "same command without --num-parts and --part-id"
        )
        return
    with lock_folder(args.out):
        make_folder(args.out, overwrite=args.overwrite)
        reports = [_evaluate(args, study, margins, several=len(studies) > 1) for study in studies]
        if len(reports) > 1:
            write_joint_report(reports, args.out)
    for report in reports:
        _print(report, several=len(reports) > 1)
    logger.info(f"report: {args.out / 'report.html'}")


def _evaluate(args: Args, study: Study, margins: dict[str, float], *, several: bool) -> Report:
    """Evaluate on the data of one tracer, and write what was found."""
    import contextlib
    import dataclasses
    import tempfile
    import warnings

    from petsynth.errors import PetsynthWarning
    from petsynth.evaluation.domains import MetricSettings, choose_data_range
    from petsynth.evaluation.evaluate import evaluate
    from petsynth.io.atomic import temporary_prefix
    from petsynth.regional.atlas import read_atlas
    from petsynth.report.folder import write_evaluation
    from petsynth.report.predictions import PREDICTIONS, write_predictions

    data = study.data
    data_range = choose_data_range(data.tracer, data.unit, data.pet_scale, args.data_range)
    prefix = f"{temporary_prefix()}predictions-"
    earlier = _predicted_folder(args, study)
    with (
        contextlib.nullcontext(str(earlier))
        if earlier.is_dir()
        else tempfile.TemporaryDirectory(prefix=prefix, dir=args.out)
    ) as scratch:
        evaluation = evaluate(
            study.models,
            data,
            Path(scratch),
            settings=MetricSettings(data.pet_scale, data_range, data.unit, data.tracer),
            split=args.split,
            seed=args.seed,
            batch_size=args.batch_size,
            planes=_planes(args),
            threads=_threads(args.threads),
            atlas=None if args.atlas == "none" else read_atlas(args.atlas),
            predictions=study.predictions,
            withheld=args.withhold,
            workers=_workers(args),
        )
        evaluation = dataclasses.replace(evaluation, audit=study.audit)
        for unmeasured in evaluation.unmeasured():
            warnings.warn(unmeasured, PetsynthWarning, stacklevel=2)
        out = args.out / data.tracer if several else args.out
        with tempfile.TemporaryDirectory(prefix=prefix, dir=args.out) as kept:
            if args.save_predictions:
                write_predictions(evaluation, kept)
            report = write_evaluation(
                evaluation, out, margins, study.audit.leaks, study.models, figures=args.figures
            )
            if args.save_predictions:
                (Path(kept) / PREDICTIONS).rename(out / PREDICTIONS)
        return report


def _predict_part(args: Args, study: Study) -> None:
    """Predict this job's part of the subjects, for the command that measures them all."""
    from petsynth.evaluation.methods import store_predictions
    from petsynth.execution import part_of
    from petsynth.io.lock import lock_folder
    from petsynth.report.folder import check_folder
    from petsynth.systems.base import PredictionSettings

    folder = _predicted_folder(args, study)
    participants = part_of(study.data.participants(args.split), args.num_parts, args.part_id)
    with lock_folder(args.out, key=folder.name):
        check_folder(args.out)
        folder.mkdir(parents=True, exist_ok=True)
        store_predictions(
            study.models,
            study.data,
            participants,
            folder,
            PredictionSettings(_planes(args), seed=args.seed, batch_size=args.batch_size),
            args.withhold,
            _workers(args),
        )


def _predicted_folder(args: Args, study: Study) -> Path:
    """Return where jobs of an array put predictions: another one for other models or data."""
    import hashlib
    import json

    from petsynth.report.folder import PREDICTED
    from petsynth.version import __version__

    arrays = sorted(study.data.folder.glob("arrays/*"))
    content = [
        __version__,
        [str(model.run.metadata) for model in study.models],
        study.data.description,
        [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in arrays],
        [args.split, args.planes, args.seed, sorted(args.withhold)],
    ]
    digest = hashlib.sha256(json.dumps(content, default=str).encode()).hexdigest()
    return args.out / PREDICTED / digest[:16]


def _planes(args: Args) -> tuple[Plane, ...] | None:
    from petsynth.slicing import ALL_PLANES

    planes: dict[str | None, tuple[Plane, ...] | None]
    planes = {"axial": ("axial",), "all": ALL_PLANES, None: None}
    return planes[args.planes]


def _workers(args: Args) -> Workers:
    from petsynth.evaluation.methods import Workers

    threads = max(_threads(args.threads) // args.nprocs, 1)
    return Workers(args.nprocs, threads, args.scheduler)


def _print(report: Report, *, several: bool) -> None:
    from petsynth.report.tables import format_paper_a_table, format_paper_b_table

    evaluation = report.evaluation
    if several:
        print(f"{evaluation.settings.tracer}\n")
    print(format_paper_a_table(evaluation))
    if evaluation.data.t1_grid is not None:
        print(format_paper_b_table(evaluation))
    print("\n".join(f"- {finding}" for finding in report.findings))
    if several:
        print()


def _check_arguments(args: Args) -> None:
    from petsynth.errors import ArgumentError
    from petsynth.execution import check_processes
    from petsynth.regional.atlas import read_atlas

    check_processes(args.nprocs, args.num_parts, args.part_id)
    for run in args.runs:
        if (run / "prepared.json").is_file() or (run / "dataset_description.json").is_file():
            raise ArgumentError(
                f"{run}: holds data, no run; each folder of data has a --data of its own: "
                f"--data {args.data[0]} --data {run}"
            )
    if args.num_parts > 1 and args.overwrite:
        raise ArgumentError(
            "--overwrite with --num-parts: give it with the command that measures all parts"
        )
    if args.batch_size < 1:
        raise ArgumentError(f"--batch-size {args.batch_size}: must be 1 or more")
    if args.seed < 0:
        raise ArgumentError(f"--seed {args.seed}: must be 0 or more")
    if args.data_range is not None and not 0 < args.data_range < float("inf"):
        raise ArgumentError(f"--data-range {args.data_range}: must be positive and finite")
    if args.data_range is not None and len(args.data) > 1:
        raise ArgumentError(
            "--data-range: tracers have their own; leave it out, or name one --data"
        )
    if args.atlas != "none":
        read_atlas(args.atlas)


def _threads(wanted: int | None) -> int:
    import os

    cores = os.cpu_count() or 1
    return min(wanted or cores, cores)
