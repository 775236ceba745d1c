"""Which T1s of an output folder are predicted already: a command that was killed goes on.

A scan is finished when all its files stand and the sidecar of the main image names the same model,
inputs, planes, samples, seed and version of petsynth. The main image is written last, so what
stands without it is the rest of a prediction that was killed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from petsynth.errors import InputError, OutputError
from petsynth.inference.run import Run
from petsynth.io.atomic import LONGEST_NAME, check_name
from petsynth.io.bids.metadata import sidecar_path
from petsynth.io.text import check_file, read_json
from petsynth.slicing import Plane
from petsynth.version import __version__


def fingerprint(t1: str | Path, mask: str | Path | None = None) -> str:
    """Return the SHA-256 of what a prediction is made from: the T1's file, and its mask's.

    Raises
    ------
    InputError
        If a file cannot be read.
    """
    digest = hashlib.sha256()
    for path in (t1, mask):
        if path is None:
            continue
        try:
            with open(check_file(path), "rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    return digest.hexdigest()


def origin_of(
    run: Run,
    planes: Sequence[Plane],
    samples: int,
    seed: int,
    inputs_sha256: str,
    covariates: Mapping[str, str],
) -> dict[str, Any]:
    """Return what a sidecar says of a prediction's origin, and what tells it from another.

    Parameters
    ----------
    run : Run
        The model.
    planes : sequence of {"axial", "coronal", "sagittal"}
        Planes that are averaged.
    samples, seed : int
        Number of samples, and what chooses them.
    inputs_sha256 : str
        From `fingerprint`.
    covariates : mapping of str to str
        What else of the subject is used, as it was given.
    """
    return {
        "ModelConfigurationHash": run.metadata["config_hash"],
        "ModelWeightsSHA256": run.metadata["weights_sha256"],
        "PetsynthVersion": __version__,
        "Planes": list(planes),
        "Samples": samples,
        "Seed": seed,
        "InputsSHA256": inputs_sha256,
        **({"Covariates": dict(covariates)} if run.system.covariates_used() else {}),
    }


def check_result_names(t1: str | Path, paths: Sequence[Path]) -> None:
    """Refuse a T1 whose name is too long for the names that are made from it.

    Raises
    ------
    InputError
        Before anything is computed.
    """
    try:
        for path in paths:
            check_name(path)
    except OutputError:
        longest = max(paths, key=lambda path: len(path.name))
        raise InputError(
            f"{t1}: its name is too long: {longest.name} would have more than {LONGEST_NAME} "
            "bytes; rename the T1"
        ) from None


def is_finished(paths: Sequence[Path], origin: dict[str, Any]) -> bool:
    """Whether all files of a T1 stand and are of this origin.

    Parameters
    ----------
    paths : sequence of Path
        The files of the T1, the main image first.
    origin : dict
        From `origin_of`.
    """
    return not differences(paths[0], origin) and all(path.is_file() for path in paths)


def differences(main: Path, origin: dict[str, Any]) -> list[str]:
    """Return which entries of the main image's sidecar are not those of an origin."""
    try:
        sidecar = read_json(sidecar_path(main))
    except InputError:
        return ["sidecar"]
    return [key for key, value in origin.items() if sidecar.get(key) != value]
