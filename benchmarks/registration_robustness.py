"""How often registration finds its way under hard conditions, with known truth.

Simulated subjects (T1 and PET at 2 mm), each under several conditions: the PET rotated by 45
degrees about one axis or all, shifted by 50 mm, cut, of thick slices, or of a quarter of the
counts; and the T1 rotated by 45 degrees, or of thick slices, to MNI axes. One thread.

    python benchmarks/registration_robustness.py [--folder DIR] [--subjects N]

The last line is a JSON object: per condition the number of subjects, of those found to 3 mm mean
target error, and the median error; for the T1, the error is against where the same T1, not rotated,
is placed.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from nibabel.affines import apply_affine
from scipy.spatial.transform import Rotation

from petsynth.errors import RegistrationError
from petsynth.preprocessing.pet.registration import register_pet
from petsynth.preprocessing.registration.rigid import rotation_about
from petsynth.preprocessing.resampling import resample
from petsynth.preprocessing.t1.alignment import align_t1, normalised_brain
from petsynth.simulation.cohort import simulate_cohort
from petsynth.volume import FloatArray, Grid, Volume
from registration import brain_points, displaced, distances, read_subject

FOUND_MM = 3.0
Change = Callable[[Volume], tuple[Volume, FloatArray]]
"""Returns a changed image, and the transform from the old world to the new one."""


def moved(angles: tuple[float, float, float], shift: tuple[float, float, float]) -> Change:
    def change(volume: Volume) -> tuple[Volume, FloatArray]:
        rotation = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
        matrix = rotation_about(volume.grid.centre_mm, rotation, np.array(shift, dtype=float))
        return displaced(volume, matrix), matrix

    return change


def cut(low: float, high: float) -> Change:
    """Keep the part of the image between two fractions of its height."""

    def change(volume: Volume) -> tuple[Volume, FloatArray]:
        inside = np.flatnonzero((volume.data > volume.data.max() / 4).any(axis=(0, 1)))
        first = inside[0] + round(low * len(inside))
        last = inside[0] + round(high * len(inside))
        affine = volume.affine.copy()
        affine[:3, 3] += affine[:3, 2] * first
        return Volume(volume.data[:, :, first:last], affine, volume.unit), np.eye(4)

    return change


def thick(millimetres: float) -> Change:
    def change(volume: Volume) -> tuple[Volume, FloatArray]:
        factor = millimetres / volume.grid.voxel_mm[2]
        x, y, z = volume.grid.shape
        grid = Grid((x, y, int(z / factor)), volume.affine @ np.diag([1, 1, factor, 1]))
        return resample(volume, grid), np.eye(4)

    return change


def fewer_counts(volume: Volume) -> tuple[Volume, FloatArray]:
    """Add noise of 40 % of the brain's level, voxel by voxel."""
    level = np.percentile(volume.data, 95)
    noise = np.random.default_rng(0).normal(0, 0.4 * level, volume.data.shape)
    return volume.with_data((volume.data + noise).astype(np.float32)), np.eye(4)


PET_CONDITIONS: dict[str, Change] = {
    "as simulated": moved((0, 0, 0), (0, 0, 0)),
    "pitch 45": moved((45, 0, 0), (0, 0, 0)),
    "pitch -45": moved((-45, 0, 0), (0, 0, 0)),
    "roll 45": moved((0, 45, 0), (0, 0, 0)),
    "yaw -45": moved((0, 0, -45), (0, 0, 0)),
    "all 30, 50 mm": moved((30, -30, 30), (50, -50, 50)),
    "50 mm": moved((0, 0, 0), (-50, 50, -50)),
    "upper 70 %": cut(0.3, 1.0),
    "lower 70 %": cut(0.0, 0.7),
    "slices of 8 mm": thick(8.0),
    "few counts": fewer_counts,
}
T1_CONDITIONS: dict[str, Change] = {
    "T1 pitch 45": moved((45, 0, 0), (50, 0, 0)),
    "T1 roll -45": moved((0, -45, 0), (0, 0, 50)),
    "T1 yaw 45": moved((0, 0, 45), (0, 0, 0)),
    "T1 slices of 5 mm": thick(5.0),
}


def pet_error(
    t1: Volume, pet: Volume, mask: Volume, pet_to_t1: FloatArray, change: Change
) -> float:
    changed, there = change(pet)
    found = register_pet(t1, normalised_brain(t1, mask), changed).fixed_to_moving
    back = pet_to_t1 @ np.linalg.inv(there)
    return float(distances(back @ found, np.eye(4), brain_points(mask)).mean())


def t1_error(t1: Volume, mask: Volume, straight: FloatArray, change: Change) -> float:
    changed, there = change(t1)
    changed_mask = change(mask.with_data(mask.data.astype(np.float32)))[0]
    head = changed_mask.with_data(changed_mask.data > 0.5)
    found = align_t1(changed, head).grid_to_t1
    points = apply_affine(np.linalg.inv(straight), brain_points(mask))
    return float(distances(np.linalg.inv(there) @ found, straight, points).mean())


def measure(bids: Path, subjects: int) -> dict[str, dict[str, float]]:
    errors: dict[str, list[float]] = {}
    for subject in sorted(bids.glob("sub-*"))[:subjects]:
        t1, pet, mask, pet_to_t1 = read_subject(bids, subject.name)
        straight = align_t1(t1, mask).grid_to_t1
        for name, change in (PET_CONDITIONS | T1_CONDITIONS).items():
            start = time.process_time()
            try:
                if name in PET_CONDITIONS:
                    error = pet_error(t1, pet, mask, pet_to_t1, change)
                else:
                    error = t1_error(t1, mask, straight, change)
            except RegistrationError:
                error = float("inf")
            errors.setdefault(name, []).append(error)
            seconds = time.process_time() - start
            told = f"{subject.name} {name} {error:.2f} mm {seconds:.1f} s"
            print(told, file=sys.stderr, flush=True)
    return {
        name: {
            "subjects": len(values),
            "found": int(sum(value < FOUND_MM for value in values)),
            "median_error_mm": round(float(np.median(values)), 2),
        }
        for name, values in errors.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="dataset to be used, made if it is missing")
    parser.add_argument("--subjects", type=int, default=6)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        bids = options.folder or Path(temporary) / "bids"
        if not bids.exists():
            simulate_cohort(
                bids, subjects=options.subjects, t1_voxel_mm=2.0, pet_voxel_mm=2.0, seed=0
            )
        print(json.dumps(measure(bids, options.subjects)))


if __name__ == "__main__":
    main()
