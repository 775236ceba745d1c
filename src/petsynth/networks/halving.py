"""Convolutions of kernel 4 that halve or double an image, fast where the image has few pixels.

Deep in a U-Net the images are a few pixels wide and the kernels hold most of the network's weights.
There a processor spends its time on bringing kernels into the order in which its convolutions want
them. With the kernels' channels innermost (`petsynth.networks.layers.lay_channels_last`) the same
sums are one matrix product with the kernel as it lies, in float32 (decision record 0085).

Sources
-------
- Paper A, section 2.3, and the Keras notebook that it names: kernel 4, stride 2, padding 1. How
  they are computed is ours.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from petsynth.networks.layers import full_precision

_KERNEL, _STRIDE, _PADDING = 4, 2, 1
_MOST_PIXELS = 128
"""Of the coarser image, over the whole batch, up to which the product is faster."""


class Halving(nn.Conv2d):
    """A convolution from an image to one of half its height and width.

    Parameters
    ----------
    inner, outer : int
        Channels of the image and of the result.
    bias : bool
        Whether each channel of the result has a summand.
    """

    def __init__(self, inner: int, outer: int, *, bias: bool):
        super().__init__(inner, outer, _KERNEL, _STRIDE, _PADDING, bias=bias)

    def forward(self, image_BCHW: Tensor) -> Tensor:
        """Return the (B, outer, H / 2, W / 2) tensor."""
        batch, channels, height, width = image_BCHW.shape
        if not _is_small(image_BCHW, batch * height * width // _STRIDE**2):
            return super().forward(image_BCHW)
        with full_precision("cpu"):
            image = image_BCHW.to(self.weight.dtype)
            patches = functional.unfold(image, _KERNEL, padding=_PADDING, stride=_STRIDE)
            rows = patches.unflatten(1, (channels, -1)).permute(0, 3, 2, 1).flatten(2)
            kernels = self.weight.permute(0, 2, 3, 1).flatten(1)
            result_BNO = functional.linear(rows, kernels, self.bias)
        result: Tensor = result_BNO.unflatten(1, (height // _STRIDE, width // _STRIDE))
        return result.permute(0, 3, 1, 2).to(image_BCHW.dtype)


class Doubling(nn.ConvTranspose2d):
    """A transposed convolution from an image to one of twice its height and width.

    Parameters
    ----------
    inner, outer : int
        Channels of the image and of the result.
    bias : bool
        Whether each channel of the result has a summand.
    """

    def __init__(self, inner: int, outer: int, *, bias: bool):
        super().__init__(inner, outer, _KERNEL, _STRIDE, _PADDING, bias=bias)

    def forward(self, image_BCHW: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Return the (B, outer, 2 H, 2 W) tensor."""
        batch, _, height, width = image_BCHW.shape
        if not _is_small(image_BCHW, batch * height * width):
            return super().forward(image_BCHW, output_size)
        with full_precision("cpu"):
            rows = image_BCHW.to(self.weight.dtype).flatten(2).transpose(1, 2)
            kernels = self.weight.permute(0, 2, 3, 1).flatten(1)
            patches = (rows @ kernels).unflatten(2, (_KERNEL**2, self.out_channels))
            patches = patches.permute(0, 3, 2, 1).flatten(1, 2)
            size = (_STRIDE * height, _STRIDE * width)
            result = functional.fold(patches, size, _KERNEL, padding=_PADDING, stride=_STRIDE)
            if self.bias is not None:
                result = result + self.bias[:, None, None]
        return result.to(image_BCHW.dtype).contiguous(memory_format=torch.channels_last)


def _is_small(image: Tensor, coarse_pixels: int) -> bool:
    return image.device.type == "cpu" and coarse_pixels <= _MOST_PIXELS
