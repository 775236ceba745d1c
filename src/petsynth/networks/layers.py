"""Layers that several networks share: norm and initial weights, dropout by key, resampling.

Dropout is always on, and an image's key decides its mask, whatever stands beside it in the batch
and whatever device computes; so batches agree with single images, and a resumed training with an
undisturbed one. Resampling takes features from one grid to another by where the voxels lie in
millimetres: the T1's box is 256 mm wide, the PET's 152 x 186 x 152 mm, and their axes come in
different orders.

Sources
-------
- The Keras notebook that paper A names (github.com/tjwei/GANotebooks, pix2pix-keras.ipynb):
  batch norm with epsilon 1.01e-5 and always batch statistics; kernels N(0, 0.02),
  gammas N(1, 0.02). Decision record 0030: at the paper's batch size of 1 that norm is an
  instance norm.
- Isola et al. 2017, "Image-to-image translation with conditional adversarial networks",
  section 3.1: dropout in training and in prediction is the generator's only noise. That a mask
  belongs to an image and not to a batch is ours.
- Paper B (Shin et al., GANBERT), section 4.1, says only that T1 and PET differ in shape; the
  resampling is ours (decision record 0053).
"""

from __future__ import annotations

import contextlib
import functools
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from petsynth.volume import Grid

NORM_EPSILON = 1.01e-5
"""Added to the variance (the notebook's figure)."""


class GroupNorm(nn.GroupNorm):
    """A group norm that may follow frozen layers.

    Where channels lie innermost and the input needs no gradient, torch's own backward ends the
    process with a segmentation fault (2.6 to 2.13). So the input is given one, which nobody reads.
    """

    def forward(self, image: Tensor) -> Tensor:
        """Return the (B, C, ...) image, each group of channels with mean 0 and variance 1."""
        if torch.is_grad_enabled() and self.weight.requires_grad and not image.requires_grad:
            image = image.detach().requires_grad_()
        return super().forward(image)


class InstanceNorm(GroupNorm):
    """A norm of each channel of each image by its own mean and variance, with affine.

    Parameters
    ----------
    channels : int
        Of the images; each is a group of its own.
    """

    def __init__(self, channels: int):
        super().__init__(channels, channels, eps=NORM_EPSILON, affine=True)

    def forward(self, image: Tensor) -> Tensor:
        """Return the (B, C, ...) image, each channel with mean 0 and variance 1."""
        return instance_norm(image, self.weight, self.bias)


def instance_norm(image: Tensor, gammas: Tensor, betas: Tensor) -> Tensor:
    """Give each channel of each image mean 0 and variance 1, then scale and shift it.

    On processors this is a batch norm of one image after another. Where channels lie innermost
    that is 7 to 27 times as fast as torch's group norm in bf16 and faster in float32, too
    (decision record 0085); sums are float32 in both.

    Parameters
    ----------
    image : (B, C, ...) tensor
        Of two or three dimensions in space.
    gammas, betas : (C,) tensors
        Factors and summands.

    Returns
    -------
    tensor of the image's shape and layout
    """
    if image.device.type != "cpu" or image[0, 0].numel() == 1:
        return functional.group_norm(image, len(gammas), gammas, betas, NORM_EPSILON)
    normed = [
        functional.batch_norm(each, None, None, gammas, betas, training=True, eps=NORM_EPSILON)
        for each in image.split(1)
    ]
    return normed[0] if len(normed) == 1 else torch.cat(normed)


def initialise_weights(network: nn.Module) -> None:
    """Sample the notebook's initial weights from torch's global generator, in place."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Conv3d):
            nn.init.normal_(module.weight, 0.0, 0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.GroupNorm):
            nn.init.normal_(module.weight, 1.0, 0.02)
            nn.init.zeros_(module.bias)


def lay_channels_last(network: nn.Module) -> None:
    """Store kernels with channels innermost, in place: the layout of the fastest convolutions.

    Values stay the same. Images of one channel fit both layouts, and what the first
    convolution returns follows its kernel's.
    """
    layouts = {4: torch.channels_last, 5: torch.channels_last_3d}
    for weight in network.parameters():
        if weight.ndim in layouts:
            weight.data = weight.data.contiguous(memory_format=layouts[weight.ndim])


def count_parameters(network: nn.Module) -> int:
    """Return how many trainable numbers a network has."""
    return sum(weight.numel() for weight in network.parameters() if weight.requires_grad)


def full_precision(device: str) -> contextlib.AbstractContextManager[Any]:
    """Suspend bf16 on a type of device; nothing is done on torch's meta device, which has none."""
    if not torch.amp.is_autocast_available(device):
        return contextlib.nullcontext()
    return torch.autocast(device, enabled=False)


class KeyedDropout(nn.Module):
    """Zero a fraction of the values of each image, and scale up the others.

    Parameters
    ----------
    rate : float
        Probability of being zeroed, in [0, 1).
    layer : int
        Number of this layer; layers of one network have independent masks.

    Examples
    --------
    >>> dropout = KeyedDropout(0.5, layer=0)
    >>> pair = dropout(torch.ones(2, 8, 4, 4), torch.tensor([7, 8]))
    >>> alone = dropout(torch.ones(1, 8, 4, 4), torch.tensor([8]))
    >>> torch.equal(pair[1], alone[0])
    True
    """

    def __init__(self, rate: float, layer: int):
        super().__init__()
        self.rate = rate
        self.layer = layer

    def forward(self, features_BCHW: Tensor, keys_B: Tensor) -> Tensor:
        """Drop values; ``keys_B`` holds one key, a non-negative integer, per image."""
        if self.rate == 0:
            return features_BCHW
        keys = keys_B.tolist()
        shape = tuple(features_BCHW.shape[1:])
        distinct = {key: self._mask(key, shape) for key in keys}
        # One mask serves all slices of a volume; broadcasting spares the copies.
        masks = list(distinct.values()) if len(distinct) == 1 else [distinct[key] for key in keys]
        mask_BCHW = torch.from_numpy(np.stack(masks)).to(features_BCHW)
        return features_BCHW * mask_BCHW

    def _mask(self, key: int, shape: tuple[int, ...]) -> np.ndarray:
        return _sample_mask(key, self.layer, shape, self.rate)

    def extra_repr(self) -> str:
        """Show the rate in the printed network."""
        return f"rate={self.rate}, layer={self.layer}"


