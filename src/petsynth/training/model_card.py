"""The trained generator as a file for others, and a card that says what it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from petsynth.config import config_hash
from petsynth.data.prepared import PreparedData
from petsynth.data.reference import reference_region
from petsynth.io.atomic import atomic_path, write_text
from petsynth.io.bids.names import participant_of
from petsynth.networks.layers import count_parameters
from petsynth.networks.weights import save_weights
from petsynth.systems.base import System
from petsynth.version import __version__

CARD = """# {system}

A generator that infers a synthetic {tracer} PET image from a T1-weighted MRI.
**Research software, not a medical device. Its images are synthetic: never use them for
diagnosis, and never show them without saying so.**

| | |
|---|---|
| method | {method} |
| trained with | petsynth {version}, seed {seed} |
| configuration | {config_hash}: config.toml beside this file |
| started from | {started_from} |
| steps | {steps} of batch {batch} ({epochs:.1f} epochs) |
| generator | {parameters:,} parameters |
| training data | {subjects} subjects, {diagnoses}; {origin} |
| tracer, unit | {tracer}, {unit}{reference} |
| intensities | {intensities} |
| uses | {uses} |
| grid | {grid} |
| validation | {validation} |{spread}

## Limits

- What the MRI does not show cannot be inferred: a focal change of uptake without a change of
  anatomy is missing from the synthetic image, or is invented.
- It holds for scans like those of the training data: tracer, scanner, age, diagnoses.
{limit}"""


def model_metadata(
    system: System[Any],
    data: PreparedData,
    steps: int,
    started_from: dict[str, Any] | None = None,
    calibration: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """Return what a weights file says about itself; plain values."""
    config, reference = system.config, reference_region(data)
    return {
        "petsynth_version": __version__,
        "system": config.system,
        "config_hash": config_hash(config),
        "steps": steps,
        "tracer": data.tracer,
        "unit": data.unit,
        **({} if reference is None else {"reference_region": reference}),
        "pet_scale": data.pet_scale,
        "pet_scale_definition": data.description.get("pet_scale_definition", "not stated"),
        "grid": data.grid.to_dict(),
        **({} if data.t1_grid is None else {"t1_grid": data.t1_grid.to_dict()}),
        "frames": data.frames,
        "simulated": data.simulated,
        "preprocessing": data.description.get("preprocessing", {}),
        "training_subjects": len(data.subjects("train")),
        "covariates": list(system.covariates_used()),
        **({} if started_from is None else {"started_from": started_from}),
        **(calibration or {}),
    }


def write_model(
    path: Path,
    generator: nn.Module,
    system: System[Any],
    data: PreparedData,
    steps: int,
    started_from: dict[str, Any] | None = None,
    calibration: Mapping[str, float] | None = None,
) -> None:
    """Write the weights with their metadata, atomically."""
    metadata = model_metadata(system, data, steps, started_from, calibration)
    with atomic_path(path) as temporary:
        save_weights(temporary, generator, metadata)


def write_card(
    path: Path,
    generator: nn.Module,
    system: System[Any],
    data: PreparedData,
    *,
    steps: int,
    epochs: float,
    validation: dict[str, float],
    started_from: dict[str, Any] | None = None,
    calibration: Mapping[str, float] | None = None,
) -> None:
    """Write the model card.

    Parameters
    ----------
    path : Path
        Of the Markdown file.
    generator : torch.nn.Module
        Its parameters are counted.
    system, data
        What was trained, on what.
    steps, epochs : int, float
        How long.
    validation : dict of float
        The last validation's metrics; empty if there was none yet.
    started_from : dict, optional
        See `petsynth.training.initial_weights.Start.describe`; None for random weights.
    calibration : mapping of str to float, optional
        From `petsynth.training.calibration.calibrate`, once the training has ended.
    """
    train = data.subjects("train")
    known = {participant_of(name): data.diagnosis(name) for name in data.participants("train")}
    diagnoses = list(known.values())
    counts = [f"{diagnoses.count(each)} {each}" for each in sorted(set(diagnoses))]
    scans = len(data.participants("train"))
    counts += [f"{scans} pairs of scans"] if scans != len(train) else []
    metadata = model_metadata(system, data, steps)
    lines = system.card_lines(data)
    content = CARD.format(
        **{key: metadata[key] for key in ("system", "tracer", "unit", "config_hash", "steps")},
        method=lines.method,
        intensities=lines.intensities,
        uses=", ".join(["T1", *system.covariates_used()])
        + ("; each but the T1 where it is known" if system.covariates_used() else ""),
        grid=f"{data.grid}, {_place(data)}{lines.grid}",
        limit=lines.limits,
        reference=_relative_to(data),
        version=metadata["petsynth_version"],
        started_from=_start_text(started_from),
        seed=system.config.seed,
        batch=system.batch_text,
        epochs=epochs,
        parameters=count_parameters(generator),
        subjects=len(train),
        diagnoses=", ".join(counts),
        origin="**simulated scans**" if data.simulated else "scans of real subjects",
        validation=_validation_text(validation, len(data.subjects("validation")), data.unit),
        spread=_spread_row(system, data, calibration or {}),
    )
    write_text(path, content)


def _start_text(started_from: dict[str, Any] | None) -> str:
    if started_from is None:
        return "random weights"
    frozen = started_from["frozen_levels"]
    return (
        f"{started_from['name']} (weights {started_from['weights_sha256'][:12]}, "
        f"{started_from['steps']} steps)" + (f"; {frozen} levels frozen" if frozen else "")
    )


def _place(data: PreparedData) -> str:
    aligned = data.registration == "rigid"
    return "brain rigidly aligned to MNI axes" if aligned else "centred, not aligned"


def _validation_text(validation: dict[str, float], subjects: int, unit: str) -> str:
    if not subjects:
        return "none: the split has no validation subjects"
    if not validation:
        return f"{subjects} subjects, not measured yet"
    return (
        f"{subjects} subjects: MAE inside the brain {validation['brain_mae']:.4g} {unit}, whole "
        f"volume PSNR {validation['psnr']:.2f} dB, SSIM {validation['ssim']:.4f} (data range: "
        "the PET scale)"
    )


def _spread_row(system: System[Any], data: PreparedData, calibration: Mapping[str, float]) -> str:
    """Return the table's row on the standard deviation, of systems that have one of the error."""
    if system.calibration_samples is None:
        return ""
    subjects = len(data.subjects("validation"))
    text = "not calibrated yet" if subjects else "not calibrated: there are no validation subjects"
    if calibration:
        text = f"calibrated on {subjects} validation subjects: times {calibration['error_to_std']}"
    return f"\n| standard deviation | {text} |"


def _relative_to(data: PreparedData) -> str:
    reference = reference_region(data)
    return "" if reference is None else f" (reference region: {reference})"
