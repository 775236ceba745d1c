"""The trained generator as a file for others, and a card that says what it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

import petsynth
from petsynth.config import Config, config_hash
from petsynth.data.prepared import PreparedData
from petsynth.io.atomic import atomic_path, write_text
from petsynth.models.checkpoint import save_weights
from petsynth.models.layers import count_parameters

CARD = """# {system}

A generator that infers a synthetic {tracer} PET image from a T1-weighted MRI.
**Research software, not a medical device. Its images are synthetic: never use them for
diagnosis, and never show them without saying so.**

| | |
|---|---|
| method | pix2pix after Jung et al., "Inferring PET from MRI with pix2pix"; {planes} slices |
| trained with | petsynth {version}, seed {seed} |
| configuration | {config_hash}: config.toml beside this file |
| steps | {steps} of batch {batch_size} ({epochs:.1f} epochs) |
| generator | {parameters:,} parameters |
| training data | {subjects} subjects, {diagnoses}; {origin} |
| tracer, unit | {tracer}, {unit} |
| PET scale | the network's 1 is {pet_scale:.6g} {unit}: {scale_definition} |
| grid | {shape} voxels of {voxel_mm} mm, brain rigidly aligned to MNI axes |
| validation | {validation} |

## Limits

- What the MRI does not show cannot be inferred: a focal change of uptake without a change of
  anatomy is missing from the synthetic image, or is invented.
- It holds for scans like those of the training data: tracer, scanner, age, diagnoses.
- Dropout stays on in prediction (as in the paper); the spread over samples is no
  confidence interval.
"""


def model_metadata(config: Config, data: PreparedData, steps: int) -> dict[str, Any]:
    """Return what a weights file says about itself; plain values."""
    return {
        "petsynth_version": petsynth.__version__,
        "system": config.system,
        "config_hash": config_hash(config),
        "steps": steps,
        "tracer": data.tracer,
        "unit": data.unit,
        "pet_scale": data.pet_scale,
        "pet_scale_definition": data.description.get("pet_scale_definition", "not stated"),
        "grid": {
            "shape": list(data.grid.shape),
            "affine": np.asarray(data.grid.affine, dtype=float).tolist(),
        },
        "simulated": data.simulated,
        "preparation": data.description.get("steps", {}),
        "training_subjects": len(data.participants("train")),
    }


def write_model(
    path: Path, generator: nn.Module, config: Config, data: PreparedData, steps: int
) -> None:
    """Write the weights with their metadata, atomically."""
    with atomic_path(path) as temporary:
        save_weights(temporary, generator, model_metadata(config, data, steps))


def write_card(
    path: Path,
    generator: nn.Module,
    config: Config,
    data: PreparedData,
    *,
    steps: int,
    epochs: float,
    validation: dict[str, float],
) -> None:
    """Write the model card.

    Parameters
    ----------
    path : Path
        Of the Markdown file.
    generator : torch.nn.Module
        Its parameters are counted.
    config, data
        What was trained, on what.
    steps, epochs : int, float
        How long.
    validation : dict of float
        The last validation's measures; empty if there was none.
    """
    train = data.participants("train")
    diagnoses = [data.diagnosis(participant) for participant in train]
    counts = [f"{diagnoses.count(each)} {each}" for each in sorted(set(diagnoses))]
    metadata = model_metadata(config, data, steps)
    content = CARD.format(
        **{key: metadata[key] for key in ("system", "tracer", "unit", "config_hash", "steps")},
        planes=" + ".join(config.data.planes),
        version=metadata["petsynth_version"],
        seed=config.seed,
        batch_size=config.training.batch_size,
        epochs=epochs,
        parameters=count_parameters(generator),
        subjects=len(train),
        diagnoses=", ".join(counts),
        origin="**simulated scans**" if data.simulated else "scans of people",
        pet_scale=data.pet_scale,
        scale_definition=metadata["pet_scale_definition"],
        shape=" x ".join(map(str, data.grid.shape)),
        voxel_mm=data.grid.voxel_mm[0],
        validation=_validation_text(validation, len(data.participants("validation")), data.unit),
    )
    write_text(path, content)


def _validation_text(validation: dict[str, float], subjects: int, unit: str) -> str:
    if not validation:
        return "none: the split has no validation subjects"
    return (
        f"{subjects} subjects: MAE inside the brain {validation['brain_mae']:.4g} {unit}, whole "
        f"volume PSNR {validation['psnr']:.2f} dB, SSIM {validation['ssim']:.4f} (data range: "
        "the PET scale)"
    )
