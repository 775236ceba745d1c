"""The discriminator is the one of paper A and of the notebook that it names."""

import pytest
import torch
from torch import nn

from petsynth.networks.layers import count_parameters
from petsynth.networks.patchgan2d import PatchGan2d


def test_paper_size_has_2_764_609_parameters():
    assert count_parameters(PatchGan2d()) == 2_764_609


def test_convolutions_are_the_papers():
    convolutions = [part for part in PatchGan2d().parts if isinstance(part, nn.Conv2d)]
    assert [part.out_channels for part in convolutions] == [64, 128, 256, 512, 1]
    assert [part.stride[0] for part in convolutions] == [2, 2, 2, 1, 1]
    assert [part.bias is not None for part in convolutions] == [True, False, False, False, True]
    assert sum(isinstance(part, nn.GroupNorm) for part in PatchGan2d().parts) == 3


def test_a_side_of_256_becomes_30():
    image = torch.zeros(2, 1, 256, 256)
    assert PatchGan2d(filters=1)(image, image).shape == (2, 1, 30, 30)


@pytest.mark.parametrize(("layers", "side"), [(1, 16), (2, 34), (3, 70), (4, 142)])
def test_receptive_field_by_formula(layers, side):
    assert PatchGan2d(filters=1, layers=layers).receptive_field() == side


def test_receptive_field_by_the_footprint_of_a_gradient():
    network = PatchGan2d(filters=2)
    # Norms look at the whole image; without them only the convolutions' reach is left.
    network.parts = nn.Sequential(
        *[part for part in network.parts if not isinstance(part, nn.GroupNorm)]
    )
    for weight in network.parameters():
        nn.init.constant_(weight, 0.1)
    mri = torch.ones(1, 1, 256, 256, requires_grad=True)
    pet = torch.ones(1, 1, 256, 256, requires_grad=True)
    network(mri, pet)[0, 0, 15, 15].backward()
    for image in (mri, pet):
        rows, columns = torch.nonzero(image.grad[0, 0], as_tuple=True)
        assert rows.max() - rows.min() + 1 == 70
        assert columns.max() - columns.min() + 1 == 70


def test_mri_and_pet_are_told_apart():
    torch.manual_seed(0)
    network = PatchGan2d(filters=2, layers=1)
    mri, pet = torch.rand(2, 1, 1, 16, 16)
    assert not torch.allclose(network(mri, pet), network(pet, mri))


def test_batch_agrees_with_one_by_one():
    torch.manual_seed(0)
    network = PatchGan2d(filters=4, layers=2)
    mri, pet = torch.rand(2, 3, 1, 32, 32)
    together = network(mri, pet)
    alone = torch.cat([network(*pair) for pair in zip(mri.split(1), pet.split(1), strict=True)])
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-6)


def test_features_are_those_of_the_hidden_layers_and_end_in_the_logits():
    torch.manual_seed(0)
    network = PatchGan2d(filters=2, layers=2)
    mri, pet = torch.rand(2, 1, 1, 32, 32)
    *hidden, logits = network.features(mri, pet)
    assert [each.shape[1:] for each in hidden] == [(2, 16, 16), (4, 8, 8), (8, 7, 7)]
    assert torch.equal(logits, network(mri, pet))
    first = torch.nn.functional.leaky_relu(network.parts[0](torch.cat([mri, pet], dim=1)), 0.2)
    assert torch.equal(hidden[0], first)
