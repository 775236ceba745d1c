"""Robustness: does `predict` give the same answer on corrupted T1s, or refuse them?

A test subject's T1 is made oblique, thick-sliced, 8-bit, skull-stripped, defaced, shifted,
rotated, cut; and what is no T1 of a brain is shown as well (T2-like contrast, upside down, noise, a
sphere, large blobs). For each: Pearson r of the synthetic PET with that of the unchanged T1, inside
the brain (of the T1s), the similarity of the input check, and whether there was a warning or a
refusal. Prints one JSON object as its last line.

    python benchmarks/robustness.py --t1 ../shared/data/ixi/t1/IXI015-HH-1258_T1w.nii.gz
"""

from __future__ import annotations

import argparse
import json
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from petsynth.errors import PetsynthError, PetsynthWarning
from petsynth.inference.pretrained import load_model
from petsynth.inference.run import Run
from petsynth.inference.scan import predict_scan
from petsynth.io.nifti import read_volume
from petsynth.preprocessing.registration.rigid import rotation_about
from petsynth.preprocessing.resampling import resample
from petsynth.preprocessing.t1.brain_mask import find_brain
from petsynth.volume import Volume

Change = Callable[[Volume, NDArray], Volume]


def rotated(degrees: tuple[float, float, float], shift_mm: tuple[float, float, float]) -> Change:
    """Return a change of the header alone."""

    def change(t1: Volume, mask: NDArray) -> Volume:
        rotation = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
        matrix = rotation_about(t1.grid.centre_mm, rotation, np.array(shift_mm))
        return Volume(t1.data, matrix @ t1.affine)

    return change


