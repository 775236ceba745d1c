"""How accurately and how quickly `petsynth prepare` registers.

Makes 20 simulated subjects (T1 and PET at 2 mm, the PET rotated by up to 10 degrees and shifted by
up to 15 mm beyond what the simulation does), registers each PET to its T1 and compares with the
truth; then aligns T1s to MNI axes from five poses each and compares the results. One thread.

    python benchmarks/registration.py [--ixi DIR]

``--ixi DIR`` takes real T1s (DIR/t1, DIR/labels) for the repeatability instead of simulated ones.
The last line is a JSON object; definitions are in it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
from nibabel.affines import apply_affine
from scipy.spatial.transform import Rotation

from petsynth.io.nifti import read_volume
from petsynth.preprocessing.pet.registration import register_pet
from petsynth.preprocessing.registration.inputs import centre_of_mass
from petsynth.preprocessing.registration.rigid import rotation_about
from petsynth.preprocessing.t1.alignment import align_t1
from petsynth.simulation.cohort import simulate_cohort
from petsynth.volume import FloatArray, Volume

SUBJECTS = 20
REPEATED = 6
POSES = 5

DEFINITIONS = {
    "mean_target_error_mm": "distance between where PET-to-T1 registration and the truth send a "
    "brain voxel, mean over the voxels of the brain mask, mean over subjects",
    "worst_subject_error_mm": "the largest of the subjects' means",
    "seconds_per_subject": "T1 to MNI axes and PET to T1, one thread, without reading and writing",
    "t1_repeatability_mm": "distance between where registration from two poses (rotated up to 20 "
    "degrees, shifted up to 30 mm per axis) sends a brain voxel, largest over voxels, pairs and "
    "subjects",
}


def displaced(volume: Volume, matrix: FloatArray) -> Volume:
    """Return the same image lying elsewhere in the world."""
    return Volume(volume.data, matrix @ volume.affine, volume.unit)


def random_rigid(
    random: np.random.Generator, centre: FloatArray, degrees: float, mm: float
) -> FloatArray:
    angles = random.uniform(-degrees, degrees, 3)
    rotation = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    return rotation_about(centre, rotation, random.uniform(-mm, mm, 3))


def brain_points(mask: Volume) -> FloatArray:
    return apply_affine(mask.affine, np.argwhere(mask.data > 0)[::29])


def distances(first: FloatArray, second: FloatArray, points: FloatArray) -> FloatArray:
    return np.linalg.norm(apply_affine(first, points) - apply_affine(second, points), axis=1)


def measure_pet(bids: Path) -> dict[str, float]:
    """Register every simulated PET and compare with the truth."""
    random = np.random.default_rng(0)
    errors, seconds = [], []
    for folder in sorted(bids.glob("sub-*")):
        t1, pet, mask, pet_to_t1 = read_subject(bids, folder.name)
        extra = random_rigid(random, pet.grid.centre_mm, 6, 9)
        pet, pet_to_t1 = displaced(pet, extra), pet_to_t1 @ np.linalg.inv(extra)
        start = time.process_time()
        found = register_pet(t1, align_t1(t1, mask).normalised, pet).fixed_to_moving
        seconds.append(time.process_time() - start)
        errors.append(distances(pet_to_t1 @ found, np.eye(4), brain_points(mask)).mean())
    return {
        "mean_target_error_mm": float(np.mean(errors)),
        "worst_subject_error_mm": float(np.max(errors)),
        "seconds_per_subject": float(np.mean(seconds)),
    }


def read_subject(bids: Path, name: str) -> tuple[Volume, Volume, Volume, FloatArray]:
    truth = bids / "derivatives" / "truth" / name
    transform = next((truth / "pet").glob("*_xfm.json"))
    return (
        read_volume(bids / name / "anat" / f"{name}_T1w.nii.gz"),
        read_volume(next((bids / name / "pet").glob("*_pet.nii.gz"))),
        read_volume(truth / "anat" / f"{name}_desc-brain_mask.nii.gz"),
        np.array(json.loads(transform.read_text())["matrix"]),
    )


def measure_repeatability(heads: list[tuple[Volume, Volume]]) -> float:
    """Align each T1 from several poses; return the largest distance between two results."""
    random = np.random.default_rng(1)
    worst = 0.0
    for t1, mask in heads:
        first = align_t1(t1, mask).grid_to_t1
        points = apply_affine(np.linalg.inv(first), brain_points(mask))
        for _ in range(POSES - 1):
            pose = random_rigid(random, centre_of_mass(mask), 20, 30)
            again = align_t1(displaced(t1, pose), displaced(mask, pose)).grid_to_t1
            worst = max(worst, distances(np.linalg.inv(pose) @ again, first, points).max())
    return float(worst)


def read_real_heads(folder: Path) -> list[tuple[Volume, Volume]]:
    """Read real T1s; their brain masks are computed."""
    paths = sorted((folder / "t1").glob("*_T1w.nii.gz"))[:REPEATED]
    return [(t1, align_t1(t1).brain.mask) for t1 in map(read_volume, paths)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ixi", type=Path, help="folder of real T1s for the repeatability")
    ixi = parser.parse_args().ixi
    with tempfile.TemporaryDirectory() as folder:
        bids = simulate_cohort(
            Path(folder) / "bids",
            subjects=SUBJECTS,
            t1_voxel_mm=2.0,
            pet_voxel_mm=2.0,
            seed=0,
        )
        figures = measure_pet(bids)
        if ixi is None:
            names = [path.name for path in sorted(bids.glob("sub-*"))[:REPEATED]]
            heads = [(subject[0], subject[2]) for subject in (read_subject(bids, n) for n in names)]
        else:
            heads = read_real_heads(ixi)
        figures["t1_repeatability_mm"] = measure_repeatability(heads)
    print(
        json.dumps(
            {name: round(value, 3) for name, value in figures.items()}
            | {
                "subjects": SUBJECTS,
                "heads": "real" if ixi else "simulated",
                "definitions": DEFINITIONS,
            }
        )
    )


if __name__ == "__main__":
    main()