@functools.lru_cache(maxsize=64)
def _sample_mask(key: int, layer: int, shape: tuple[int, ...], rate: float) -> np.ndarray:
    # The same few masks serve all batches of a volume, hence the small cache.
    kept = np.random.default_rng((key, layer)).random(shape, dtype=np.float32) >= rate
    return kept.astype(np.float32) / np.float32(1 - rate)


def sample_keys(seed: int, step: int, count: int, first: int = 0) -> Tensor:
    """Derive the dropout keys of one training step.

    Parameters
    ----------
    seed : int
        The run's seed.
    step : int
        Number of the training step.
    count : int
        How many images the batch has.
    first : int
        Place of its first image in the batch of all processes together.

    Returns
    -------
    (count,) int64 tensor
        The image at a place has the key of (seed, step, place).

    Examples
    --------
    >>> torch.equal(sample_keys(0, step=5, count=4)[:2], sample_keys(0, step=5, count=2))
    True
    """
    keys = [
        np.random.SeedSequence((seed, step, place)).generate_state(1, np.uint64)[0] >> np.uint64(1)
        for place in range(first, first + count)
    ]
    return torch.from_numpy(np.array(keys, dtype=np.int64))


class Resample3d(nn.Module):
    """Trilinear interpolation of channels on ``source`` at the voxels of ``target``.

    Axis by axis, as a product with a matrix of weights: the grids' axes are parallel, and this is
    several times as fast as looking up every voxel's eight neighbours (decision record 0053).
    Beyond the source's outermost voxels their values go on.

    Parameters
    ----------
    source, target : Grid
        Their affines map voxel indices, in the order of the tensors' last three axes, to one
        and the same world.

    Raises
    ------
    ValueError
        If an axis of one is not parallel to one of the other.

    Examples
    --------
    >>> source = Grid((2, 2, 2), np.eye(4))
    >>> target = Grid((3, 1, 1), np.diag([0.5, 1.0, 1.0, 1.0]))
    >>> ramp = torch.arange(2.0).reshape(1, 1, 2, 1, 1).expand(1, 1, 2, 2, 2)
    >>> Resample3d(source, target)(ramp).flatten().tolist()
    [0.0, 0.5, 1.0]
    """

    weights_0: Tensor

    def __init__(self, source: Grid, target: Grid):
        super().__init__()
        from_target = np.linalg.inv(source.affine) @ np.asarray(target.affine)
        self.target_axes = _parallel_axes(from_target)
        self.sides = [target.shape[axis] for axis in self.target_axes]
        # What shrinks most comes first, so that as little as possible is left for the others.
        self.order = sorted(range(3), key=lambda axis: self.sides[axis] / source.shape[axis])
        for axis, target_axis in enumerate(self.target_axes):
            step, first = from_target[axis, target_axis], from_target[axis, 3]
            places = step * np.arange(self.sides[axis]) + first
            weights = torch.from_numpy(_weights(places, source.shape[axis]))
            self.register_buffer(f"weights_{axis}", weights, persistent=False)

    def forward(self, features_BCDEF: Tensor) -> Tensor:
        """Return (B, C) + target.shape values of (B, C) + source.shape ones."""
        with full_precision(features_BCDEF.device.type):
            resampled = features_BCDEF.to(self.weights_0.dtype).permute(0, 2, 3, 4, 1)
            for axis in self.order:
                shape = list(resampled.shape)
                before = math.prod(shape[: axis + 1])
                weights = self.get_buffer(f"weights_{axis}").expand(before, -1, -1)
                lines = resampled.reshape(before, shape[axis + 1], -1)
                shape[axis + 1] = self.sides[axis]
                resampled = torch.bmm(weights, lines).reshape(shape)
        places = (1 + self.target_axes.index(axis) for axis in range(3))
        return resampled.permute(0, 4, *places).contiguous(memory_format=torch.channels_last_3d)


def _parallel_axes(from_target: np.ndarray) -> list[int]:
    """Return to which axis of the target each of the source's is parallel."""
    rotation = np.abs(from_target[:3, :3])
    along = rotation > 1e-6 * rotation.max()
    if not (along.sum(axis=0) == 1).all() or not (along.sum(axis=1) == 1).all():
        raise ValueError(f"the grids' axes are not parallel:\n{from_target}")
    return [int(axis) for axis in along.argmax(axis=1)]


def _weights(places: np.ndarray, side: int) -> np.ndarray:
    """Return the (N, side) float32 weights of a line's voxels at N places along it."""
    inside = np.clip(places, 0, side - 1)
    distances = np.abs(inside[:, None] - np.arange(side))
    weights: np.ndarray[Any, Any] = np.maximum(1 - distances, 0).astype(np.float32)
    return weights