def thick(axis: int, factor: int) -> Change:
    """Return slices several times as thick along an axis."""

    def change(t1: Volume, mask: NDArray) -> Volume:
        count = t1.data.shape[axis] // factor * factor
        data = np.moveaxis(t1.data, axis, 0)[:count]
        data = data.reshape(count // factor, factor, *data.shape[1:]).mean(axis=1)
        affine = t1.affine.copy()
        affine[:3, 3] += affine[:3, axis] * (factor - 1) / 2
        affine[:3, axis] *= factor
        return Volume(np.moveaxis(data, 0, axis), affine)

    return change


def eight_bit(t1: Volume, mask: NDArray) -> Volume:
    """Round to 0-255."""
    return t1.with_data(np.round(255 * np.clip(t1.data / np.percentile(t1.data, 99.5), 0, 1)))


def defaced(t1: Volume, mask: NDArray) -> Volume:
    """Take away what lies before and below a plane in front of the brain."""
    index: NDArray[np.int64] = np.indices(t1.data.shape)
    forward = index[1] - index[2]
    return t1.with_data(np.where(forward < np.percentile(forward[mask], 99.8), t1.data, 0))


def cut(t1: Volume, mask: NDArray) -> Volume:
    """Begin above the lowest sixth of the brain."""
    heights = np.nonzero(mask)[2]
    low = heights.min() + (heights.max() - heights.min()) // 6
    affine = t1.affine.copy()
    affine[:3, 3] += affine[:3, 2] * low
    return Volume(t1.data[:, :, low:], affine)


def t2_like(t1: Volume, mask: NDArray) -> Volume:
    """Invert the brain's contrast: fluid brightest."""
    top = np.percentile(t1.data[mask], 99)
    return t1.with_data(np.where(mask, np.clip(1.1 * top - t1.data, 0, None), 0.4 * t1.data))


def noise(t1: Volume, mask: NDArray) -> Volume:
    """Uniform noise."""
    return t1.with_data(100 * np.random.default_rng(0).random(t1.data.shape, dtype=np.float32))


def sphere(t1: Volume, mask: NDArray) -> Volume:
    """A bright ball of 75 mm radius."""
    index = np.indices(t1.data.shape) * np.array(t1.grid.voxel_mm).reshape(3, 1, 1, 1)
    middle = np.array(t1.data.shape) * t1.grid.voxel_mm / 2
    distance = np.sqrt(((index - middle.reshape(3, 1, 1, 1)) ** 2).sum(axis=0))
    return t1.with_data(np.where(distance < 75, 100.0, 0.0).astype(np.float32))


def body(t1: Volume, mask: NDArray) -> Volume:
    """Large blobs in an ellipse, as organs are in a trunk."""
    blobs = ndimage.gaussian_filter(np.random.default_rng(1).standard_normal(t1.data.shape), 6)
    head = ndimage.binary_fill_holes(ndimage.binary_closing(t1.data > 0.1 * t1.data.max()))
    return t1.with_data(np.where(head, 100 + 60 * blobs / blobs.std(), 0).clip(0).astype("f4"))


CHANGES: dict[str, Change] = {
    "unchanged": lambda t1, mask: t1,
    "oblique 15 degrees": rotated((15, -10, 12), (0, 0, 0)),
    "rotated 45 degrees": rotated((0, 0, 45), (0, 0, 0)),
    "nodding 45 degrees": rotated((45, 0, 0), (0, 0, 0)),
    "shifted 50 mm": rotated((0, 0, 0), (50, -50, 50)),
    "axial slices of 6 mm": thick(2, 3),
    "sagittal slices of 6 mm": thick(0, 3),
    "8 bits": eight_bit,
    "skull-stripped": lambda t1, mask: t1.with_data(np.where(mask, t1.data, 0)),
    "defaced": defaced,
    "cut below": cut,
    "T2-like": t2_like,
    "upside down": lambda t1, mask: t1.with_data(t1.data[:, :, ::-1].copy()),
    "noise": noise,
    "sphere": sphere,
    "body-like": body,
}


def predict(run: Run, t1: Volume, folder: Path) -> dict:
    """Predict, and note similarity, warnings and refusals."""
    nib.save(nib.Nifti1Image(t1.data.astype(np.float32), t1.affine), folder / "t1.nii.gz")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            scan = predict_scan(run, folder / "t1.nii.gz")
        except PetsynthError as error:
            return {"refused": str(error).replace(str(folder), "")}
    ours = [str(each.message) for each in caught if issubclass(each.category, PetsynthWarning)]
    pet = scan.on_t1_grid(scan.prediction.mean)
    unlike = any("is unlike" in message for message in ours)
    return {"similarity": scan.input_check.similarity, "warned": unlike, "pet": pet}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--t1", type=Path, required=True)
    parser.add_argument("--model", default="petsynth-fdg")
    args = parser.parse_args()
    run, original = load_model(args.model), read_volume(args.t1)
    mask = np.asarray(find_brain(original).mask.data) > 0
    results: dict[str, dict] = {}
    reference = None
    for name, change in CHANGES.items():
        changed = change(original, mask)
        with tempfile.TemporaryDirectory() as folder:
            found = predict(run, changed, Path(folder))
        pet = found.pop("pet", None)
        if pet is not None:
            reference = (pet, changed.grid) if reference is None else reference
            if not found["warned"]:
                found["r"] = round(_agreement(reference[0], original, changed, pet, mask), 3)
        results[name] = found
        print(name, found, flush=True)
    print(json.dumps(results))


def _agreement(
    reference: NDArray, original: Volume, changed: Volume, pet: NDArray, mask: NDArray
) -> float:
    """Return the correlation with the unchanged T1's PET on voxels that both have."""
    if changed.data.shape == original.data.shape:
        return float(np.corrcoef(reference[mask], pet[mask])[0, 1])
    onto = resample(Volume(pet, changed.affine), original.grid).data
    seen = resample(Volume(np.ones(pet.shape, np.float32), changed.affine), original.grid).data
    both = mask & (seen > 0.99)
    return float(np.corrcoef(reference[both], onto[both])[0, 1])


if __name__ == "__main__":
    main()
