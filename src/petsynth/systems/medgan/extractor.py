"""Networks whose features MedGAN's style and content losses compare, and where they come from.

Sources
-------
- Simonyan and Zisserman 2015, Very deep convolutional networks (VGG-19), table 1.
- Armanious et al. 2020, MedGAN: features of a VGG-19 trained on photographs. Its weights can be
  given; without them the extractor is ours (decision record 0081).
- Vincent et al. 2010, Stacked denoising autoencoders: features from denoising.
"""

from __future__ import annotations

import itertools
import pickle
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Adam

from petsynth.errors import ConfigError
from petsynth.systems.medgan.config import ExtractorConfig

VGG19_WIDTHS, VGG19_CONVOLUTIONS = (64, 128, 256, 512, 512), (2, 2, 4, 4, 4)
NOISE_RANGE = (0.05, 0.5)
"""Standard deviations of the noise that the denoiser learns to remove, in the network's units."""

_PHOTOGRAPH_MEAN, _PHOTOGRAPH_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class FeatureExtractor(nn.Module):
    """Stages of convolutions of kernel 3 with ReLU, the largest of 2 x 2 pixels between stages.

    Parameters
    ----------
    widths : sequence of int
        Channels of each stage.
    convolutions : sequence of int
        Number of convolutions of each stage.
    in_channels : int
        Of the image.
    """

    def __init__(self, widths: Sequence[int], convolutions: Sequence[int], in_channels: int = 1):
        super().__init__()
        self.counts = tuple(convolutions)
        self.stages = nn.ModuleList()
        inner = in_channels
        for width, count in zip(widths, convolutions, strict=True):
            layers = []
            for _ in range(count):
                layers.append(nn.Conv2d(inner, width, kernel_size=3, padding=1))
                inner = width
            self.stages.append(nn.ModuleList(layers))
        for layer in self.convolutions():
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)

    def convolutions(self) -> list[nn.Conv2d]:
        """Return all convolutions, the outermost first."""
        return [module for module in self.modules() if isinstance(module, nn.Conv2d)]

    def by_stage(self) -> list[list[nn.Conv2d]]:
        """Return the convolutions of each stage."""
        layers = iter(self.convolutions())
        return [list(itertools.islice(layers, count)) for count in self.counts]

    def forward(self, slices_BCHW: Tensor) -> list[Tensor]:
        """Return the features after the first convolution of each stage.

        Parameters
        ----------
        slices_BCHW : (B, 1, H, W) float tensor
            In [-1, 1].

        Returns
        -------
        list of (B, C, h, w) float tensors
            One per stage, the outermost first.
        """
        found, features = [], self.normalise(slices_BCHW)
        for number, (first, *others) in enumerate(self.by_stage(), start=1):
            features = functional.relu(first(features))
            found.append(features)
            if number < len(self.counts):
                for layer in others:
                    features = functional.relu(layer(features))
                features = functional.max_pool2d(features, 2)
        return found

    def encode(self, slices_BCHW: Tensor) -> list[Tensor]:
        """Return the features after the last convolution of each stage; see `forward`."""
        found, features = [], self.normalise(slices_BCHW)
        for number, stage in enumerate(self.by_stage()):
            if number:
                features = functional.max_pool2d(features, 2)
            for layer in stage:
                features = functional.relu(layer(features))
            found.append(features)
        return found

    def normalise(self, slices_BCHW: Tensor) -> Tensor:
        """Return slices as the first convolution wants them."""
        return slices_BCHW


