"""How long ``petsynth prepare`` takes for one subject, one process, one thread.

A 1 mm 256^3 T1 and a 2 mm PET, from files to model-ready arrays: bias field, brain mask
(computed), both registrations, one resampling each onto the 121 x 145 x 121 grid, pictures. Aim:
under 30 s per subject and core.

    python benchmarks/prepare.py [--t1 FILE --pet FILE]

Without files, a simulated head at 1 mm; with them, any pair of one subject. Either T1 is first
conformed to 256^3 at 1 mm, either PET resampled to 2 mm. The last line is a JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nibabel as nib
from nibabel.processing import conform, resample_to_output

from petsynth.simulation.cohort import simulate_cohort

DEFINITIONS = {
    "seconds": "wall time of the command, with the start of Python; other work on the machine "
    "lengthens it",
    "cpu_seconds": "processor time of the command and its processes, of all cores together",
    "peak_gib": "largest resident memory of one process",
}


def write_cohort(bids: Path, t1: Path | None, pet: Path | None) -> None:
    """Write a dataset of one subject, whose images have the sizes that are measured."""
    simulate_cohort(bids, subjects=2, t1_voxel_mm=1.0, pet_voxel_mm=2.0, participants=["sub-001"])
    simulated_t1 = next(bids.glob("sub-001/anat/*_T1w.nii.gz"))
    simulated_pet = next(bids.glob("sub-001/pet/*_pet.nii.gz"))
    nib.save(conform(nib.load(t1 or simulated_t1), (256, 256, 256), (1, 1, 1)), simulated_t1)
    nib.save(resample_to_output(nib.load(pet or simulated_pet), (2, 2, 2)), simulated_pet)


def measure(bids: Path, out: Path) -> dict[str, float]:
    """Prepare the dataset in a process of its own."""
    command = [sys.executable, "-m", "petsynth", "prepare", bids, out]
    start = time.perf_counter()
    subprocess.run(
        [*map(str, command), "--nprocs", "1", "--skip-bids-validation"],
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    seconds = time.perf_counter() - start
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "seconds": round(seconds, 1),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 1),
        "peak_gib": round(used.ru_maxrss / 2**20, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--t1", type=Path, help="T1 of the subject")
    parser.add_argument("--pet", type=Path, help="PET of the same subject")
    files = parser.parse_args()
    if (files.t1 is None) != (files.pet is None):
        parser.error("give --t1 and --pet, or neither")
    with tempfile.TemporaryDirectory() as folder:
        bids = Path(folder) / "bids"
        write_cohort(bids, files.t1, files.pet)
        figures = measure(bids, Path(folder) / "prepared")
    head = str(files.t1.name) if files.t1 else "simulated"
    print(json.dumps(figures | {"head": head, "definitions": DEFINITIONS}))


if __name__ == "__main__":
    main()
