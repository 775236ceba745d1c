"""The losses of pix2pix.

Sources
-------
- Paper A, section 2.3, and the Keras notebook that it names: the discriminator's loss is not
  halved, the L1 term weighs 100.
- Isola et al. 2017, pix2pix, section 3.3: the generator's loss does not saturate.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def discriminator_loss(real_logits: Tensor, generated_logits: Tensor) -> Tensor:
    """Return cross-entropy(real, 1) + cross-entropy(generated, 0), each a mean over patches."""
    return _cross_entropy(real_logits, 1.0) + _cross_entropy(generated_logits, 0.0)


def adversarial_loss(generated_logits: Tensor) -> Tensor:
    """Return cross-entropy(generated, 1): small when the discriminator is fooled."""
    return _cross_entropy(generated_logits, 1.0)


def l1_loss(synthetic_pet: Tensor, pet: Tensor) -> Tensor:
    """Return the mean absolute difference, in the network's units.

    Paper A's are in [-1, 1]; paper B's normalised values have no limits.
    """
    return functional.l1_loss(synthetic_pet, pet)


def _cross_entropy(logits: Tensor, target: float) -> Tensor:
    return functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))
