"""The feature extractor: its features, a VGG-19 from a file, training as a denoiser."""

import pytest
import safetensors.torch
import torch

from petsynth.errors import ConfigError
from petsynth.systems.medgan.config import ExtractorConfig
from petsynth.systems.medgan.extractor import (
    FeatureExtractor,
    Vgg19,
    build_extractor,
    load_vgg19,
    train_denoiser,
)

SMALL = ExtractorConfig(filters=4, stages=2, steps=60, learning_rate=1e-2)


@pytest.fixture
def extractor() -> FeatureExtractor:
    torch.manual_seed(0)
    return FeatureExtractor((2, 3), (2, 2))


def test_features_follow_the_first_convolution_of_each_stage(extractor):
    slices = torch.rand(2, 1, 8, 8)
    first, second = extractor(slices)
    assert first.shape == (2, 2, 8, 8)
    assert second.shape == (2, 3, 4, 4)
    torch.testing.assert_close(first, extractor.stages[0][0](slices).relu())
    inner = torch.max_pool2d(extractor.encode(slices)[0], 2)
    torch.testing.assert_close(second, extractor.stages[1][0](inner).relu())


def test_vgg19_has_16_convolutions_and_20_million_parameters():
    with torch.device("meta"):
        network = Vgg19()
    assert len(network.convolutions()) == 16
    assert sum(weight.numel() for weight in network.parameters()) == 20_024_384


def test_vgg19_sees_grey_photographs():
    with torch.device("meta"):
        network = Vgg19()
    network.mean, network.std = torch.tensor([0.5, 0.5, 0.4]), torch.tensor([0.5, 0.25, 0.1])
    network.mean, network.std = (each.view(3, 1, 1) for each in (network.mean, network.std))
    white = network.normalise(torch.ones(1, 1, 1, 1)).flatten()
    torch.testing.assert_close(white, torch.tensor([1.0, 2.0, 6.0]))


NAMES = [f"features.{number}" for number in (0, 2, 5, 7)]  # with torchvision's ReLUs and pooling


def state_of(network: FeatureExtractor) -> dict[str, torch.Tensor]:
    state = {"classifier.0.weight": torch.ones(2)}
    for name, layer in zip(NAMES, network.convolutions(), strict=True):
        state |= {f"{name}.weight": layer.weight.data, f"{name}.bias": layer.bias.data}
    return state


@pytest.mark.parametrize("name", ["vgg.pth", "vgg.safetensors"])
def test_weights_come_from_a_file_in_the_order_of_their_numbers(extractor, tmp_path, name):
    if name.endswith("pth"):
        torch.save(state_of(extractor), tmp_path / name)
    else:
        safetensors.torch.save_file(state_of(extractor), tmp_path / name)
    torch.manual_seed(1)
    other = FeatureExtractor((2, 3), (2, 2))
    load_vgg19(other, tmp_path / name)
    for old, new in zip(extractor.parameters(), other.parameters(), strict=True):
        assert torch.equal(old, new)


def test_files_that_hold_no_vgg19_are_refused(extractor, tmp_path):
    torch.save({"features.0.weight": torch.ones(3)}, tmp_path / "other.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    (tmp_path / "damaged.pth").write_bytes(b"nothing")
    (tmp_path / "damaged.safetensors").write_bytes(b"nothing")
    for name, message in (
        ("missing.pth", "no such file"),
        ("other.pth", "holds no VGG-19"),
        ("list.pth", "no state dict"),
        ("damaged.pth", "cannot be read"),
        ("damaged.safetensors", "cannot be read"),
    ):
        with pytest.raises(ConfigError, match=message) as raised:
            load_vgg19(extractor, tmp_path / name)
        assert "\n" not in str(raised.value)
        assert name in str(raised.value)


@pytest.mark.parametrize(("source", "is_there"), [("random", True), ("discriminator", False)])
def test_sources(source, is_there):
    extractor = build_extractor(ExtractorConfig(source=source, filters=2, stages=2))
    assert (extractor is not None) == is_there
    if extractor is not None:
        assert not any(weight.requires_grad for weight in extractor.parameters())


def test_a_denoiser_learns_is_frozen_again_and_depends_on_its_seed_alone():
    slices = torch.full((2, 1, 16, 16), -1.0)
    slices[0, :, 4:12, 4:12], slices[1, :, 2:9, 5:14] = 0.5, 0.0

    def trained(seed: int) -> tuple[FeatureExtractor, list[float]]:
        torch.manual_seed(0)
        extractor = build_extractor(SMALL)
        torch.manual_seed(seed + 7)
        return extractor, train_denoiser(extractor, SMALL, [slices] * SMALL.steps, seed)

    extractor, errors = trained(3)
    assert sum(errors[-5:]) < sum(errors[:5]) / 3
    assert not any(weight.requires_grad for weight in extractor.parameters())
    assert trained(3)[1] == errors != trained(4)[1]
