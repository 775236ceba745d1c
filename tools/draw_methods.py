"""Draw the figures of docs/method-paper-a.md and docs/method-paper-b.md, from a simulated subject.

The pictures in them are those of one simulated subject of the embedded template; boxes and arrows
show what `petsynth.systems.pix2pix` and `petsynth.systems.ganbert` do. The last figure is paper B's
figure 6, computed with the generator's own activation. Takes a minute:

    python tools/draw_methods.py docs/images
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from petsynth.figures.panels import SIMULATED_LABEL
from petsynth.figures.save import save_png
from petsynth.io.nifti import read_volume
from petsynth.networks.unet3d import ACTIVATIONS
from petsynth.simulation.cohort import simulate_cohort
from petsynth.slicing import middle_slice
from petsynth.systems.ganbert.tokens import SIDE, pool_image

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#555555"


def images(voxel_mm: float = 3.0) -> tuple[Any, Any]:
    """Return T1 and PET of a simulated subject, with two frames, as volumes on their own grids."""
    with tempfile.TemporaryDirectory() as folder:
        root = simulate_cohort(
            Path(folder) / "bids", subjects=1, frames=2, t1_voxel_mm=voxel_mm,
            pet_voxel_mm=voxel_mm, seed=3,
        )  # fmt: skip
        (t1,) = root.glob("sub-*/anat/*_T1w.nii.gz")
        (pet,) = root.glob("sub-*/pet/*_pet.nii.gz")
        return read_volume(t1), read_volume(pet, frames=True)


def draw_paper_a(t1: Any, pet: Any) -> Figure:
    """Draw pix2pix: a U-Net from slice to slice, and a discriminator of patches."""
    figure = Figure(figsize=(11, 4.6))
    axes = _board(figure)
    mri, reference = middle_slice(t1.data), middle_slice(pet.data[..., 0])
    _picture(figure, (0.01, 0.50, 0.15, 0.36), mri, "gray", "T1, a slice")
    title = "synthetic or reference PET\n(shown: the reference)"
    _picture(figure, (0.56, 0.48, 0.15, 0.36), reference, "inferno", title)
    heights = [0.32, 0.24, 0.17, 0.11, 0.06]
    for number, height in enumerate([*heights, *heights[-2::-1]]):
        left = 0.20 + 0.037 * number
        _box(axes, (left, 0.68 - height / 2, 0.022, height), BLUE)
    for number, height in enumerate(heights[:-1]):
        y = 0.68 + height / 2 - 0.02
        _arrow(axes, (0.222 + 0.037 * number, y), (0.496 - 0.037 * number, y), GREY, "--")
    axes.text(0.36, 0.885, "generator: U-Net, skip connections (dashed)", ha="center", fontsize=9)
    axes.text(0.36, 0.475, "dropout in the innermost blocks,\nin prediction, too", ha="center",
              va="top", fontsize=8, color=GREY)  # fmt: skip
    _arrow(axes, (0.165, 0.68), (0.195, 0.68), BLUE)
    _arrow(axes, (0.522, 0.68), (0.555, 0.68), BLUE)
    logits = np.random.default_rng(0).normal(size=(7, 6))
    _picture(figure, (0.83, 0.52, 0.13, 0.30), logits, "RdBu", "a logit per patch")
    for number, height in enumerate([0.30, 0.22, 0.15]):
        _box(axes, (0.74 + 0.025 * number, 0.66 - height / 2, 0.016, height), ORANGE)
    axes.text(0.79, 0.885, "discriminator: 70-pixel patches", ha="center", fontsize=9)
    _arrow(axes, (0.715, 0.66), (0.735, 0.66), ORANGE)
    _arrow(axes, (0.81, 0.66), (0.825, 0.66), ORANGE)
    axes.text(0.02, 0.28, "generator's loss  =  discriminator fooled (binary cross-entropy)  +  "
              "100 x mean |synthetic - reference|", fontsize=9)  # fmt: skip
    axes.text(0.02, 0.17, "discriminator's loss  =  (T1, reference) called real, (T1, synthetic) "
              "called synthetic; half of it", fontsize=9)  # fmt: skip
    axes.text(0.02, 0.06, "axial model: axial slices; augmented model: axial, coronal and sagittal "
              "slices of the same subjects", fontsize=9, color=GREY)  # fmt: skip
    return figure


def draw_paper_b(t1: Any, pet: Any) -> Figure:
    """Draw GANBERT: a 3D U-Net, and a sequence of 2 x 512 values that BERT reads."""
    figure = Figure(figsize=(11, 6.2))
    axes = _board(figure)
    frames = [middle_slice(pet.data[..., frame]) for frame in range(2)]
    _picture(figure, (0.01, 0.66, 0.14, 0.25), middle_slice(t1.data), "gray", "T1")
    heights = [0.24, 0.18, 0.12, 0.07]
    for number, height in enumerate([*heights, *heights[-2::-1]]):
        _box(axes, (0.20 + 0.032 * number, 0.785 - height / 2, 0.02, height), BLUE)
    axes.text(
        0.31, 0.935, "generator: 3D U-Net, last activation tanhshrink", ha="center", fontsize=9
    )
    _arrow(axes, (0.155, 0.785), (0.195, 0.785), BLUE)
    _arrow(axes, (0.42, 0.785), (0.455, 0.785), BLUE)
    for number, frame in enumerate(frames):
        place = (0.46 + 0.13 * number, 0.66, 0.12, 0.25)
        _picture(figure, place, frame, "inferno", f"PET, frame {number + 1}\n(shown: real)")
    pooled = [
        pool_image(torch.from_numpy(np.ascontiguousarray(image, np.float32))[None])[0].numpy()
        for image in (t1.data[None], np.moveaxis(pet.data, -1, 0))
    ]
    names = ("T1: 8 x 8 x 8 values", "PET: 8 x 8 x 8 values")
    for number, (values, name, colours) in enumerate(
        zip(pooled, names, ("gray", "inferno"), strict=True)
    ):
        cube = values.reshape(SIDE, SIDE, SIDE)[:, :, SIDE // 2].T[::-1]
        place = (0.74 + 0.13 * number, 0.66, 0.11, 0.25)
        _picture(figure, place, cube, colours, name)
    told = "the value farthest from zero in each sub-volume"
    axes.text(0.86, 0.60, told, ha="center", fontsize=8, color=GREY)
    _sequence(figure, axes, pooled)
    return figure


def _sequence(figure: Figure, axes: Axes, pooled: list[Any]) -> None:
    """Draw the sequence as BERT reads it, what it predicts, and the losses."""
    shown, random = 40, np.random.default_rng(1)
    hidden = []
    for number, (values, share) in enumerate(zip(pooled, (0.05, 0.25), strict=True)):
        line = values[256 : 256 + shown][None] / np.abs(values).max()
        rgb = np.repeat(line[..., None], 3, axis=-1) * 0.85 + 0.1
        masked = random.random(shown) < share
        rgb[0, masked] = (0.84, 0.37, 0)
        hidden.append(masked)
        ax = figure.add_axes((0.06 + 0.47 * number, 0.44, 0.42, 0.05))
        ax.imshow(np.clip(rgb, 0, 1), aspect="auto", interpolation="nearest")
        ax.set(xticks=[], yticks=[])
    for x, text in ((0.033, "[CLS]"), (0.505, "[SEP]"), (0.975, "[CLS]")):
        axes.text(x, 0.465, text, ha="center", va="center", fontsize=8)
    axes.text(0.27, 0.51, "T1, 512 values (40 shown), 5 % masked (orange)", ha="center", fontsize=9)
    axes.text(0.74, 0.51, "PET, 512 values, 25 % masked", ha="center", fontsize=9)
    _box(axes, (0.06, 0.27, 0.89, 0.09), ORANGE)
    axes.text(0.505, 0.315, "BERT: every position attends to every other; values become numbers of "
              "a vocabulary", ha="center", va="center", fontsize=9, color="white")  # fmt: skip
    for x in (0.2, 0.5, 0.8):
        _arrow(axes, (x, 0.435), (x, 0.365), ORANGE)
    for x, text in (
        (0.2, "NSP, at the first [CLS]:\nis the PET real or generated?"),
        (0.76, "MLM, at masked positions:\nwhich number does the real PET have there?"),
    ):
        _arrow(axes, (x, 0.265), (x, 0.215), ORANGE)
        axes.text(x, 0.20, text, ha="center", va="top", fontsize=9)
    axes.text(0.505, 0.05, "generator's loss  =  20 x NSP (BERT fooled)  +  1 x MLM  +  "
              "20 x mean |generated - real|", ha="center", fontsize=10)  # fmt: skip


def draw_activations() -> Figure:
    """Draw paper B's figure 6: the two last activations, and their slopes."""
    figure = Figure(figsize=(8, 3.4), layout="constrained")
    values = torch.linspace(-6, 6, 601, requires_grad=True)
    left, right = figure.subplots(1, 2)
    for (name, function), colour in zip(sorted(ACTIVATIONS.items()), (BLUE, ORANGE), strict=True):
        result = function(values)
        (slope,) = torch.autograd.grad(result.sum(), values)
        for ax, shown in ((left, result), (right, slope)):
            ax.plot(values.detach(), shown.detach(), color=colour, label=name)
    left.set(title="activation", xlabel="value before", ylabel="value after")
    right.set(title="its slope", xlabel="value before")
    for ax in (left, right):
        ax.grid(alpha=0.3)
        ax.legend(fontsize=9)
    return figure