class Vgg19(FeatureExtractor):
    """The convolutions of VGG-19; slices are shown to it as grey photographs."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__(VGG19_WIDTHS, VGG19_CONVOLUTIONS, in_channels=3)
        for name, values in (("mean", _PHOTOGRAPH_MEAN), ("std", _PHOTOGRAPH_STD)):
            self.register_buffer(name, torch.tensor(values).view(3, 1, 1), persistent=False)

    def normalise(self, slices_BCHW: Tensor) -> Tensor:
        """Return (B, 3, H, W) in the units of the photographs that VGG-19 was trained on."""
        return ((slices_BCHW + 1) / 2 - self.mean) / self.std


class Denoiser(nn.Module):
    """A U-Net around an extractor that tells a slice from a noisy one.

    Parameters
    ----------
    extractor : FeatureExtractor
        The way down; what is kept.
    """

    def __init__(self, extractor: FeatureExtractor):
        super().__init__()
        self.extractor = extractor
        widths = [stage[-1].out_channels for stage in extractor.by_stage()]
        self.ups = nn.ModuleList(
            nn.Conv2d(inner + outer, outer, kernel_size=3, padding=1)
            for outer, inner in itertools.pairwise(widths)
        )
        self.last = nn.Conv2d(widths[0], 1, kernel_size=3, padding=1)

    def forward(self, noisy_BCHW: Tensor) -> Tensor:
        """Return (B, 1, H, W) slices without their noise; sides divisible by all halvings."""
        *outer, features = self.extractor.encode(noisy_BCHW)
        for skip, up in zip(reversed(outer), reversed(self.ups), strict=True):
            features = functional.interpolate(features, scale_factor=2.0)
            features = functional.relu(up(torch.cat([skip, features], dim=1)))
        restored: Tensor = self.last(features)
        return restored


def build_extractor(config: ExtractorConfig) -> FeatureExtractor | None:
    """Make the extractor, with initial weights from torch's global generator or the file's.

    Parameters
    ----------
    config : ExtractorConfig
        Where its weights come from.

    Returns
    -------
    FeatureExtractor or None
        With frozen weights; None where the discriminator is the extractor.

    Raises
    ------
    ConfigError
        If the file is missing, damaged, or holds no VGG-19.
    """
    if config.source == "discriminator":
        return None
    if config.source == "file":
        extractor: FeatureExtractor = Vgg19()
        load_vgg19(extractor, Path(config.file))
    else:
        extractor = build_own_extractor(config)
    return extractor.requires_grad_(False)


def build_own_extractor(config: ExtractorConfig) -> FeatureExtractor:
    """Make an extractor of the configuration's size, two convolutions a stage."""
    widths = [config.filters * 2**stage for stage in range(config.stages)]
    return FeatureExtractor(widths, [2] * config.stages)


def train_denoiser(
    extractor: FeatureExtractor,
    config: ExtractorConfig,
    batches: Iterable[Tensor],
    seed: int,
) -> list[float]:
    """Train an extractor to denoise PET slices, in place; the same in each process.

    Parameters
    ----------
    extractor : FeatureExtractor
        Frozen again afterwards.
    config : ExtractorConfig
        Its learning rate counts.
    batches : iterable of (B, 1, S, S) float tensors
        PET slices in [-1, 1], one batch per step, on the extractor's device.
    seed : int
        Of the decoder's weights and of the noise.

    Returns
    -------
    list of float
        Mean absolute error of each step.
    """
    device = next(extractor.parameters()).device
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        denoiser = Denoiser(extractor).to(device).requires_grad_(True)
    random = torch.Generator().manual_seed(seed)
    optimiser = Adam(denoiser.parameters(), lr=config.learning_rate)
    lowest, highest = NOISE_RANGE
    losses = []
    for pet_BCHW in batches:
        levels = lowest + (highest - lowest) * torch.rand(len(pet_BCHW), 1, 1, 1, generator=random)
        noise = (levels * torch.randn(pet_BCHW.shape, generator=random)).to(device)
        loss = functional.l1_loss(denoiser(pet_BCHW + noise), pet_BCHW)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    extractor.requires_grad_(False)
    return losses


def load_vgg19(extractor: FeatureExtractor, path: Path) -> None:
    """Fill a VGG-19 with the weights of a file, in place.

    Parameters
    ----------
    extractor : FeatureExtractor
        Of VGG-19's size.
    path : Path
        torchvision's names: ``features.0.weight``, ``features.0.bias``, ``features.2.weight``, ...;
        further tensors are left alone.

    Raises
    ------
    ConfigError
        If the file is missing, damaged, or holds no VGG-19.
    """
    tensors = _read_tensors(path)
    numbers = sorted(
        int(match[1])
        for name in tensors
        if (match := re.fullmatch(r"features\.(\d+)\.weight", name))
    )
    layers = extractor.convolutions()
    weights = [tensors[f"features.{number}.weight"].shape for number in numbers]
    if weights != [layer.weight.shape for layer in layers]:
        raise ConfigError(
            f"extractor.file {path}: holds no VGG-19 with torchvision's names (features.0.weight, "
            "...); give vgg19's state dict, or another extractor.source"
        )
    with torch.no_grad():
        for number, layer in zip(numbers, layers, strict=True):
            layer.weight.copy_(tensors[f"features.{number}.weight"])
            assert layer.bias is not None
            layer.bias.copy_(tensors[f"features.{number}.bias"])


def _read_tensors(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise ConfigError(f"extractor.file {path}: no such file")
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        tensors = torch.load(path, map_location="cpu", weights_only=True)
    except (safetensors.SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"extractor.file {path}: cannot be read ({reason})") from None
    if not isinstance(tensors, dict):
        raise ConfigError(f"extractor.file {path}: is no state dict of tensors")
    return tensors
