"""Derive the bundled atlas: DKT labels of an old-age template, brought to MNI space at 2 mm.

Run once by a developer, with the template (stnava/petSUVR, Apache-2.0) at hand:

    python tools/derive_dkt_atlas.py ../shared/data/elderly-template [picture.png]

The template's T1 is aligned rigidly to MNI axes, then registered to ICBM152 2009a (the copy in
nilearn) by an affine transform and diffeomorphic demons, finer than for subjects. Labels are
taken to 1 mm by nearest neighbour; the one that fills most of a voxel of 2 mm takes it.

The 62 cortical regions are the template's own. It has no labels for single subcortical
structures, only tissue classes: deep grey matter is divided among thalamus, caudate, putamen and
pallidum, and unlabelled grey matter of the medial temporal lobe between hippocampus and amygdala,
by the nearest ellipsoid of `petsynth/simulation/ellipsoids.csv`. Look at the picture before you
trust the result.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from nibabel.affines import apply_affine

from petsynth.io.nifti import read_volume
from petsynth.preprocessing.grids import model_grid
from petsynth.preprocessing.registration.deformable import Warp, register_deformable
from petsynth.preprocessing.registration.inputs import template_brain
from petsynth.preprocessing.resampling import resample
from petsynth.preprocessing.t1.alignment import AlignedT1, align_t1
from petsynth.simulation.regions import read_packaged_table
from petsynth.volume import BoolArray, Grid, Volume

VOXEL_MM = 2.0
LEVELS = ((6.0, 60), (3.0, 60), (2.0, 40))
"""Voxel in mm and demons iterations."""
CORTICAL_GREY, DEEP_GREY, BRAIN_STEM = 2, 4, 5
"""Classes of the template's tissue segmentation."""
DEEP = {"thalamus": (10, 49), "caudate": (11, 50), "putamen": (12, 51), "pallidum": (13, 52)}
MEDIAL_TEMPORAL = {"hippocampus": (17, 53), "amygdala": (18, 54)}
"""FreeSurfer's numbers, left and right."""
STEM_NUMBER = 16
FARTHEST_DEEP, FARTHEST_MEDIAL = 3.0, 1.6
"""Distance from an ellipsoid's centre, in its half axes, up to which tissue may belong to it."""


def main(folder: str, picture: str | None = None) -> None:
    """Write the atlas into the package, and a picture of it."""
    source = Path(folder)
    t1 = read_volume(source / "T_template0_BrainCerebellum.nii.gz")
    labels = read_volume(source / "antsDktMalfLabels.nii.gz")
    tissue = read_volume(source / "antsBrainSegmentation.nii.gz")
    aligned = align_t1(t1)
    template, _ = template_brain()
    brain = resample(aligned.normalised, template.grid, aligned.grid_to_t1)
    warp = register_deformable(template, brain, LEVELS)
    print(
        f"correlation {warp.correlation:.3f}, after the affine part {warp.affine_correlation:.3f}"
    )
    grid = model_grid(VOXEL_MM)
    result = in_mni(labels, aligned, warp, grid)
    classes = in_mni(tissue, aligned, warp, grid)
    add_deep(result, classes == DEEP_GREY, grid, DEEP, FARTHEST_DEEP)
    medial = (result == 0) & np.isin(classes, (CORTICAL_GREY, DEEP_GREY))
    add_deep(result, medial, grid, MEDIAL_TEMPORAL, FARTHEST_MEDIAL)
    result[(classes == BRAIN_STEM) & (result == 0)] = STEM_NUMBER
    ship(result, grid)
    if picture is not None:
        draw(result, grid, Path(picture))


def in_mni(image: Volume, aligned: AlignedT1, warp: Warp, grid: Grid) -> np.ndarray:
    """Return labels on a grid of MNI space: the one that fills most of a voxel, 0 below half."""
    fine = model_grid(1.0)
    on_axes = resample(image, fine, aligned.grid_to_t1, order=0)
    pulled = warp.pull_labels(on_axes.with_data(np.rint(on_axes.data).astype(np.int32)), fine)
    numbers = [int(each) for each in np.unique(pulled.data) if each > 0]
    best, total = np.zeros(grid.shape, np.float32), np.zeros(grid.shape, np.float32)
    found = np.zeros(grid.shape, np.uint16)
    for number in numbers:
        fraction = resample(pulled.with_data((pulled.data == number).astype(np.float32)), grid).data
        total += fraction
        more = fraction > best
        best[more], found[more] = fraction[more], number
    found[total < 0.5] = 0
    return found


def add_deep(
    result: np.ndarray,
    where: BoolArray,
    grid: Grid,
    kinds: dict[str, tuple[int, int]],
    farthest: float,
) -> None:
    """Divide tissue among structures by the nearest ellipsoid, in units of its half axes."""
    index = np.argwhere(where & (result == 0))
    points = apply_affine(grid.affine, index)
    folded = np.concatenate([np.abs(points[:, :1]), points[:, 1:]], axis=1)
    best = np.full(len(points), farthest)
    for row in read_packaged_table("ellipsoids.csv").to_dict("records"):
        if row["region"] not in kinds:
            continue
        centre, half = (
            np.array([float(row[f"{prefix}{axis}"]) for axis in "xyz"]) for prefix in ("", "half_")
        )
        distance = np.sqrt((((folded - centre) / half) ** 2).sum(axis=1))
        nearer = distance < best
        best[nearer] = distance[nearer]
        left, right = kinds[row["region"]]
        result[tuple(index[nearer].T)] = np.where(points[nearer, 0] < 0, left, right)


def ship(labels: np.ndarray, grid: Grid) -> None:
    """Write the file, and say how large its regions are."""
    target = Path(__file__).parents[1] / "src/petsynth/regional/atlases/dkt.npz"
    np.savez_compressed(target, labels=labels.astype(np.uint16), affine=grid.affine)
    numbers, counts = np.unique(labels[labels > 0], return_counts=True)
    for number, count in zip(numbers, counts, strict=True):
        print(f"{number:5d} {count * VOXEL_MM**3 / 1000:7.2f} mL")
    print(f"{target}: {len(numbers)} regions, {target.stat().st_size} bytes")


def draw(labels: np.ndarray, grid: Grid, path: Path) -> None:
    """Show the regions' colours over the ICBM152 T1."""
    from importlib import resources

    import matplotlib.pyplot as plt

    file = "mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"
    with resources.as_file(resources.files("nilearn") / "datasets" / "data" / file) as t1:
        head = resample(read_volume(t1), grid).data
    colours = np.random.default_rng(0).permutation(np.unique(labels).size)
    shown = colours[np.searchsorted(np.unique(labels), labels)].astype(float)
    shown[labels == 0] = np.nan
    figure, axes = plt.subplots(4, 5, figsize=(20, 18))
    for row, (axis, places) in enumerate(
        (
            (2, (20, 28, 36, 44, 56)),
            (1, (36, 48, 56, 64, 80)),
            (0, (18, 26, 34, 44, 46)),
            (2, (16, 24, 32, 40, 48)),
        )
    ):
        for column, place in enumerate(places):
            axes[row, column].imshow(np.take(head, place, axis).T, origin="lower", cmap="gray")
            axes[row, column].imshow(
                np.take(shown, place, axis).T,
                origin="lower",
                cmap="nipy_spectral",
                alpha=0.45,
                vmin=0,
                vmax=colours.size,
                interpolation="nearest",
            )
            axes[row, column].axis("off")
    figure.tight_layout()
    figure.savefig(path, dpi=70)


if __name__ == "__main__":
    main(*sys.argv[1:])
