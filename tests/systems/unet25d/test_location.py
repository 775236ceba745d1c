"""Where a slab lies in MNI space, and the population's PET there."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from petsynth.data.prepared import PreparedData
from petsynth.errors import ConfigError, RegistrationError
from petsynth.preprocessing.grids import model_grid
from petsynth.preprocessing.registration.inputs import template_brain
from petsynth.preprocessing.resampling import resample, resample_mask
from petsynth.slicing import AIR
from petsynth.systems.unet25d.location import (
    check_is_aligned,
    jitter,
    place_in_mni,
    population_pet,
    slice_place,
)
from petsynth.systems.unet25d.unet import (
    POPULATION_GRID,
    GroupCorrection,
    LocationChannels,
    Shrinkage,
    SlabUNet,
    mni_coordinates,
)


def test_a_larger_and_turned_template_is_found():
    template, around = template_brain()
    grid = model_grid(4.0)
    true = np.eye(4)
    true[:3, :3] = Rotation.from_euler("x", 4, degrees=True).as_matrix() @ np.diag([0.9, 0.95, 0.9])
    true[:3, 3] = (2, -5, 4)
    image = resample(template, grid, true).data
    mask = resample_mask(around, grid, true)
    place = place_in_mni(image / image.max() * 2 - 1, mask, grid)

    corners = np.array([[10, 10, 10, 1], [35, 10, 25, 1], [10, 45, 25, 1], [30, 30, 35, 1]]).T
    wanted = (true @ grid.affine @ corners)[:3]
    assert np.abs((place @ corners)[:3] - wanted).max() < 3.0
    assert np.abs((np.asarray(grid.affine) @ corners)[:3] - wanted).max() > 8.0


def test_nobody_without_a_brain_has_a_place():
    grid = model_grid(9.0)
    empty = np.zeros(grid.shape)
    with pytest.raises(RegistrationError, match="brain mask is empty"):
        place_in_mni(empty - 1, empty > 0, grid)


def test_the_registration_s_error_in_training_is_small():
    moved = [jitter(np.random.default_rng(key)) @ [50, 50, 50, 1] for key in range(200)]
    error = np.linalg.norm(np.array(moved)[:, :3] - 50, axis=1)
    assert 2 < error.mean() < 8


def test_coordinates_are_those_of_each_pixel():
    grid = model_grid(9.0)
    place = slice_place(np.asarray(grid.affine), 5, (grid.shape[1], grid.shape[0]), 32)
    mri = torch.zeros(1, 3, 32, 32)
    channels = LocationChannels("coordinates")(mri, mni_coordinates(mri, torch.tensor(place)[None]))

    assert channels.shape == (1, 6, 32, 32)
    top, left = (32 - grid.shape[1]) // 2, (32 - grid.shape[0]) // 2
    front_left = channels[0, 3:, top, left] * 100
    wanted = (grid.affine @ [0, grid.shape[1] - 1, 5, 1])[:3]
    np.testing.assert_allclose(front_left.numpy(), wanted, atol=1e-3)


def test_the_population_is_interpolated_at_mni_coordinates():
    channels = LocationChannels("population")
    x = np.arange(POPULATION_GRID.shape[0]) * 4.0 - 90
    values = torch.tensor(x / 1000, dtype=torch.float32).expand_as(channels.population)
    channels.population.copy_(values)
    place = torch.tensor([[[0.0, 2.0, 0, -30], [-2.0, 0, 0, 20], [0, 0, 0, 10]]])
    mri = torch.zeros(1, 3, 16, 16)
    sampled = channels(mri, mni_coordinates(mri, place))[0, 3]

    np.testing.assert_allclose(sampled[4].numpy(), (2.0 * np.arange(16) - 30) / 1000, atol=1e-5)
    far = channels(mri, mni_coordinates(mri, place + torch.tensor([0, 0, 0, 500.0])))[0, 3]
    assert (far == AIR).all()


def test_the_group_correction_multiplies_pet_and_error_at_mni_coordinates():
    sizes = {"slices": 3, "filters": 8, "max_filters": 8, "levels": 2, "location": "coordinates"}
    plain, corrected = SlabUNet(**sizes), SlabUNet(**sizes, group_correction=True)
    corrected.load_state_dict(plain.state_dict(), strict=False)
    assert corrected.correction is not None
    mri, place = torch.randn(1, 3, 16, 16), torch.zeros(1, 3, 4)
    place[0, 0, 1], place[0, 0, 3] = 2.0, -16.0  # columns run from x = -16 mm to 14 mm
    before = corrected(mri, place)
    left = torch.arange(POPULATION_GRID.shape[0]) * 4.0 - 90 < 0
    corrected.correction.log_factor[..., left] = float(np.log(1.5))
    pet, error = corrected(mri, place)

    for now, was, air in ((pet, before[0], AIR), (error, before[1], 0.0)):
        change = (now - air) / (was - air)
        assert torch.allclose(change[..., :8], torch.tensor(1.5), atol=1e-3)  # up to x = -2 mm
        assert torch.allclose(change[..., 8], torch.tensor(1.5).sqrt(), atol=1e-3)  # x = 0
        assert torch.allclose(change[..., 9:], torch.tensor(1.0), atol=1e-3)  # from x = 2 mm on


def test_a_group_correction_changes_nothing_at_first_nor_outside_its_grid():
    correction = GroupCorrection()
    assert (correction(torch.zeros(1, 3, 4, 4)) == 1).all()
    correction.log_factor.fill_(0.3)
    assert (correction(torch.full((1, 3, 4, 4), 500.0)) == 1).all()


def test_a_network_with_a_group_correction_needs_the_place():
    network = SlabUNet(slices=3, filters=8, max_filters=8, levels=2, group_correction=True)
    with pytest.raises(ValueError, match="give place_B34"):
        network(torch.zeros(1, 3, 16, 16))


def test_the_population_is_the_mean_of_the_training_pets(tiny_prepared):
    data = PreparedData(tiny_prepared)
    names = data.participants("train")
    mean = population_pet(data, dict.fromkeys(names, np.asarray(data.grid.affine)))

    assert mean.shape == POPULATION_GRID.shape[::-1]
    wanted = np.mean([data.static_pet(name) for name in names], axis=0)
    middle = tuple(length // 2 for length in data.grid.shape)
    mni = (data.grid.affine @ [*middle, 1])[:3]
    x, y, z = np.round((mni + np.array([90, 126, 72])) / 4).astype(int)
    found = (mean[z, y, x] + 1) / 2 * data.pet_scale
    assert found == pytest.approx(wanted[middle], rel=0.1)
    assert mean[0, 0, 0] == pytest.approx(AIR, abs=0.05)


def test_a_network_that_needs_its_place_says_so():
    network = SlabUNet(slices=3, filters=8, max_filters=8, levels=2, location="coordinates")
    with pytest.raises(ValueError, match="needs to know where its slabs lie"):
        network(torch.zeros(1, 3, 16, 16))


def test_centred_data_have_no_place(tiny_prepared):
    data = PreparedData(tiny_prepared)
    check_is_aligned(data)
    data.description["preprocessing"] = {"registration": "none"}
    with pytest.raises(ConfigError, match="prepare it again without"):
        check_is_aligned(data)


def test_covariates_change_nothing_at_first_and_something_later():
    network = SlabUNet(slices=3, filters=8, max_filters=8, levels=2, covariates=2).eval()
    mri = torch.rand(2, 3, 16, 16)
    told = torch.tensor([[1.0, 1, 0, 0], [-1.0, 1, 0, 0]])
    with torch.no_grad():
        plain, known = network(mri)[0], network(mri, None, told)[0]
        assert torch.equal(plain, known)
        for block in network.modulation.blocks:
            block.weight.normal_()
        assert not torch.allclose(network(mri, None, told)[0], plain)


def _shrunk(weight: float) -> tuple[SlabUNet, SlabUNet]:
    """Return a network that is told one covariate, and the same with a population of 0.5."""
    sizes = {"slices": 3, "filters": 8, "max_filters": 8, "levels": 2, "location": "coordinates"}
    plain, shrunk = (SlabUNet(**sizes, covariates=1, shrinkage=each) for each in (0.0, weight))
    assert shrunk.shrinkage is not None
    with torch.no_grad():
        for block in plain.modulation.blocks:  # told something, it draws something else
            block.weight.normal_(0, 0.5)
    shrunk.load_state_dict(plain.state_dict(), strict=False)
    shrunk.shrinkage.mean.fill_(0.5)
    left = torch.arange(POPULATION_GRID.shape[0]) * 4.0 - 90 < 0
    shrunk.shrinkage.inside[..., left] = 1.0
    return plain, shrunk


def _brighten(*networks: SlabUNet) -> None:
    """Let networks draw much of the population's 0.5 everywhere."""
    with torch.no_grad():
        for network in networks:
            network.head.bias[:4] = 0.6


