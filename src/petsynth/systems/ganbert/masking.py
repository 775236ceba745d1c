"""Which tokens BERT must guess: 5 % of the T1's and 25 % of the PET's.

Sources
-------
- Paper B (Shin et al., GANBERT), section 4.2, "Masked language model".
- Devlin et al. 2019, BERT, section 3.1: of the chosen tokens 80 % become [MASK], 10 % another
  token, 10 % stay. An option; the paper's text speaks of masking alone, hence the default.
- Ours: a sample's own key decides its mask, whatever stands beside it in the batch and whatever
  process computes it (decision record 0031).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from petsynth.systems.ganbert.sequence import Layout

Replacement = Literal["mask", "80-10-10"]


@dataclass(frozen=True)
class Masking:
    """What is hidden of each sequence of a batch.

    Parameters
    ----------
    chosen_BM : (B, M) int64 tensor
        Positions to be guessed, ascending; each sequence has as many.
    masked_BL : (B, L) bool tensor
        Where [MASK] is shown.
    source_BL : (B, L) int64 tensor
        The position whose value is shown: its own, or where "another token" is shown, a random
        one of the same image.
    """

    chosen_BM: Tensor
    masked_BL: Tensor
    source_BL: Tensor

    def labels(self, ids_BL: Tensor) -> Tensor:
        """Return the (B, M) ids to be guessed, of sequences that hide nothing."""
        return ids_BL.gather(1, self.chosen_BM)

    def to(self, device: torch.device | str) -> Masking:
        """Return a copy on another device."""
        parts = (self.chosen_BM, self.masked_BL, self.source_BL)
        return Masking(*(part.to(device) for part in parts))


def sample_masking(
    keys_B: Tensor,
    layout: Layout,
    *,
    mri_fraction: float = 0.05,
    pet_fraction: float = 0.25,
    replacement: Replacement = "mask",
) -> Masking:
    """Choose tokens at random, a fixed number of each image's.

    Parameters
    ----------
    keys_B : (B,) int64 tensor
        One non-negative integer per sample; the same key gives the same mask.
    layout : Layout
        Of the sequence.
    mri_fraction, pet_fraction : float
        Fraction of the T1's and of the PET's values, rounded to whole tokens.
    replacement : {"mask", "80-10-10"}
        What stands in the place of a chosen token.

    Raises
    ------
    ValueError
        If a fraction is not within 0 and 1, or nothing would be masked.

    Examples
    --------
    >>> masking = sample_masking(torch.tensor([7]), Layout())
    >>> masking.chosen_BM.shape, int((masking.chosen_BM > 513).sum())
    (torch.Size([1, 154]), 128)
    """
    if not (0 <= mri_fraction <= 1 and 0 <= pet_fraction <= 1):
        raise ValueError(
            f"masked fractions {mri_fraction} and {pet_fraction} must lie within 0 and 1"
        )
    images = (layout.mri, mri_fraction), (layout.pet, pet_fraction)
    if not any(round(fraction * layout.count) for _, fraction in images):
        raise ValueError("no token would be masked; raise the masked fractions")
    masks = [_mask_one(key, layout, images, replacement) for key in keys_B.tolist()]
    chosen, masked, source = (torch.from_numpy(np.stack(part)) for part in zip(*masks, strict=True))
    return Masking(chosen, masked, source)


def _mask_one(
    key: int,
    layout: Layout,
    images: tuple[tuple[slice, float], ...],
    replacement: Replacement,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(key)
    masked = np.zeros(layout.length, dtype=bool)
    source = np.arange(layout.length)
    chosen = []
    for where, fraction in images:
        positions = np.arange(where.start, where.stop)
        picked = random.choice(positions, round(fraction * layout.count), replace=False)
        fate = random.random(len(picked))
        others = random.choice(positions, len(picked))
        if replacement == "mask":
            fate[:] = 0.0
        masked[picked[fate < 0.8]] = True
        swapped = (fate >= 0.8) & (fate < 0.9)
        source[picked[swapped]] = others[swapped]
        chosen.append(np.sort(picked))
    return np.concatenate(chosen), masked, source
