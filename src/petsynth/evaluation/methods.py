"""Everything that makes a synthetic PET for a subject: models, baselines, controls, ceilings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from petsynth.config import SliceConfig, StackConfig
from petsynth.data.jpeg import round_trip
from petsynth.data.prepared import PreparedData
from petsynth.data.scale import from_network, to_network
from petsynth.evaluation.baselines import derangement, mean_training_pet, pairs_of
from petsynth.evaluation.models import Model
from petsynth.evaluation.tissue import TissueRegression
from petsynth.inference.predict import synthesise
from petsynth.log import Progress
from petsynth.slicing import stack_slices, take_slices
from petsynth.training.validation import validation_planes

Kind = Literal["model", "baseline", "control", "ceiling"]

BETWEEN_SUBJECTS = "baseline-between-subjects"
MEAN_PET = "baseline-mean-pet"
TISSUE_REGRESSION = "baseline-tissue-regression"
ORACLE = "oracle-ceiling"
JPEG = "jpeg-round-trip"
OTHER_T1 = "{} (other subject's T1)"


@dataclass(frozen=True)
class Method:
    """A row of the tables.

    Parameters
    ----------
    name : str
        As the tables show it.
    kind : {"model", "baseline", "control", "ceiling"}
        What it is for.
    description : str
        One sentence.
    group : str
        Models that differ only in their seed share it; otherwise the name.
    predict : function from str to (X, Y, Z) array, optional
        The method's PET of a subject, in PET units; None for the between-subject baseline,
        which has no prediction of a test subject.
    """

    name: str
    kind: Kind
    description: str
    group: str
    predict: Callable[[str], NDArray] | None = None


def predict_all(
    models: list[Model],
    data: PreparedData,
    participants: list[str],
    scratch: Path,
    *,
    seed: int,
    batch_size: int,
) -> list[Method]:
    """Predict every subject with every model, and return the models as methods.

    Volumes are kept in ``scratch`` and memory-mapped, so that memory does not grow with the
    number of subjects.
    """
    with Progress("predicting", total=len(models) * len(participants)) as progress:
        for number, model in enumerate(models):
            for participant in participants:
                read = data.mri if model.run.t1_grid is None else data.t1
                mri = np.asarray(read(participant))
                mean = synthesise(model.run, mri, seed=seed, batch_size=batch_size).mean
                np.save(_stored(scratch, number, participant), mean)
                progress.advance(note=model.name)
    return [
        Method(model.name, "model", _describe(model), model.group, _reader(scratch, number))
        for number, model in enumerate(models)
    ]


def other_subjects_t1(method: Method, participants: list[str]) -> Method:
    """Return the control that predicts each subject from the T1 of the next one."""
    other, predict = derangement(participants), method.predict
    assert predict is not None
    name = OTHER_T1.format(method.name)
    description = (
        f"{method.name}, but each subject's PET is predicted from the T1 of the next subject in "
        "the list (the last from the first's): what the model knows without this subject's T1"
    )
    return Method(name, "control", description, name, lambda name: predict(other[name]))


def baselines(data: PreparedData, seed: int) -> list[Method]:
    """Fit the baselines on the training subjects."""
    scans = data.participants("train")
    subjects = len(data.subjects("train"))
    with Progress("fitting baselines", total=2 * len(scans)) as progress:
        mean_pet = mean_training_pet(data, progress.advance)
        regression = TissueRegression(data, seed, progress.advance)
    return [
        Method(
            BETWEEN_SUBJECTS,
            "baseline",
            f"real PET of each of the {subjects} training subjects against that of the others "
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


def ceilings(data: PreparedData, participants: list[str], models: list[Model]) -> list[Method]:
    """Return what no model can surpass: the simulation's oracle, and JPEG's loss."""
    methods = []
    oracles = {
        name: oracle for name in participants if (oracle := data.noise_free(name)) is not None
    }
    if len(oracles) == len(participants):
        methods.append(
            Method(
                ORACLE,
                "ceiling",
                "the simulation's noise-free PET as far as the T1 determines it: no model that "
                "sees only the T1 can be expected to do better",
                ORACLE,
                oracles.__getitem__,
            )
        )
    slices = [model.run.slices for model in models if model.run.slices is not None]
    if any(config.data.intensity == "uint8-jpeg" for config in slices):
        methods.append(
            Method(
                JPEG,
                "ceiling",
                "the real PET after the 8-bit JPEG of the training slices (axial, quality 100, "
                "clipped at the PET scale): what the paper's image format alone costs",
                JPEG,
                lambda participant: jpeg_round_trip(data.static_pet(participant), data.pet_scale),
            )
        )
    return methods


def jpeg_round_trip(pet: NDArray, pet_scale: float) -> NDArray[np.float32]:
    """Return a PET volume, in PET units, after 8-bit JPEG of its axial slices."""
    slices = take_slices(to_network(pet, pet_scale), "axial")
    return from_network(
        stack_slices(np.stack([round_trip(each) for each in slices]), "axial"), pet_scale
    )


def _describe(model: Model) -> str:
    config = model.run.config
    steps = model.run.metadata.get("steps", "an unknown number of")
    if isinstance(config, StackConfig):
        return (
            f"{config.system}: 2.5D U-Net on stacks of {config.data.slices} axial slices, {steps} "
            f"steps of batch {config.training.batch_size}, seed {config.seed}; {model.run.folder}"
        )
    if not isinstance(config, SliceConfig):
        batch = f"{config.training.accumulate} x {config.training.batch_size}"
        return (
            f"{config.system} on whole volumes, {config.data.frames} frame(s), {steps} steps of "
            f"batch {batch}, seed {config.seed}; {model.run.folder}"
        )
    return (
        f"pix2pix trained on {' + '.join(config.data.planes)} slices ({config.data.intensity}), "
        f"{steps} steps of batch {config.training.batch_size}, seed {config.seed}; predicted from "
        f"{' + '.join(validation_planes(config))} slices, one dropout draw; {model.run.folder}"
    )


def _reader(scratch: Path, number: int) -> Callable[[str], NDArray]:
    return lambda participant: np.load(_stored(scratch, number, participant), mmap_mode="r")


def _stored(scratch: Path, number: int, participant: str) -> Path:
    return scratch / f"{number}_{participant}.npy"