def test_what_the_t1_alone_tells_is_shrunk_towards_the_population_where_it_is_known():
    plain, shrunk = _shrunk(0.25)
    mri, place = torch.randn(1, 3, 16, 16), torch.zeros(1, 3, 4)
    place[0, 0, 1], place[0, 0, 3] = 2.0, -16.0  # columns run from x = -16 mm to 14 mm
    _brighten(plain, shrunk)
    pet, error = plain(mri, place)
    now, error_now = shrunk(mri, place)

    torch.testing.assert_close(error_now, error)
    wanted = 0.75 * (pet - AIR) + 0.25 * 0.5 + AIR
    torch.testing.assert_close(now[..., :8], wanted[..., :8])  # up to x = -2 mm
    torch.testing.assert_close(now[..., 9:], pet[..., 9:])  # from x = 2 mm on


def test_what_covariates_add_is_not_shrunk():
    plain, shrunk = _shrunk(0.25)
    mri, place = torch.randn(1, 3, 16, 16), torch.zeros(1, 3, 4)
    _brighten(plain, shrunk)
    told = torch.tensor([[1.0, 1.0]])
    added = plain(mri, place, told)[0] - plain(mri, place)[0]
    assert added.abs().max() > 0.01

    torch.testing.assert_close(shrunk(mri, place, told)[0] - shrunk(mri, place)[0], added)
    torch.testing.assert_close(shrunk(mri, place, 0 * told)[0], shrunk(mri, place)[0])


