"""Results on one and on two threads differ by rounding alone.

Libraries add up in another order on another number of threads. A difference in the last place of
a weight grows from step to step; `STEPS` steps are few enough to tell rounding from a mistake.
"""

import os
import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest
import safetensors.numpy

from petsynth.config import config_to_toml
from petsynth.simulation.cohort import simulate_cohort
from petsynth.systems.registry import config_class, system_names
from petsynth.systems.testing import make_case

STEPS = 4
"""Steps of a training."""
WEIGHTS = 1e-6
"""Largest difference of a weight after them."""
PET = 1e-5
"""Largest difference of a synthetic PET's voxel, as a fraction of its largest value."""

pytestmark = pytest.mark.slow


FAMILIES = {config_class(name): name for name in reversed(system_names())}
"""The first system of each kind of configuration."""


def petsynth(threads: int, *words: object) -> None:
    """Run a command on a number of threads."""
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    typed = [sys.executable, "-m", "petsynth", *map(str, words)]
    done = subprocess.run(typed, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def differ(one: np.ndarray, two: np.ndarray) -> float:
    """Return the largest difference of two arrays, as a fraction of the largest value."""
    return float(np.abs(one.astype(float) - two).max() / np.abs(one).max())


@pytest.mark.parametrize("name", FAMILIES.values())
def test_a_training_of_each_family(name, tmp_path):
    case = make_case(name, tmp_path)
    (tmp_path / "config.toml").write_text(
        config_to_toml(case.config(training={"max_steps": STEPS}))
    )
    options = ("--data", case.data.folder, "--device", "cpu")
    weights = []
    for threads in (1, 2):
        out = tmp_path / f"run-{threads}"
        petsynth(
            threads, "train", tmp_path / "config.toml", *options, "--out", out, "--threads", threads
        )
        weights.append(safetensors.numpy.load_file(out / "model.safetensors"))
    one, two = weights
    largest = max(float(np.abs(one[key] - two[key]).max()) for key in one)
    print(f"{name}: {largest:.2g}")
    assert largest < WEIGHTS


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """Return a dataset of one simulated subject, T1 and PET of 4 mm."""
    root = tmp_path_factory.mktemp("threads") / "bids"
    return simulate_cohort(root, subjects=1, t1_voxel_mm=4.0, pet_voxel_mm=4.0)


def test_a_preparation(cohort, tmp_path):
    arrays = []
    for threads in (1, 2):
        out = tmp_path / f"prepared-{threads}"
        options = ("--voxel-mm", 6, "--skip-bids-validation", "--omp-nthreads", threads)
        masks = ("--masks", cohort / "derivatives" / "truth", "--participant-label", "001")
        petsynth(threads, "prepare", cohort, out, "participant", *options, *masks)
        found = sorted((out / "arrays").glob("*.npy"))
        arrays.append({path.name: np.load(path) for path in found})
    assert arrays[0]
    for name, one in arrays[0].items():
        np.testing.assert_array_equal(one, arrays[1][name], err_msg=name)


def test_a_prediction_with_the_pretrained_model(cohort, tmp_path):
    images = []
    for threads in (1, 2):
        out = tmp_path / f"predicted-{threads}"
        t1 = cohort / "sub-001" / "anat" / "sub-001_T1w.nii.gz"
        petsynth(threads, "predict", t1, "--out", out, "--threads", threads, "--device", "cpu")
        found = sorted(out.rglob("*_pet.nii.gz"))
        images.append({path.name: np.asarray(nib.load(path).dataobj) for path in found})
    assert images[0]
    for name, one in images[0].items():
        difference = differ(one, images[1][name])
        print(f"{name}: {difference:.2g}")
        assert difference < PET, name
