"""The discriminator of paper A: classifies patches of an MRI and PET slice shown together.

Sources
-------
- Paper A, section 2.3, and the Keras notebook that it names (pix2pix-keras.ipynb).
- Isola et al. 2017, pix2pix, section 3.2.2 and appendix 6.1.2: receptive field of 70 pixels.
- Deviation: the norm of decision record 0030. The notebook ends in a sigmoid; here the
  logits are returned and the losses take logits, which is the same and cannot overflow.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from petsynth.networks.layers import InstanceNorm, initialise_weights


class PatchGan2d(nn.Module):
    """Convolutions of kernel 4 from a pair of slices to a map of logits.

    ``layers`` convolutions of stride 2 and one of stride 1, channels doubling from ``filters``
    to at most eight times as many, then one of stride 1 to a single channel. LeakyReLU 0.2
    between them; a norm except after the first and the last.

    Parameters
    ----------
    in_channels : int
        Channels of MRI and PET together.
    filters : int
        Channels of the first layer.
    layers : int
        Number of stride-2 layers; 3 gives a receptive field of 70 pixels.
    """

    def __init__(self, in_channels: int = 2, filters: int = 64, layers: int = 3):
        super().__init__()
        width = [filters * min(2**layer, 8) for layer in range(layers + 1)]
        parts: list[nn.Module] = [_convolution(in_channels, width[0], stride=2, bias=True)]
        for layer in range(1, layers + 1):
            stride = 2 if layer < layers else 1
            parts += [
                nn.LeakyReLU(0.2),
                _convolution(width[layer - 1], width[layer], stride=stride, bias=False),
                InstanceNorm(width[layer]),
            ]
        parts += [nn.LeakyReLU(0.2), _convolution(width[-1], 1, stride=1, bias=True)]
        self.parts = nn.Sequential(*parts)
        initialise_weights(self)

    def forward(self, mri_BCHW: Tensor, pet_BCHW: Tensor) -> Tensor:
        """Classify the patches of pairs as real or generated.

        Parameters
        ----------
        mri_BCHW, pet_BCHW : (B, C, H, W) float tensors
            In [-1, 1].

        Returns
        -------
        (B, 1, h, w) float tensor
            Logits: how surely each patch's PET is a real one. With 3 layers a side of 256
            becomes 30.
        """
        result: Tensor = self.parts(torch.cat([mri_BCHW, pet_BCHW], dim=1))
        return result

    def features(self, mri_BCHW: Tensor, pet_BCHW: Tensor) -> list[Tensor]:
        """Return what the hidden layers make of pairs, and the logits.

        Parameters
        ----------
        mri_BCHW, pet_BCHW : (B, C, H, W) float tensors
            In [-1, 1].

        Returns
        -------
        list of (B, C', h, w) float tensors
            After each LeakyReLU, the outermost first; the logits of `forward` stand last.
        """
        found = []
        features = torch.cat([mri_BCHW, pet_BCHW], dim=1)
        for part in self.parts:
            features = part(features)
            if isinstance(part, nn.LeakyReLU):
                found.append(features)
        return [*found, features]

    def receptive_field(self) -> int:
        """Return the side, in pixels, of the patch that one logit sees."""
        side = 1
        for part in reversed(self.parts):
            if isinstance(part, nn.Conv2d):
                side = (side - 1) * part.stride[0] + part.kernel_size[0]
        return side


def _convolution(inner: int, outer: int, *, stride: int, bias: bool) -> nn.Conv2d:
    return nn.Conv2d(inner, outer, kernel_size=4, stride=stride, padding=1, bias=bias)
