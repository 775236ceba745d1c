"""Everything that makes a PET for a subject: models, baselines, controls, upper bounds."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from petsynth.covariates import CovariateName
from petsynth.data.prepared import PreparedData
from petsynth.errors import PetsynthWarning
from petsynth.evaluation.baselines import (
    PopulationPet,
    TissueRegression,
    derangement,
    mean_training_pet,
    pairs_of,
)
from petsynth.evaluation.mni_space import SubjectWarps, is_possible
from petsynth.evaluation.models import Model
from petsynth.execution import run_side_by_side
from petsynth.inference.run import Run, load_run
from petsynth.io.atomic import atomic_path
from petsynth.log import Progress
from petsynth.slicing import Plane
from petsynth.systems.base import PredictionSettings, SubjectInfo, TrainingFormat

Kind = Literal["model", "baseline", "control", "upper-bound"]

BETWEEN_SUBJECTS = "baseline-between-subjects"
MEAN_PET = "baseline-mean-pet"
TISSUE_REGRESSION = "baseline-tissue-regression"
POPULATION_PET = "baseline-population-pet"
NOISE_FREE = "upper-bound-noise-free"
TRAINING_FORMAT = "upper-bound-{}"
OTHER_T1 = "{} (other subject's T1)"


@dataclass(frozen=True)
class Method:
    """A row of the tables.

    Parameters
    ----------
    name : str
        As the tables show it.
    kind : {"model", "baseline", "control", "upper-bound"}
        What it is for.
    description : str
        One sentence.
    group : str
        Models that differ only in their seed share it, and so do their controls; otherwise the
        name.
    predict : function from str to (X, Y, Z) array, optional
        The method's PET of a subject, in PET units; None for the between-subject baseline,
        which has no prediction of a test subject.
    missing : mapping from str to str
        Participant -> why there is no prediction of them.
    is_external : bool
        Whether another tool made the predictions.
    covariates : tuple of str
        What of a subject, beside the T1, the predictions use where it is known.
    """

    name: str
    kind: Kind
    description: str
    group: str
    predict: Callable[[str], NDArray[Any]] | None = None
    missing: Mapping[str, str] = field(default_factory=dict)
    is_external: bool = False
    covariates: tuple[str, ...] = ()

    def has(self, participant: str) -> bool:
        """Whether there is a prediction of a participant."""
        return self.predict is not None and participant not in self.missing


@dataclass(frozen=True)
class Workers:
    """Who predicts.

    Parameters
    ----------
    nprocs, threads : int
        Processes on this machine, and threads of each.
    scheduler : str, optional
        Address of a Dask scheduler whose workers are used instead.
    """

    nprocs: int = 1
    threads: int = 1
    scheduler: str | None = None


def predict_all(
    models: list[Model],
    data: PreparedData,
    participants: list[str],
    scratch: Path,
    settings: PredictionSettings,
    withheld: Collection[CovariateName] = (),
    workers: Workers | None = None,
) -> list[Method]:
    """Predict every subject with every model, and return the models as methods.

    Volumes are kept in ``scratch`` and memory-mapped, so that memory does not grow with the
    number of subjects. Models are not told the ``withheld`` covariates, though the data know them.
    """
    for model in models:
        if unseen := model.run.system.unseen_planes(settings.planes or ()):
            warnings.warn(
                f"{model.name} was not trained on {' and '.join(unseen)} slices: what it makes of "
                "them is worse",
                PetsynthWarning,
                stacklevel=2,
            )
    store_predictions(models, data, participants, scratch, settings, withheld, workers)
    return [
        Method(
            model.name,
            "model",
            _describe(model, settings),
            model.group,
            _reader(scratch, number),
            covariates=tuple(
                name for name in model.run.system.covariates_used() if name not in withheld
            ),
        )
        for number, model in enumerate(models)
    ]


def store_predictions(
    models: list[Model],
    data: PreparedData,
    participants: list[str],
    scratch: Path,
    settings: PredictionSettings,
    withheld: Collection[CovariateName] = (),
    workers: Workers | None = None,
) -> None:
    """Predict every subject with every model into a folder; what stands there is kept."""
    workers = workers or Workers()
    left = [
        (number, participant)
        for number in range(len(models))
        for participant in participants
        if not _stored(scratch, number, participant).is_file()
    ]
    total = len(models) * len(participants)
    with Progress("predicting", total=total, done=total - len(left)) as progress:
        if workers.nprocs == 1 and workers.scheduler is None:
            for number, participant in left:
                _store(models[number].run, number, data, participant, scratch, settings, withheld)
                progress.advance(note=models[number].name)
            return
        folders = [data.folder.absolute(), scratch.absolute()]
        # All but the function that is called after each sample, which has no name.
        chosen = (settings.planes, settings.samples, settings.seed, settings.batch_size)
        calls = [
            (run.folder.absolute(), str(run.device), number, *folders, participant, chosen,
             tuple(withheld))
            for number, participant in left
            for run in [models[number].run]
        ]  # fmt: skip
        for number in run_side_by_side(
            _store_elsewhere,
            calls,
            nprocs=workers.nprocs,
            threads=workers.threads,
            scheduler=workers.scheduler,
            preload=(__name__,),
        ):
            progress.advance(note=models[number].name)


@functools.lru_cache(maxsize=8)
def _loaded(folder: Path, device: str) -> Run:
    return load_run(folder, device)


def _store_elsewhere(
    folder: Path,
    device: str,
    number: int,
    data: Path,
    scratch: Path,
    participant: str,
    chosen: tuple[tuple[Plane, ...] | None, int, int, int],
    withheld: tuple[CovariateName, ...],
) -> int:
    """Predict in a process that knows the model by its folder."""
    run = _loaded(folder, device)
    _store(
        run, number, PreparedData(data), participant, scratch, PredictionSettings(*chosen), withheld
    )
    return number


def _store(
    run: Run,
    number: int,
    data: PreparedData,
    participant: str,
    scratch: Path,
    settings: PredictionSettings,
    withheld: Collection[CovariateName],
) -> None:
    t1 = np.asarray(run.system.read_t1(data, participant))
    told = {
        name: value for name, value in data.covariates(participant).items() if name not in withheld
    }
    mean = run.predict(t1, settings, SubjectInfo(data.mask(participant), told)).mean
    with atomic_path(_stored(scratch, number, participant)) as temporary:
        np.save(temporary, mean)


def other_subjects_t1(method: Method, participants: list[str]) -> Method:
    """Return the control that predicts each subject from the T1 of the next one.

    Participants without a prediction are passed over, and stay without one.
    """
    other, predict = (
        derangement([each for each in participants if method.has(each)]),
        method.predict,
    )
    assert predict is not None
    name = OTHER_T1.format(method.name)
    description = (
        f"{method.name}, but each subject's PET is predicted from the T1 of the next subject in "
        "the list (the last from the first's): what the model knows without this subject's T1"
    )
    return Method(
        name,
        "control",
        description,
        OTHER_T1.format(method.group),
        lambda name: predict(other[name]),
        missing=method.missing,
        is_external=method.is_external,
    )


def baselines(data: PreparedData, seed: int, warps: SubjectWarps | None = None) -> list[Method]:
    """Fit the baselines on the training subjects, with deformations that others may use, too."""
    scans = data.participants("train")
    subjects = len(data.subjects("train"))
    deformable = is_possible(data)
    with Progress("fitting baselines", total=(2 + deformable) * len(scans)) as progress:
        mean_pet = mean_training_pet(data, progress.advance)
        regression = TissueRegression(data, seed, progress.advance)
        population = PopulationPet(data, progress.advance, warps) if deformable else None
    return [
        Method(
            BETWEEN_SUBJECTS,
            "baseline",
            f"reference PET of each of the {subjects} training subjects against that of the others "
            f"(paper A, section 2.5): all {pairs_of(scans)} ordered pairs for the middle "
            f"slice; {len(scans)} pairs, each subject and the next in the list, for volume and "
            "brain (the first one's mask); not done for all axial slices",
            BETWEEN_SUBJECTS,
        ),
        Method(
            MEAN_PET,
            "baseline",
            f"voxel-wise mean PET of the {subjects} training subjects, the same prediction for "
            "everyone",
            MEAN_PET,
            lambda participant: mean_pet,
        ),
        *([] if population is None else [_population_method(population, subjects)]),
        Method(
            TISSUE_REGRESSION,
            "baseline",
            "linear regression, fitted on the training subjects, of each voxel's PET on its T1 "
            "intensity, on probabilities of fluid, grey and white matter found from the T1 alone "
            "(mixture of three Gaussians), and on these blurred to 6 mm",
            TISSUE_REGRESSION,
            regression.predict,
        ),
    ]


def _population_method(population: PopulationPet, subjects: int) -> Method:
    return Method(
        POPULATION_PET,
        "baseline",
        f"mean PET of the {subjects} training subjects in MNI space, deformed to each subject by "
        "the registration of the T1 alone: what costs nothing on real people",
        POPULATION_PET,
        population.predict,
    )


def upper_bounds(data: PreparedData, participants: list[str], models: list[Model]) -> list[Method]:
    """Return what no model can surpass: noise-free PETs, and what an image format loses."""
    methods = []
    noise_free = {name: pet for name in participants if (pet := data.noise_free(name)) is not None}
    if len(noise_free) == len(participants):
        methods.append(
            Method(
                NOISE_FREE,
                "upper-bound",
                "the simulation's noise-free PET as far as T1, age, diagnosis and status "
                "determine it: no model that sees no more can be expected to do better",
                NOISE_FREE,
                noise_free.__getitem__,
            )
        )
    formats = {each.name: each for each in (_format(model) for model in models) if each}
    for name, image_format in formats.items():
        methods.append(_format_bound(data, name, image_format))
    return methods


def _format(model: Model) -> TrainingFormat | None:
    return model.run.system.training_format()


def _format_bound(data: PreparedData, name: str, image_format: TrainingFormat) -> Method:
    bound = TRAINING_FORMAT.format(name)
    return Method(
        bound,
        "upper-bound",
        image_format.description,
        bound,
        lambda participant: image_format.apply(data.static_pet(participant), data.pet_scale),
    )


def _describe(model: Model, settings: PredictionSettings) -> str:
    steps = model.run.metadata.get("steps", "an unknown number of")
    where = model.run.folder.resolve().name
    other = ", pretrained, not on these training subjects" if model.run.is_pretrained else ""
    return f"{model.run.system.describe_run(steps, settings.planes)}; {where}{other}"


def _reader(scratch: Path, number: int) -> Callable[[str], NDArray[Any]]:
    return lambda participant: np.load(_stored(scratch, number, participant), mmap_mode="r")


def _stored(scratch: Path, number: int, participant: str) -> Path:
    return scratch / f"{number}_{participant}.npy"
