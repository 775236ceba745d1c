"""CasNet: U-blocks in a row, of MedGAN's size, deterministic."""

import pytest
import torch

from petsynth.networks.layers import count_parameters
from petsynth.networks.unet2d import UNet2d
from petsynth.systems.medgan.casnet import CasNet


def small(blocks: int) -> CasNet:
    torch.manual_seed(0)
    return CasNet(blocks=blocks, filters=4, levels=2)


def test_paper_size_is_six_of_pix2pixs_u_nets():
    with torch.device("meta"):
        assert count_parameters(CasNet()) == 6 * count_parameters(UNet2d()) == 326_450_310


def test_each_block_reads_what_the_one_before_it_made():
    network, mri = small(3), torch.rand(2, 1, 16, 16)
    keys = torch.zeros(2, dtype=torch.int64)
    expected = mri
    for block in network.blocks:
        expected = block(expected, keys)
    assert torch.equal(network(mri), expected)


def test_keys_change_nothing_as_there_is_no_dropout():
    network, mri = small(2), torch.rand(2, 1, 16, 16)
    one, other = (network(mri, torch.tensor(keys)) for keys in ([1, 2], [3, 4]))
    assert torch.equal(one, other)


def test_every_block_gets_a_gradient():
    network = small(2)
    network(torch.rand(1, 1, 16, 16)).sum().backward()
    for weight in network.parameters():
        assert weight.grad is not None


def test_sides_that_cannot_be_halved_are_refused():
    with pytest.raises(ValueError, match="divisible by 4"):
        small(2)(torch.rand(1, 1, 16, 18))
