"""How good the generator is on the validation subjects, with evaluation's own measures."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from petsynth.config import Config
from petsynth.data.prepared import PreparedData
from petsynth.data.scale import from_network
from petsynth.metrics.image import mae, mse, psnr, ssim
from petsynth.models.whole_volume import predict_volume
from petsynth.slicing import Plane

MEASURES = ("brain_mae", "mae", "mse", "psnr", "ssim")
"""Columns of the validation log: mean over subjects, in PET units; whole volume if not brain."""

BATCH_SIZE = 16


def validation_planes(config: Config) -> tuple[Plane, ...]:
    """Return the planes to predict along: axial as paper A does (section 2.4), if trained so."""
    return ("axial",) if "axial" in config.data.planes else config.data.planes


def infer_pet(
    generator: nn.Module, data: PreparedData, participant: str, config: Config, device: torch.device
) -> np.ndarray:
    """Return the synthetic PET of a prepared subject, (X, Y, Z) in PET units."""
    pet = predict_volume(
        generator,
        data.mri(participant),
        planes=validation_planes(config),
        canvas=config.data.canvas,
        draw=config.seed,
        batch_size=BATCH_SIZE,
        device=device,
    )
    return from_network(pet, data.pet_scale)


def validate(
    generator: nn.Module, data: PreparedData, config: Config, device: torch.device
) -> dict[str, float]:
    """Measure all validation subjects.

    Parameters
    ----------
    generator : torch.nn.Module
        On ``device``.
    data : PreparedData
        With at least one validation subject.
    config : Config
        Canvas, planes and seed count.
    device : torch.device
        Where to compute.

    Returns
    -------
    dict of float
        `MEASURES`; the data range of PSNR and SSIM is the training set's PET scale.
    """
    rows = []
    for participant in data.participants("validation"):
        pet = np.asarray(data.static_pet(participant))
        synthetic_pet = infer_pet(generator, data, participant, config, device)
        rows.append(
            (
                mae(pet, synthetic_pet, data.mask(participant)),
                mae(pet, synthetic_pet),
                mse(pet, synthetic_pet),
                psnr(pet, synthetic_pet, data.pet_scale),
                ssim(pet, synthetic_pet, data.pet_scale),
            )
        )
    return dict(zip(MEASURES, np.mean(rows, axis=0).tolist(), strict=True))
