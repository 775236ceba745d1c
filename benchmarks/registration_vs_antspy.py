"""PET-to-T1 rigid registration against ANTsPy's, on the same 20 simulated pairs.

The pairs are those of ``registration.py``: simulated subjects (T1 and PET at 2 mm), the PET rotated
by up to 6 degrees and shifted by up to 9 mm per axis beyond what the simulation does, so that the
truth is known. Both see the T1's brain and the PET; both use one thread. ANTsPy pins other versions
of what we need, so it lives in an environment of its own, which this script makes.

    python benchmarks/registration_vs_antspy.py [--folder DIR] [--subjects N]

With ``--folder``, environment, pairs and ANTsPy's results stay there and are used again. The last
line is a JSON object; definitions are in it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from petsynth.io.nifti import write_volume
from petsynth.preprocessing.pet.registration import register_pet
from petsynth.preprocessing.t1.alignment import normalised_brain
from petsynth.simulation.cohort import simulate_cohort
from registration import brain_points, displaced, distances, random_rigid, read_subject

ANTSPYX = "antspyx==0.6.3"
SUBJECTS = 20
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])

DEFINITIONS = {
    "time_ratio": "ANTsPy's processor time / ours, sum over the pairs, one thread, registration "
    "alone (ours with the local normalisation of the T1), without reading and writing",
    "error_ratio": "our mean target error / ANTsPy's",
    "error_mm": "distance between where the found and the true transform send a brain voxel, mean "
    "over the voxels of the brain mask, mean over subjects",
}

IN_THE_OTHER_ENVIRONMENT = """
import json, sys, time
import ants, numpy as np
fixed, moving = ants.image_read(sys.argv[1]), ants.image_read(sys.argv[2])
start = time.process_time()
found = ants.registration(fixed, moving, type_of_transform="Rigid", random_seed=1)
seconds = time.process_time() - start
transform = ants.read_transform(found["fwdtransforms"][0])
rotation = np.array(transform.parameters[:9]).reshape(3, 3)
centre, shift = np.array(transform.fixed_parameters), np.array(transform.parameters[9:])
matrix = np.eye(4)
matrix[:3, :3] = rotation
matrix[:3, 3] = shift + centre - rotation @ centre
json.dump({"seconds": seconds, "lps": matrix.tolist()}, open(sys.argv[3], "w"))
"""


def make_environment(folder: Path) -> Path:
    """Return the Python of an environment with ANTsPy."""
    python = folder / "ants-environment" / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", python.parents[1]], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", ANTSPYX], check=True)
    return python


def register_with_ants(python: Path, folder: Path, t1: Path, pet: Path) -> tuple[np.ndarray, float]:
    """Return ANTsPy's transform from the T1's to the PET's world (RAS, mm), and its seconds."""
    result = folder / f"{pet.name.split('_')[0]}_ants.json"
    if not result.exists():
        environment = {
            name: value for name, value in os.environ.items() if name not in ("PYTHONPATH",)
        }
        subprocess.run(
            [python, "-c", IN_THE_OTHER_ENVIRONMENT, t1, pet, result],
            check=True,
            env=environment | {"ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "1"},
        )
    content = json.loads(result.read_text())
    return LPS @ np.array(content["lps"]) @ LPS, content["seconds"]


def measure(folder: Path, subjects: int) -> dict[str, float]:
    """Register every pair with both."""
    bids = folder / "bids"
    if not bids.exists():
        simulate_cohort(bids, subjects=SUBJECTS, t1_voxel_mm=2.0, pet_voxel_mm=2.0, seed=0)
    python = make_environment(folder)
    random = np.random.default_rng(0)
    rows = []
    for subject in sorted(bids.glob("sub-*"))[:subjects]:
        t1, pet, mask, pet_to_t1 = read_subject(bids, subject.name)
        extra = random_rigid(random, pet.grid.centre_mm, 6, 9)
        pet, pet_to_t1 = displaced(pet, extra), pet_to_t1 @ np.linalg.inv(extra)
        files = [folder / f"{subject.name}_{name}.nii.gz" for name in ("brain", "pet")]
        write_volume(files[0], t1.with_data(t1.data * (mask.data > 0)))
        write_volume(files[1], pet)
        start = time.process_time()
        ours = register_pet(t1, normalised_brain(t1, mask), pet).fixed_to_moving
        our_seconds = time.process_time() - start
        theirs, their_seconds = register_with_ants(python, folder, *files)
        points = brain_points(mask)
        errors = [distances(pet_to_t1 @ each, np.eye(4), points).mean() for each in (ours, theirs)]
        rows.append([*errors, our_seconds, their_seconds])
        print(subject.name, *(f"{value:.2f}" for value in rows[-1]), file=sys.stderr, flush=True)
    our_error, their_error, our_time, their_time = np.array(rows).mean(axis=0)
    return {
        "time_ratio": their_time / our_time,
        "error_ratio": our_error / their_error,
        "our_error_mm": our_error,
        "their_error_mm": their_error,
        "our_worst_error_mm": np.array(rows)[:, 0].max(),
        "their_worst_error_mm": np.array(rows)[:, 1].max(),
        "our_seconds": our_time,
        "their_seconds": their_time,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="keeps what was made, and uses it again")
    parser.add_argument("--subjects", type=int, default=SUBJECTS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        figures = measure(folder, options.subjects)
    rounded = {name: round(float(value), 3) for name, value in figures.items()}
    extra = {"subjects": options.subjects, "antspy": ANTSPYX, "definitions": DEFINITIONS}
    print(json.dumps(rounded | extra))


if __name__ == "__main__":
    main()
