"""From volumes to the vocabulary of BERT: 512 values per image, then an id for each value.

Pooling keeps the value that is farthest from zero in each sub-volume. A value's *level* is its
place on an integer lattice, before rounding a real number; an *id* is the vocabulary's number for
a level. Several levels may share an id.

Sources
-------
- Paper B (Shin et al., GANBERT), section 4.2, "Summarizing images to text-like sequences":
  "max-pooling is applied so images are summarized with the absolute maximum values in each
  sub-voxel"; 512 values for the T1 and 512 for the PET. Values times 10^3, rounded, integers of 1
  to 10^4; negative ones "multiplied by -1 and get the remainder dividing by 500", those above 10^4
  likewise "without flipping its sign and adding 500"; the buckets stand for BERT's first ~1000
  special ids.
- Ours: the pooled value's sign is kept, since the paper's tokens tell negative values apart; one
  pooling runs over the frames as well; three readings of the ids, and zero (decision record 0051).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional

Scheme = Literal["offset", "literal", "linear"]

SIDE = 8
"""Sub-volumes along each axis: 8 x 8 x 8 = 512 values per image."""

LEVELS_PER_UNIT = 1000
"""Values are multiplied by this and rounded."""

HIGHEST_REGULAR = 10_000
"""Largest level that has an id of its own."""

BUCKET = 500
"""Negative levels share the ids 0 to 499, those above `HIGHEST_REGULAR` the ids 500 to 999."""

SPECIALS = ("PAD", "CLS", "SEP", "MASK")
"""Special tokens, whose ids follow those of the values in this order."""


@dataclass(frozen=True)
class Tokens:
    """A vocabulary for normalised intensities.

    ``offset`` (default): regular ids are 999 + level, so that nothing regular shares one of the
    ids 0 to 999 of the buckets. ``literal``: a regular id is the level itself, as in the
    paper's words; the first thousand levels then share ids with the buckets. ``linear`` (ours):
    values between ``lowest`` and ``highest`` in as many equal steps as offset has ids, clipped
    beyond; monotone, and no two levels share an id.

    Parameters
    ----------
    scheme : {"offset", "literal", "linear"}
        Which reading.
    lowest, highest : float
        Values of the first and the last id of ``linear``, in normalised units.

    Raises
    ------
    ValueError
        If there is no such scheme, or the limits of ``linear`` are in the wrong order.

    Examples
    --------
    >>> values = torch.tensor([0.001, 10.0, 10.001, 0.0, -0.001, -0.5])
    >>> Tokens("offset").ids(values).tolist()
    [1000, 10999, 501, 0, 1, 0]
    >>> Tokens("literal").ids(values).tolist()
    [1, 10000, 501, 0, 1, 0]
    """

    scheme: Scheme = "offset"
    lowest: float = -50.0
    highest: float = 250.0

    def __post_init__(self) -> None:
        if self.scheme not in get_args(Scheme):
            known = ", ".join(get_args(Scheme))
            raise ValueError(f"unknown tokens '{self.scheme}'; known: {known}")
        if not self.lowest < self.highest:
            raise ValueError(f"linear tokens from {self.lowest} to {self.highest}: wrong order")

    @property
    def value_ids(self) -> int:
        """How many ids stand for values: 11,000, or 10,001 in the literal reading."""
        shared = HIGHEST_REGULAR + 1
        return shared if self.scheme == "literal" else HIGHEST_REGULAR + 2 * BUCKET

    @property
    def size(self) -> int:
        """Size of the vocabulary."""
        return self.value_ids + len(SPECIALS)

    def special(self, name: str) -> int:
        """Return the id of a special token.

        Examples
        --------
        >>> [Tokens().special(name) for name in SPECIALS]
        [11000, 11001, 11002, 11003]
        """
        return self.value_ids + SPECIALS.index(name)

    def to_level(self, values: Tensor) -> Tensor:
        """Return levels before rounding, float like ``values``."""
        if self.scheme != "linear":
            return values * LEVELS_PER_UNIT
        clipped = values.clamp(self.lowest, self.highest)
        return (clipped - self.lowest) / self._step

    def from_level(self, levels: Tensor) -> Tensor:
        """Return the values that stand at ``levels``; undoes `to_level` but for clipping."""
        if self.scheme != "linear":
            return levels / LEVELS_PER_UNIT
        return levels * self._step + self.lowest

    def ids_of_levels(self, levels: Tensor) -> Tensor:
        """Return the ids, int64, of whole-numbered ``levels``.

        Level 0 has id 0, that of the bucket of negative multiples of 500.
        """
        levels = levels.long()
        if self.scheme == "linear":
            return levels.clamp(0, self.value_ids - 1)
        regular = levels if self.scheme == "literal" else levels + 2 * BUCKET - 1
        above = levels % BUCKET + BUCKET
        ids = torch.where(levels > HIGHEST_REGULAR, above, regular)
        return torch.where(levels <= 0, -levels % BUCKET, ids)

    def ids(self, values: Tensor) -> Tensor:
        """Return the ids, int64, of values in normalised units; halves round to even."""
        return self.ids_of_levels(self.to_level(values).round())

    @property
    def _step(self) -> float:
        return (self.highest - self.lowest) / (self.value_ids - 1)


def pool_image(image_BTDEF: Tensor, side: int = SIDE) -> Tensor:
    """Return the value farthest from zero in each sub-volume, over all frames.

    Where a side is not divisible, sub-volumes overlap by one voxel (torch's adaptive pooling),
    so that every voxel belongs to at least one. The gradient of a value goes to the voxel that
    it was taken from.

    Parameters
    ----------
    image_BTDEF : (B, T, D, E, F) float tensor
        Frames of an image; a T1 has one.
    side : int
        Sub-volumes along each of the last three axes.

    Returns
    -------
    (B, side**3) float tensor
        In the order of the image's own axes, the last one fastest.

    Raises
    ------
    ValueError
        If an axis is shorter than ``side``.

    Examples
    --------
    >>> import torch
    >>> frames = torch.zeros(1, 2, 2, 2, 2)
    >>> frames[0, 0, 0, 1, 0], frames[0, 1, 0, 1, 0] = 2.0, -5.0
    >>> pool_image(frames, side=1).tolist(), pool_image(frames, side=2).tolist()
    ([[-5.0]], [[0.0, 0.0, -5.0, 0.0, 0.0, 0.0, 0.0, 0.0]])
    """
    if min(image_BTDEF.shape[2:]) < side:
        shape = " x ".join(map(str, image_BTDEF.shape[2:]))
        raise ValueError(f"an image of {shape} voxels has no {side}**3 sub-volumes")
    frame_B1DEF = image_BTDEF.detach().abs().argmax(dim=1, keepdim=True)
    farthest_B1DEF = image_BTDEF.gather(1, frame_B1DEF)
    _, places_B1NNN = functional.adaptive_max_pool3d(
        farthest_B1DEF.detach().abs(), side, return_indices=True
    )
    return farthest_B1DEF.flatten(1).gather(1, places_B1NNN.flatten(1))
