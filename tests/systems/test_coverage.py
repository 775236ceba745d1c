"""What a PET's field of view does not cover is neither learnt nor shown to a discriminator."""

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from torch import nn
from torch.optim import Adam

from petsynth.config import parse_config
from petsynth.data.prepared import PreparedData, array_path
from petsynth.errors import InputError
from petsynth.systems.coverage import MeasuredVolumes, static_measured_pet
from petsynth.systems.phantoms import write_phantoms
from petsynth.systems.pix2pix import training as pix2pix
from petsynth.systems.pix2pix3d import system as pix2pix3d

NAN = torch.nan


class Constant(nn.Module):
    """A generator whose image is one number everywhere."""

    def __init__(self, size):
        super().__init__()
        self.level = nn.Parameter(torch.tensor(0.5))
        self.size = size

    def forward(self, *inputs):
        return self.level.expand(self.size)


class Mean(nn.Module):
    """A discriminator whose only logit is the sum of what it sees of a PET."""

    def __init__(self):
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(1.0))
        self.seen = []

    def forward(self, mri, pet):
        self.seen.append(pet.detach().clone())
        return self.slope * pet.sum().reshape(1, 1)


def networks_of(kind, size):
    generator, discriminator = Constant(size), Mean()
    # A learning rate of 0: both turns are by the networks as they are here.
    adams = [Adam(network.parameters(), lr=0.0) for network in (generator, discriminator)]
    return kind(generator, adams[0], discriminator, adams[1])


def step_2d(pet):
    networks = networks_of(pix2pix.Pix2pixNetworks, pet.shape)
    fabric, config = Fabric(accelerator="cpu", devices=1), parse_config({})
    keys = torch.zeros(1, dtype=torch.int64)
    terms = pix2pix.train_step(networks, fabric, config, (torch.zeros(pet.shape), pet), keys)
    return networks.generator, networks.discriminator, terms


def step_3d(pet):
    networks = networks_of(pix2pix3d.Pix2pix3dNetworks, pet.shape)
    fabric = Fabric(accelerator="cpu", devices=1)
    config = parse_config({"system": "pix2pix3d-tanh", "generator": {"activation": "tanh"}})
    terms = pix2pix3d.train_step(networks, fabric, config, [(torch.zeros(pet.shape), pet)])
    return networks.generator, networks.cnn, terms


@pytest.mark.parametrize(
    ("step", "shape", "blank"), [(step_2d, (1, 1, 2, 2), -1.0), (step_3d, (1, 1, 1, 2, 2), 0.0)]
)
def test_a_step_by_hand(step, shape, blank):
    """Four voxels, one of them not covered; L1 weighs 100 and the adversarial term 1."""
    pet = torch.tensor([1.0, 0.0, -1.0, NAN]).reshape(shape)
    generator, discriminator, terms = step(pet)
    assert terms["l1"].item() == pytest.approx((0.5 + 0.5 + 1.5 + 0) / 4)
    # The synthetic image's sum is 1.5 and the blank voxel; its slope counts three voxels of four.
    logit = torch.tensor(1.5 + blank)
    fooling = nn.functional.softplus(-logit)
    assert terms["adversarial"].item() == pytest.approx(fooling.item())
    slope = -3 * torch.sigmoid(-logit) + 100 * (-1 + 1 + 1) / 4
    assert generator.level.grad.item() == pytest.approx(slope.item())
    for seen in discriminator.seen:
        assert seen.flatten()[3].item() == blank


def test_volumes_are_nan_where_the_brain_was_not_measured(tmp_path):
    folder = write_phantoms(
        tmp_path, {"train": 2}, frames=2, voxel_mm=13.0, is_conformed=True, cut=1
    )
    data = PreparedData(folder)
    volumes = MeasuredVolumes(data)
    unknown = np.isnan(volumes.pet("sub-001"))
    expected = data.mask("sub-001").copy()
    expected[:, :, data.grid.shape[2] // 3 :] = False
    assert expected.any()
    assert (unknown == expected[..., np.newaxis]).all()
    np.testing.assert_array_equal(volumes.pet("sub-002"), data.pet("sub-002"))
    np.testing.assert_array_equal(volumes.t1("sub-001"), data.t1("sub-001"))


def test_a_pet_that_covers_no_brain_is_refused(tmp_path):
    data = PreparedData(write_phantoms(tmp_path / "prepared", {"train": 1}))
    (name,) = data.participants("train")
    np.save(array_path(data.folder, name, "pet"), np.zeros(data.grid.shape, np.float32))
    for read in (MeasuredVolumes(data).pet, lambda each: static_measured_pet(data, each)):
        with pytest.raises(InputError, match=f"the PET of {name} covers no voxel of the brain"):
            read(name)