@pytest.mark.parametrize(
    ("alone", "wanted"), [(0.0, 0.0), (0.125, 0.125), (0.1875, 0.2265625), (0.25, 0.3125)]
)
def test_a_cavity_is_not_filled(alone, wanted):
    shrinkage = Shrinkage(0.25)
    shrinkage.mean.fill_(0.5)
    shrinkage.inside.fill_(1.0)
    pet = torch.full((1, 1, 2, 2), alone)
    now = pet + shrinkage(pet, torch.zeros(1, 3, 2, 2))
    torch.testing.assert_close(now, torch.full_like(now, wanted))


def test_the_populations_pet_is_rescaled_with_the_networks():
    _, shrunk = _shrunk(0.25)
    shrunk.rescale_pet(2.0)
    assert shrunk.shrinkage is not None
    assert (shrunk.shrinkage.mean == 1).all()


def test_shrinkage_changes_nothing_at_first_and_needs_the_place():
    sizes = {"slices": 3, "filters": 8, "max_filters": 8, "levels": 2}
    network = SlabUNet(**sizes, shrinkage=0.5)
    plain = SlabUNet(**sizes)
    plain.load_state_dict(network.state_dict(), strict=False)
    mri = torch.randn(1, 3, 16, 16)
    torch.testing.assert_close(network(mri, torch.zeros(1, 3, 4))[0], plain(mri)[0])
    with pytest.raises(ValueError, match="give place_B34"):
        network(mri)
