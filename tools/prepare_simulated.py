"""Prepare a simulated cohort with its PETs put in place by the simulation's own transform.

    python tools/prepare_simulated.py BIDS PREPARED [OPTIONS of petsynth prepare]

`petsynth prepare`, but the alignment of PET and T1 is not searched for: it is read from the truth
that `petsynth simulate` wrote. The bundled models are trained on data prepared like this where the
search would cost hours or could fail (AV1451; decision record 20). The T1s are aligned and their
brains found as always. Runs in one process.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from petsynth.cli.main import run
from petsynth.io.text import read_json
from petsynth.preprocessing import subject
from petsynth.preprocessing.registration.inputs import dilate, normalise_locally, otsu_threshold
from petsynth.preprocessing.registration.rigid import Alignment, score_rigid
from petsynth.preprocessing.t1.alignment import AlignedT1, align_t1
from petsynth.simulation.dataset import TRUTH
from petsynth.volume import Volume


def true_transform(pet: Path) -> NDArray[np.float64]:
    """Return the transform (mm) from a simulated PET's T1 to it, as the simulation wrote it."""
    participant, stem = pet.parent.parent.name, pet.name.removesuffix("_pet.nii.gz")
    folder = pet.parents[2] / TRUTH / participant / "pet"
    content = read_json(folder / f"{stem}_from-pet_to-T1w_xfm.json")
    return np.linalg.inv(np.array(content["matrix"], dtype=float))


def align(
    files: subject.Files,
    settings: subject.PreprocessingSettings,
    device: str,
    t1: Volume,
    mean: Volume,
) -> tuple[AlignedT1, Alignment]:
    """Align the T1 as always, and the PET as the simulation says."""
    aligned = align_t1(
        t1, None, method=settings.brain_mask, bias_field=settings.bias_field, device=device
    )
    to_pet, brain = true_transform(files.pet), aligned.normalised
    around = dilate(brain.with_data(brain.data > 0))
    bright = dilate(mean.with_data(mean.data > otsu_threshold(mean.data)))
    information = score_rigid(brain, around, normalise_locally(mean, bright), to_pet)
    return aligned, Alignment(to_pet, information)


if __name__ == "__main__":
    subject._align = align
    sys.exit(run(["prepare", *sys.argv[1:], "--nprocs", "1"]))
