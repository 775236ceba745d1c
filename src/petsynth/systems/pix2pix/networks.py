"""Which networks a system consists of."""

from __future__ import annotations

from torch import nn

from petsynth.systems.pix2pix.patchgan import PatchGan2d
from petsynth.systems.pix2pix.unet import UNet2d

SYSTEMS = ("pix2pix-axial", "pix2pix-augmented")
"""Names of the systems; both are paper A's, and differ in their training slices only."""


def build_generator(
    system: str,
    *,
    filters: int = 64,
    max_filters: int = 512,
    levels: int = 8,
    dropout: float = 0.5,
    dropout_levels: int = 3,
) -> nn.Module:
    """Make the generator of a system, with starting weights from torch's global generator.

    Raises
    ------
    ValueError
        If there is no such system.
    """
    _check_system(system)
    return UNet2d(
        filters=filters,
        max_filters=max_filters,
        levels=levels,
        dropout=dropout,
        dropout_levels=dropout_levels,
    )


def build_discriminator(system: str, *, filters: int = 64, layers: int = 3) -> PatchGan2d:
    """Make the discriminator of a system, with starting weights from torch's global generator.

    Raises
    ------
    ValueError
        If there is no such system.
    """
    _check_system(system)
    return PatchGan2d(filters=filters, layers=layers)


def _check_system(system: str) -> None:
    if system not in SYSTEMS:
        raise ValueError(f"unknown system '{system}'; known: {', '.join(SYSTEMS)}")
