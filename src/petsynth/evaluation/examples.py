"""The subjects that the figures show: the best, the median and the worst by the brain's error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from petsynth.data.prepared import PreparedData, static_mean
from petsynth.evaluation.methods import Method


@dataclass(frozen=True)
class Example:
    """One subject for the figures, in PET units and the network's MRI units.

    Parameters
    ----------
    participant : str
        Whose images.
    mri, pet : (X, Y, Z) array
        T1 and reference PET, the mean over its frames.
    synthetic_pets : dict from str to (X, Y, Z) array
        Each model's prediction, likewise; of those that have one.
    frames : (X, Y, Z) or (X, Y, Z, T) array
        The reference PET as it is.
    synthetic_frames : dict from str to (X, Y, Z) or (X, Y, Z, T) array
        Each model's prediction as it is.
    """

    participant: str
    mri: NDArray[Any]
    pet: NDArray[Any]
    synthetic_pets: dict[str, NDArray[Any]]
    frames: NDArray[Any]
    synthetic_frames: dict[str, NDArray[Any]]


def choose_examples(
    table: pd.DataFrame, predicted: Sequence[Method], data: PreparedData
) -> dict[str, Example]:
    """Return the examples by rank of the brain's MAE, averaged over the models.

    Parameters
    ----------
    table : DataFrame
        Of an evaluation, with ``participant_id``, ``kind`` and ``brain_mae``.
    predicted : sequence of Method
        The models.
    data : PreparedData
        Whose subjects they are.

    Returns
    -------
    dict of str to Example
        ``"median"`` (of two middle ones the better), and from two subjects on ``"best"`` and
        ``"worst"``.
    """
    of_models = table[table["kind"] == "model"]
    names = of_models["participant_id"]
    number = names.map(lambda name: sum(method.has(name) for method in predicted))
    of_models = of_models[number == number.max()]  # another tool may lack some
    errors = of_models.groupby("participant_id", sort=False)["brain_mae"].mean()
    ranked = [str(name) for name in errors.sort_values(kind="stable").index]
    chosen = {"median": ranked[(len(ranked) - 1) // 2]}
    if len(ranked) > 1:
        chosen = {"best": ranked[0], **chosen, "worst": ranked[-1]}
    made: dict[str, Example] = {}
    for participant in dict.fromkeys(chosen.values()):
        made[participant] = _example(participant, predicted, data)
    return {rank: made[participant] for rank, participant in chosen.items()}


def _example(participant: str, predicted: Sequence[Method], data: PreparedData) -> Example:
    synthetic_frames = {
        method.name: np.array(method.predict(participant))
        for method in predicted
        if method.predict is not None and method.has(participant)
    }
    return Example(
        participant,
        np.array(data.mri(participant)),
        np.array(data.static_pet(participant)),
        {
            name: static_mean(frames, data.frame_durations)
            for name, frames in synthetic_frames.items()
        },
        np.array(data.pet(participant)),
        synthetic_frames,
    )