def _board(figure: Figure) -> Axes:
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.set_axis_off()
    axes.text(0.995, 0.985, SIMULATED_LABEL, ha="right", va="top", fontsize=9, color="firebrick")
    return axes


def _picture(figure: Figure, place: Any, image: Any, colours: str, title: str) -> None:
    ax = figure.add_axes(place)
    ax.imshow(image, cmap=colours)
    ax.set(xticks=[], yticks=[])
    ax.set_title(title, fontsize=8)


def _box(axes: Axes, place: tuple[float, float, float, float], colour: str) -> None:
    from matplotlib.patches import Rectangle

    left, bottom, width, height = place
    axes.add_patch(Rectangle((left, bottom), width, height, color=colour, alpha=0.85))


def _arrow(axes: Axes, start: Any, end: Any, colour: str, line: str = "-") -> None:
    style = {"arrowstyle": "->", "color": colour, "linestyle": line, "linewidth": 1}
    axes.annotate("", end, start, arrowprops=style)


def main() -> None:
    """Write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    t1, pet = images()
    save_png(draw_paper_a(t1, pet), folder / "method-paper-a.png", dots_per_inch=130)
    save_png(draw_paper_b(t1, pet), folder / "method-paper-b.png", dots_per_inch=130)
    save_png(draw_activations(), folder / "method-paper-b-activations.png", dots_per_inch=130)


if __name__ == "__main__":
    main()
