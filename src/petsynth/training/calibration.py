"""How far a standard deviation is off, measured on subjects that the network was not trained on.

A network that expects its own error, or whose samples spread, tells where it is unsure better than
how unsure it is: on unseen people both are too small after a short training. One factor sets the
size right in the mean over the validation subjects (decision record 86). It is kept in the weights'
metadata as ``error_to_std``.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from torch import nn

from petsynth.data.prepared import PreparedData
from petsynth.metrics.coverage import unmeasured_voxels
from petsynth.systems.base import PredictionSettings, SubjectInfo, System, TrainedGenerator

logger = logging.getLogger(__name__)


def measure_std_factor(
    system: System[Any], model: TrainedGenerator, data: PreparedData, participants: Sequence[str]
) -> float:
    """Return the factor that makes standard deviations as large as errors are.

    It is the root mean square, over subjects and over their brain's voxels, of the error divided by
    the standard deviation that the system predicts without a factor.

    Parameters
    ----------
    system : System
        With ``calibration_samples``.
    model : TrainedGenerator
        Its generator.
    data : PreparedData
        Of the participants.
    participants : sequence of str
        Whom to measure, best those whom the generator was not trained on.

    Returns
    -------
    float
        NaN if a subject's standard deviation is 0 everywhere.
    """
    assert system.calibration_samples is not None
    plain = dataclasses.replace(model, metadata={**model.metadata, "error_to_std": 1.0})
    settings = PredictionSettings(samples=system.calibration_samples)
    squares = []
    for participant in participants:
        mask, pet = np.asarray(data.mask(participant)), np.asarray(data.static_pet(participant))
        known = SubjectInfo(mask, data.covariates(participant))
        t1 = np.asarray(system.read_t1(data, participant))
        prediction = system.predict(plain, t1, settings, known)
        assert prediction.std is not None
        where = mask & ~unmeasured_voxels(pet, mask) & (prediction.std > 0)
        if not where.any():
            return math.nan
        errors = (pet[where] - prediction.mean[where]) / prediction.std[where]
        squares.append(float(np.mean(errors.astype(np.float64) ** 2)))
    return float(np.sqrt(np.mean(squares)))


def calibrate(system: System[Any], model: TrainedGenerator, data: PreparedData) -> dict[str, float]:
    """Return what the weights' metadata say of the standard deviation's size.

    Parameters
    ----------
    system, model
        What was trained.
    data : PreparedData
        Whose validation subjects are measured.

    Returns
    -------
    dict of float
        ``error_to_std``, rounded; empty if the system has no standard deviation to calibrate, or
        there are no validation subjects.
    """
    participants = data.participants("validation")
    if system.calibration_samples is None or not participants:
        return {}
    with _evaluating(model.network):
        factor = measure_std_factor(system, model, data, participants)
    if not (math.isfinite(factor) and factor > 0):
        logger.warning("the standard deviation is 0 or not finite, so it was not calibrated")
        return {}
    logger.info(
        f"standard deviation: calibrated on {len(participants)} validation subjects, times "
        f"{factor:.3g}"
    )
    return {"error_to_std": float(f"{factor:.4g}")}


@contextlib.contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    was_training = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(was_training)
