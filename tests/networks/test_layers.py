"""Norm, initial weights, dropout by key, resampling by place in millimetres."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from petsynth.networks.layers import (
    NORM_EPSILON,
    GroupNorm,
    InstanceNorm,
    KeyedDropout,
    Resample3d,
    count_parameters,
    initialise_weights,
    instance_norm,
    lay_channels_last,
    sample_keys,
)
from petsynth.preprocessing.grids import grid_in_paper_order, mri_grid, pet_grid
from petsynth.volume import Grid


def test_each_channel_of_each_image_has_its_own_norm():
    image = torch.tensor([[[[1.0, 3.0]], [[10.0, 30.0]]], [[[5.0, 5.0]], [[0.0, -2.0]]]])

    normed = InstanceNorm(2)(image)

    expected = [[[[-1, 1]], [[-1, 1]]], [[[0, 0]], [[1, -1]]]]
    torch.testing.assert_close(normed, torch.tensor(expected).float(), rtol=0, atol=1e-4)


@pytest.mark.parametrize("shape", [(1, 3, 6, 5), (3, 8, 4, 4), (2, 5, 3, 4, 2), (2, 3, 1, 1)])
@pytest.mark.parametrize("innermost", [True, False])
def test_instance_norm_and_its_gradients_are_those_of_a_group_norm(shape, innermost):
    torch.manual_seed(0)
    image, ours = torch.randn(shape, dtype=torch.float64), []
    layout = {4: torch.channels_last, 5: torch.channels_last_3d}[image.ndim]
    if innermost:
        image = image.contiguous(memory_format=layout)
    gammas, betas = torch.rand(2, shape[1], dtype=torch.float64)
    pull = torch.randn_like(image)
    for norm in (
        instance_norm,
        lambda x, g, b: nn.functional.group_norm(x, len(g), g, b, NORM_EPSILON),
    ):
        leaves = [each.clone().requires_grad_() for each in (image, gammas, betas)]
        normed = norm(*leaves)
        normed.backward(pull)
        ours.append([normed, *(each.grad for each in leaves)])
    assert ours[0][0].is_contiguous(memory_format=layout if innermost else torch.contiguous_format)
    torch.testing.assert_close(ours[0], ours[1], rtol=1e-9, atol=1e-9)


def test_instance_norm_of_an_image_does_not_depend_on_its_neighbours():
    images = torch.randn(3, 8, 6, 6).bfloat16().contiguous(memory_format=torch.channels_last)
    together = InstanceNorm(8)(images)
    for number in range(3):
        assert torch.equal(together[number], InstanceNorm(8)(images[number : number + 1])[0])


@pytest.mark.parametrize("kind", [nn.Conv2d, nn.ConvTranspose2d, nn.Conv3d])
def test_kernels_start_small_and_biases_at_zero(kind):
    torch.manual_seed(0)
    layer = kind(32, 32, kernel_size=3)
    initialise_weights(nn.Sequential(layer))

    assert layer.weight.mean().item() == pytest.approx(0, abs=1e-3)
    assert layer.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert not layer.bias.any()


def test_norms_start_near_one_and_other_layers_stay_as_they_are():
    torch.manual_seed(0)
    norm, linear, bare = InstanceNorm(2000), nn.Linear(3, 3), nn.Conv2d(1, 1, 3, bias=False)
    before = linear.weight.clone()
    initialise_weights(nn.Sequential(norm, linear, bare))

    assert norm.weight.mean().item() == pytest.approx(1, abs=2e-3)
    assert norm.weight.std().item() == pytest.approx(0.02, rel=0.1)
    assert not norm.bias.any()
    assert torch.equal(linear.weight, before)


def test_channels_last_is_a_layout_and_changes_no_value():
    network = nn.Sequential(nn.Conv2d(4, 8, 3), nn.Conv3d(4, 8, 3), nn.Linear(4, 8))
    before = [weight.clone() for weight in network.parameters()]
    lay_channels_last(network)

    assert network[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert network[1].weight.is_contiguous(memory_format=torch.channels_last_3d)
    assert not network[0].weight.is_contiguous()
    for old, new in zip(before, network.parameters(), strict=True):
        assert torch.equal(old, new)


def test_only_trainable_numbers_are_counted():
    network = nn.Sequential(nn.Conv2d(2, 3, 5), nn.Linear(7, 4))
    assert count_parameters(network) == (2 * 3 * 25 + 3) + (7 * 4 + 4)
    network[0].weight.requires_grad_(False)
    assert count_parameters(network) == 3 + (7 * 4 + 4)


ONES = torch.ones(4, 8, 16, 16)
KEYS = torch.tensor([5, 6, 5, 2**62])


def test_values_are_zero_or_scaled_up():
    dropped = KeyedDropout(0.25, layer=0)(ONES, KEYS)
    assert dropped.unique().tolist() == pytest.approx([0, 4 / 3])
    assert (dropped == 0).float().mean().item() == pytest.approx(0.25, abs=0.02)


def test_the_key_alone_decides_the_mask():
    dropout = KeyedDropout(0.5, layer=3)
    together = dropout(ONES, KEYS)
    for place, key in enumerate(KEYS):
        assert torch.equal(together[place], dropout(ONES[:1], key[None])[0])
    assert torch.equal(together[0], together[2])
    assert not torch.equal(together[0], together[1])


def test_layers_draw_independently():
    one, other = (KeyedDropout(0.5, layer=layer)(ONES[:1], KEYS[:1]) for layer in (0, 1))
    assert (one == other).float().mean().item() == pytest.approx(0.5, abs=0.05)


def test_torchs_global_state_is_neither_used_nor_changed():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one = KeyedDropout(0.5, layer=0)(ONES, KEYS)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(KeyedDropout(0.5, layer=0)(ONES, KEYS), one)


def test_without_dropout_nothing_changes():
    assert KeyedDropout(0.0, layer=0)(ONES, KEYS) is ONES


def test_half_precision_stays_so():
    assert KeyedDropout(0.5, layer=0)(ONES.bfloat16(), KEYS).dtype == torch.bfloat16


def test_keys_of_a_step_are_distinct_and_belong_to_the_place_in_the_batch():
    keys = sample_keys(seed=0, step=7, count=8)
    assert len(set(keys.tolist())) == 8
    assert (keys >= 0).all()
    assert torch.equal(keys[:5], sample_keys(seed=0, step=7, count=5))
    assert not torch.equal(keys, sample_keys(seed=0, step=8, count=8))
    assert not torch.equal(keys, sample_keys(seed=1, step=7, count=8))


def world_of(grid: Grid) -> np.ndarray:
    """Return (3, D, E, F): millimetres of every voxel."""
    voxels = np.indices(grid.shape).reshape(3, -1)
    world = grid.affine[:3, :3] @ voxels + grid.affine[:3, 3:]
    return world.reshape(3, *grid.shape)


def phantom(grid: Grid) -> torch.Tensor:
    """Return (1, 3, D, E, F): the three world coordinates as channels; trilinear, asymmetric."""
    return torch.from_numpy(world_of(grid)[np.newaxis].astype(np.float32))


def test_a_linear_field_is_met_exactly_on_the_other_box_and_axis_order():
    mri, pet = mri_grid(32, 8.0), grid_in_paper_order(pet_grid(8.0))
    resampled = Resample3d(mri, pet)(phantom(mri))
    torch.testing.assert_close(resampled, phantom(pet), atol=1e-3, rtol=0)


def test_an_off_centre_blob_stays_at_its_millimetres():
    mri, pet = mri_grid(64, 4.0), grid_in_paper_order(pet_grid(4.0))
    blob_mm = np.array([40.0, -50.0, 30.0])
    squared = ((world_of(mri) - blob_mm[:, None, None, None]) ** 2).sum(0)
    blob = torch.from_numpy(np.exp(-squared / 10**2).astype(np.float32))
    resampled = Resample3d(mri, pet)(blob[None, None])[0, 0].numpy()
    centre_mm = (world_of(pet) * resampled).sum((1, 2, 3)) / resampled.sum()
    np.testing.assert_allclose(centre_mm, blob_mm, atol=0.05)


def test_off_centre_boxes():
    source_affine = np.diag([2.0, 2.0, 2.0, 1.0])
    source_affine[:3, 3] = 10, 20, 30
    source = Grid((4, 5, 6), source_affine)
    # axes turned and one flipped: x from k, y from i, z from -j
    target_affine = np.array([[0, 0, 1.5, 10.5], [2, 0, 0, 21], [0, -3, 0, 38], [0, 0, 0, 1]])
    target = Grid((3, 2, 4), target_affine)
    torch.testing.assert_close(Resample3d(source, target)(phantom(source)), phantom(target))


def test_beyond_the_box_the_outermost_value_goes_on():
    source = Grid((2, 2, 2), np.eye(4))
    target = Grid((1, 1, 1), np.array([[1.0, 0, 0, 5], [0, 1, 0, -9], [0, 0, 1, 0], [0, 0, 0, 1]]))
    assert Resample3d(source, target)(phantom(source)).flatten().tolist() == [1.0, 0.0, 0.0]


def test_nothing_to_learn_and_nothing_to_save():
    resample = Resample3d(mri_grid(4, 64.0), pet_grid(32.0))
    assert not list(resample.parameters())
    assert not resample.state_dict()


@pytest.mark.parametrize("shape", [(7, 6, 5), (3, 9, 4)], ids=["finer", "coarser"])
def test_values_and_gradient_are_those_of_torchs_own_interpolation(shape):
    source, target = Grid((5, 4, 6), np.eye(4)), Grid(shape, np.diag([0.7, 0.4, 1.3, 1.0]))
    features = torch.randn(2, 3, 5, 4, 6, generator=torch.Generator().manual_seed(0))
    features.requires_grad_()
    voxels = torch.from_numpy(world_of(target)).moveaxis(0, -1)[None].float()
    places = (2 * voxels / torch.tensor([4, 3, 5]) - 1).flip(-1).expand(2, -1, -1, -1, -1)
    expected = functional.grid_sample(features, places, padding_mode="border", align_corners=True)
    resampled = Resample3d(source, target)(features)
    torch.testing.assert_close(resampled, expected)
    pull = torch.randn(expected.shape, generator=torch.Generator().manual_seed(1))
    (wanted,) = torch.autograd.grad(expected, features, pull)
    (gradient,) = torch.autograd.grad(resampled, features, pull)
    torch.testing.assert_close(gradient, wanted)


def test_half_precision_is_interpolated_in_full():
    mri, pet = mri_grid(8, 32.0), pet_grid(32.0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        resampled = Resample3d(mri, pet)(phantom(mri))
    torch.testing.assert_close(resampled, phantom(pet), atol=1e-3, rtol=0)


def test_shapes_are_known_where_nothing_is_computed():
    mri, pet = mri_grid(8, 32.0), pet_grid(32.0)
    with torch.device("meta"):
        resample = Resample3d(mri, pet).to("meta")
        resampled = resample(torch.empty(2, 3, *mri.shape))
    assert resampled.shape == (2, 3, *pet.shape)


def test_grids_at_an_angle_are_refused():
    turned = np.eye(4)
    turned[:2, :2] = np.array([[1, -1], [1, 1]]) / np.sqrt(2)
    with pytest.raises(ValueError, match="not parallel"):
        Resample3d(Grid((4, 4, 4), np.eye(4)), Grid((4, 4, 4), turned))


@pytest.mark.parametrize("make", [lambda: InstanceNorm(4), lambda: GroupNorm(2, 4)])
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_a_norm_learns_behind_frozen_layers(make, precision):
    """With torch's own norm the process ends with a segmentation fault."""
    image = torch.randn(2, 4, 8, 8, 8)
    innermost = image.to(precision).contiguous(memory_format=torch.channels_last_3d)
    norm, expected = make(), make()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        (norm(innermost).float() ** 2).sum().backward()
    (expected(image) ** 2).sum().backward()
    torch.testing.assert_close(norm.weight.grad, expected.weight.grad, rtol=0.01, atol=0)
    assert innermost.grad is None
