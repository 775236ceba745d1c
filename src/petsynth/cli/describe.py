"""``petsynth describe``: what a configuration means, before anything is trained."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from petsynth.cli.overrides import load_with_overrides, print_keys, split_overrides

DESCRIPTION = """Show a configuration's parameters, receptive field, shapes, memory for training
and steps per epoch."""


@dataclass(frozen=True)
class Args:
    """Options of ``petsynth describe``."""

    config: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="CONFIG")]
    """TOML file, or the name of a shipped one, such as small/pix2pix-axial.toml."""
    data: Path | None = None
    """Prepared data, for the number of steps; default: the paper's subjects (A: 12; B: 3,108 with
    FDG), those of the pretrained models (87)."""
    json: bool = False
    """Print JSON on stdout instead of a table."""
    overrides: tyro.conf.Suppress[tuple[str, ...]] = ()
    """Configuration keys given on the command line, as typed."""


def parse(argv: list[str]) -> Args:
    """Read the command line after ``petsynth describe``."""
    own = {field.name for field in dataclasses.fields(Args)}
    rest, overrides = split_overrides(argv, own)
    try:
        args = tyro.cli(Args, args=rest, prog="petsynth describe", description=DESCRIPTION)
    except SystemExit:
        if {"-h", "--help"} & set(argv):
            print_keys("describe")
        raise
    return dataclasses.replace(args, overrides=tuple(overrides))


def run(args: Args) -> None:
    """Print the description.

    Raises
    ------
    PetsynthError
        If configuration or data cannot be used.
    """
    from petsynth.config import SliceConfig, StackConfig

    config = load_with_overrides(args.config, list(args.overrides))
    from petsynth.data.prepared import PreparedData

    data = None if args.data is None else PreparedData(args.data)
    subjects = None if data is None else len(data.participants("train"))
    if isinstance(config, SliceConfig):
        from petsynth.systems.pix2pix.resources import estimate

        shape = None if data is None else data.grid.shape
        content, table = estimate(config, grid_shape=shape, subjects=subjects), _slice_rows
    elif isinstance(config, StackConfig):
        from petsynth.systems.unet25d.resources import estimate_stacks

        content, table = estimate_stacks(config, subjects=subjects), _stack_rows
    else:
        from petsynth.systems.volumes_resources import estimate_volumes

        content, table = estimate_volumes(config, subjects=subjects), _volume_rows
    if args.json:
        print(json.dumps(content, indent=2))
    else:
        print("\n".join(f"{name:<22}{value}" for name, value in table(content)))


def _volume_rows(content: dict[str, Any]) -> list[tuple[str, str]]:
    generator, training, memory = content["generator"], content["training"], content["memory"]
    rows = [
        ("system", f"{content['system']}, configuration {content['config_hash']}"),
        ("generator", f"{generator['parameters']:,} parameters"),
        ("  T1 in, PET out", f"{_shape(generator['input_shape'])} -> "
                             f"{_shape(generator['output_shape'])}"),
    ]  # fmt: skip
    if "bert" in content:
        bert = content["bert"]
        rows += [
            ("BERT", f"{bert['parameters']:,} parameters"),
            ("  sequence", f"{bert['sequence_length']} tokens of {bert['vocabulary']:,} ids"),
        ]
    if "cnn" in content:
        cnn = content["cnn"]
        rows += [
            ("CNN discriminator", f"{cnn['parameters']:,} parameters"),
            ("  receptive field", f"{cnn['receptive_field']} voxels of the PET"),
            ("  logits out", _shape(cnn["output_shape"])),
        ]
    saved, whole = (
        memory[f"activations_bytes_{word}_checkpointing"] / 2**30 for word in ("with", "without")
    )
    return [
        *rows,
        ("training", f"{training['subjects']:,} subjects"),
        ("  per epoch", f"{training['steps_per_epoch']:,} steps of batch "
                        f"{training['accumulate']} x {training['batch_size']}"),
        ("  in all", f"{training['steps']:,} steps"),
        ("memory", f"about {memory['total_gib']} GiB to train"),
        ("  activations", f"{whole:.2f} GiB, with checkpointing {saved:.2f} GiB"),
        ("", memory["definition"]),
    ]  # fmt: skip


def _stack_rows(content: dict[str, Any]) -> list[tuple[str, str]]:
    generator, training, memory = content["generator"], content["training"], content["memory"]
    return [
        ("system", f"{content['system']}, configuration {content['config_hash']}"),
        ("generator", f"{generator['parameters']:,} parameters"),
        ("  stacks in, PET out", f"{_shape(generator['input_shape'])} -> "
                                 f"{_shape(generator['output_shape'])}, and expected errors"),
        ("training", f"{training['subjects']} subjects"),
        ("  per epoch", f"{training['slices_per_epoch']:,} stacks, "
                        f"{training['steps_per_epoch']:,} steps of batch {training['batch_size']}"),
        ("  in all", f"{training['steps']:,} steps"),
        ("memory", f"about {memory['total_gib']} GiB to train"),
        ("", memory["definition"]),
    ]  # fmt: skip


def _slice_rows(content: dict[str, Any]) -> list[tuple[str, str]]:
    generator, discriminator = content["generator"], content["discriminator"]
    training, memory = content["training"], content["memory"]
    return [
        ("system", f"{content['system']}, configuration {content['config_hash']}"),
        ("generator", f"{generator['parameters']:,} parameters"),
        ("  slices in, out", f"{_shape(generator['input_shape'])} -> "
                             f"{_shape(generator['output_shape'])}"),
        ("discriminator", f"{discriminator['parameters']:,} parameters"),
        ("  receptive field", f"{discriminator['receptive_field']} pixels"),
        ("  slices in, out", f"2 x {_shape(generator['input_shape'])} -> "
                             f"{_shape(discriminator['output_shape'])}"),
        ("training", f"{training['subjects']} subjects of {_shape(training['grid_shape'])} voxels, "
                     f"{' + '.join(training['planes'])}"),
        ("  per epoch", f"{training['slices_per_epoch']:,} slices, "
                        f"{training['steps_per_epoch']:,} steps of batch {training['batch_size']}"),
        ("  in all", f"{training['steps']:,} steps"),
        ("memory", f"about {memory['total_gib']} GiB to train"),
        ("", memory["definition"]),
    ]  # fmt: skip


def _shape(sizes: list[int]) -> str:
    return " x ".join(map(str, sizes))
