"""Does the fast way to train end where the plain way does?

    python benchmarks/loss_curves.py --data PREPARED [--steps 300] [--seeds 0 1 2] \\
        [--figure docs/images/loss-curves.png]

Trains small systems twice per seed on prepared data of 4 mm: as `petsynth train` does (bfloat16
where the processor has it, channels innermost, own norms and small convolutions, fused Adam), and
the plain way of `train_step.py` (float32, torch's layout, layers and Adam). Initial weights, order
of the subjects and random numbers are the same. Draws the generator's loss of both, every tenth
step; prints one JSON object as its last line: for each system the error inside the brain of the
validation subjects after the last step (SUVR) by way and seed, the mean difference of the ways, and
the standard deviation over the plain way's seeds, beside which that difference is to be seen.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from petsynth.config import parse_config, read_toml
from petsynth.data.prepared import PreparedData
from petsynth.figures.save import save_png
from petsynth.systems.pix2pix import training as pix2pix
from petsynth.systems.unet25d import training as unet25d
from petsynth.training.trainer import train
from train_step import lay_plainly, plain_layers

SYSTEMS: dict[str, tuple[str, dict[str, dict[str, Any]]]] = {
    "pix2pix-axial": ("small/pix2pix-axial.toml", {"data": {"padded_size": 64}}),
    "unet25d": (
        "petsynth-fdg.toml",
        {
            "data": {"padded_size": 64},
            "generator": {"filters": 16, "max_filters": 96, "levels": 3},
            "training": {"workers": 0},
        },
    ),
}
WAYS = ("petsynth", "plain")
COLOURS = {"petsynth": "#0072b2", "plain": "#d55e00"}


@contextlib.contextmanager
def the_plain_way() -> Iterator[None]:
    """Build networks and take steps the plain way."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(plain_layers())
        for module in (pix2pix, unet25d):
            build = module.build_networks

            def build_plainly(config: Any, fabric: Any, build: Any = build) -> Any:
                networks = build(config, fabric)
                lay_plainly(networks)
                return networks

            stack.enter_context(mock.patch.object(module, "build_networks", build_plainly))
        yield


def trained(
    name: str, way: str, seed: int, data: PreparedData, options: argparse.Namespace
) -> tuple[pd.DataFrame, float]:
    """Return the log of a training, and its error on the validation subjects after it."""
    file, changes = SYSTEMS[name]
    content = read_toml(file) | {"seed": seed}
    for section, values in changes.items():
        content[section] = content[section] | values
    content["training"] |= {
        "max_steps": options.steps,
        "epochs": 100000,
        "log_every": 10,
        "validate_every": 100000,
        "samples_every": 100000,
        "precision": "auto" if way == "petsynth" else "32-true",
    }
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        with the_plain_way() if way == "plain" else contextlib.nullcontext():
            train(parse_config(content), data, run, threads=options.threads)
        log = pd.read_csv(run / "train_log.csv")
        error = pd.read_csv(run / "validation_log.csv")["brain_mae"].iloc[-1]
    return log, float(error)


def draw(logs: dict[str, dict[str, list[pd.DataFrame]]], path: Path) -> None:
    """Draw each seed's curve, ours beside the plain one."""
    figure = Figure(figsize=(8, 3.4), layout="constrained")
    all_axes = figure.subplots(1, len(logs), squeeze=False)[0]
    for axes, (name, by_way) in zip(all_axes, logs.items(), strict=True):
        for way, curves in by_way.items():
            for number, log in enumerate(curves):
                axes.plot(
                    log["step"],
                    log["generator"],
                    color=COLOURS[way],
                    linewidth=1,
                    linestyle="-" if way == "petsynth" else "--",
                    label=None if number else way,
                )
        axes.set(title=name, xlabel="step", ylabel="generator's loss", yscale="log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
    save_png(figure, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    data = PreparedData(options.data)
    logs: dict[str, dict[str, list[pd.DataFrame]]] = {}
    found: dict[str, Any] = {"steps": options.steps, "seeds": options.seeds}
    for name in SYSTEMS:
        errors: dict[str, list[float]] = {}
        for way in WAYS:
            runs = [trained(name, way, seed, data, options) for seed in options.seeds]
            logs.setdefault(name, {})[way] = [log for log, _ in runs]
            errors[way] = [error for _, error in runs]
        difference = np.subtract(errors["petsynth"], errors["plain"])
        found[name] = errors | {
            "mean_difference": round(float(difference.mean()), 4),
            "std_over_seeds": round(float(np.std(errors["plain"], ddof=1)), 4),
        }
    if options.figure is not None:
        draw(logs, options.figure)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
