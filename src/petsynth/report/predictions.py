"""Keep what models predicted beside an evaluation, as BIDS derivatives, one dataset per model."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from petsynth.evaluation.evaluate import Evaluation
from petsynth.evaluation.methods import Method
from petsynth.io.atomic import write_json
from petsynth.io.bids.metadata import sidecar_path, write_dataset_description
from petsynth.io.bids.names import SPACES, SPATIAL_REFERENCES, pet_stem
from petsynth.io.nifti import write_volume
from petsynth.volume import Volume

PREDICTIONS = "predictions"
FILES = tuple(
    f"{PREDICTIONS}/*/{name}"
    for name in ("dataset_description.json", "sub-*/pet/*_pet.*", "sub-*/ses-*/pet/*_pet.*")
)
"""Names of everything that is written."""


def write_predictions(evaluation: Evaluation, folder: str | Path) -> None:
    """Write the synthetic PET of every test subject and model, on the grid of the data.

    Other tools' predictions are left out: they are files already.

    Parameters
    ----------
    evaluation : Evaluation
        Whose methods still know their predictions.
    folder : str or Path
        Of the evaluation; `FILES` below it are made.

    Raises
    ------
    OutputError
        If the disk is full or the folder cannot be written.
    """
    for method in evaluation.of_kind("model"):
        if not method.is_external:
            _write_method(evaluation, method, Path(folder) / predictions_folder(method.name))


def predictions_folder(method: str) -> Path:
    """Return where a model's predictions stand below an evaluation.

    Examples
    --------
    >>> predictions_folder("pix2pix-axial (seed 1)").as_posix()
    'predictions/pix2pix-axial-seed-1'
    """
    return Path(PREDICTIONS) / re.sub(r"[^A-Za-z0-9.]+", "-", method).strip("-.")


def _write_method(evaluation: Evaluation, method: Method, root: Path) -> None:
    data = evaluation.data
    space = SPACES.get(data.registration, "aligned")
    for participant in filter(method.has, evaluation.participants):
        assert method.predict is not None
        values = np.asarray(method.predict(participant), dtype=np.float32)
        subject, _, session = participant.partition("_")
        name = f"{pet_stem(f'{participant}_T1w.nii.gz', data.tracer)}_space-{space}"
        path = root / subject / session / "pet" / f"{name}_desc-synth_pet.nii.gz"
        write_volume(
            path,
            Volume(values, data.grid.affine, data.unit),
            description=f"SYNTHETIC PET, not for diagnosis; {method.name}",
        )
        _write_sidecar(evaluation, method, path)
    write_dataset_description(
        root,
        f"Synthetic PET of {method.name}, predicted for an evaluation",
        derivative=True,
        SyntheticPET=True,
    )


def _write_sidecar(evaluation: Evaluation, method: Method, path: Path) -> None:
    content = {
        "Description": "Synthetic PET; not a measurement, not for diagnosis",
        "Synthetic": True,
        "SyntheticTracer": evaluation.data.tracer,
        "Units": evaluation.data.unit,
        "Model": method.name,
        "SpatialReference": SPATIAL_REFERENCES.get(evaluation.data.registration, "unknown"),
    }
    write_json(sidecar_path(path), content)
