"""``petsynth models``: the pretrained models."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from petsynth.cli.help import Help
from petsynth.cli.options import parser


@dataclass(frozen=True)
class Args:
    """Options of ``petsynth models``."""

    json: bool = False
    """Print JSON on stdout instead of a list."""


HELP = Help(
    "models",
    "List the models that come with petsynth, for petsynth predict --model NAME.",
    {"options": ("json",)},
    ("petsynth models", "petsynth models --json"),
)


parse = parser(Args, HELP)
"""Reads what was typed after the command."""


def run(args: Args) -> None:
    """Print the models.

    Raises
    ------
    RunError
        If one of them is damaged.
    """
    content = _describe_models()
    if args.json:
        print(json.dumps(content, indent=2))
    else:
        print(
            "\n\n".join(
                ["Pretrained models: petsynth predict T1 --model NAME", *map(_show, content)]
            )
        )


def _describe_models() -> list[dict[str, Any]]:
    from petsynth.inference.pretrained import DEFAULT, pretrained_models
    from petsynth.inference.run import WEIGHTS
    from petsynth.networks.weights import read_metadata

    content = []
    for model in pretrained_models():
        model.check()
        metadata = read_metadata(model.folder / WEIGHTS)
        content.append(
            {
                "name": model.name,
                "default": model.name == DEFAULT,
                "tracer": metadata["tracer"],
                "unit": metadata["unit"],
                "simulated_training": metadata["simulated"],
                "training_subjects": metadata["training_subjects"],
                "voxel_mm": metadata["grid"]["affine"][0][0],
                "covariates": metadata.get("covariates", []),
                "licence": metadata.get("licence", "not stated"),
                "bytes": (model.folder / WEIGHTS).stat().st_size,
                "sha256": model.checksum,
                "model_card": str(model.card),
            }
        )
    return content


def _show(model: dict[str, Any]) -> str:
    default = " (used where no --model is named)" if model["default"] else ""
    source = "simulated PET" if model["simulated_training"] else "PET"
    options = " ".join(f"--{name}" for name in model["covariates"])
    return (
        f"{model['name']}{default}\n"
        f"  {model['tracer']} PET in {model['unit']}, from T1-weighted MRI; research use, not for "
        "diagnosis\n"
        f"  trained on {source} of {model['training_subjects']} subjects, "
        f"{model['voxel_mm']:g} mm\n"
        f"  takes besides the T1: {options or 'nothing'}\n"
        f"  {model['bytes'] / 1e6:.1f} MB, {model['licence']}\n"
        f"  {model['model_card']}"
    )
