"""The generator of paper B: sizes, physical skips, activations, checkpointing."""

import numpy as np
import pytest
import torch

from petsynth.networks.layers import count_parameters
from petsynth.networks.unet3d import ACTIVATIONS, Generator3d, halved_grids
from petsynth.preprocessing.grids import grid_in_paper_order, mri_grid, pet_grid
from petsynth.volume import Grid

MRI_GRID = mri_grid(32, 8.0)
PET_GRID = grid_in_paper_order(pet_grid(8.0))  # 23 x 19 x 19


def small_generator(**changes) -> Generator3d:
    torch.manual_seed(0)
    settings = {"frames": 2, "filters": 4, "max_filters": 16, "levels": 3} | changes
    return Generator3d(MRI_GRID, PET_GRID, **settings)


def small_mri(batch: int = 1) -> torch.Tensor:
    return torch.randn(batch, 1, 32, 32, 32, generator=torch.Generator().manual_seed(1))


def test_decoder_grids_of_the_paper():
    grids = halved_grids(grid_in_paper_order(pet_grid()), 4, same_centre=True)
    shapes = [(93, 76, 76), (47, 38, 38), (24, 19, 19), (12, 10, 10), (6, 5, 5)]
    assert [grid.shape for grid in grids] == shapes
    assert [grid.voxel_mm[0] for grid in grids] == [2, 4, 8, 16, 32]
    for grid in grids:
        np.testing.assert_allclose(grid.centre_mm, [0, -18, 18])


def test_encoder_grids_lie_where_the_convolutions_put_their_results():
    # Kernel 3, stride 2, padding 1, with only its middle tap: result i is input 2 i.
    finer = Grid((7, 8, 5), np.array([[2.0, 0, 0, 1], [0, 3, 0, 2], [0, 0, 4, 3], [0, 0, 0, 1]]))
    coarser = halved_grids(finer, 1, same_centre=False)[1]
    voxels = torch.from_numpy(np.indices(finer.shape).astype(np.float32))
    kernel = torch.zeros(1, 1, 3, 3, 3)
    kernel[0, 0, 1, 1, 1] = 1
    taken = torch.nn.functional.conv3d(voxels[:, None], kernel, stride=2, padding=1)[:, 0].numpy()
    assert taken.shape[1:] == coarser.shape
    taken_mm = finer.affine[:3, :3] @ taken.reshape(3, -1) + finer.affine[:3, 3:]
    voxels_mm = coarser.affine[:3, :3] @ np.indices(coarser.shape).reshape(3, -1)
    np.testing.assert_allclose(taken_mm, voxels_mm + coarser.affine[:3, 3:])


def test_parameters_at_the_papers_size():
    with torch.device("meta"):
        generator = Generator3d(mri_grid(8, 32.0), grid_in_paper_order(pet_grid(8.0)), levels=2)
    widths = [32, 64]
    by_hand = 27 * (1 * 32 + 32 * 64 + (64 + 32) * 32) + 2 * (sum(widths) + 32) + 27 * 32 * 2 + 2
    assert count_parameters(generator) == by_hand


def test_full_width_has_8_million_parameters():
    generator = Generator3d(mri_grid(64, 4.0), grid_in_paper_order(pet_grid(4.0)))
    encoder = 27 * (1 * 32 + 32 * 64 + 64 * 128 + 128 * 256 + 256 * 256)
    decoder = 27 * (512 * 256 + (256 + 128) * 128 + (128 + 64) * 64 + (64 + 32) * 32)
    norms = 2 * (32 + 64 + 128 + 256 + 256) + 2 * (256 + 128 + 64 + 32)
    last = 27 * 32 * 2 + 2
    assert count_parameters(generator) == encoder + decoder + norms + last == 8_216_482


@pytest.mark.parametrize("frames", [1, 2])
def test_shapes(frames):
    assert small_generator(frames=frames)(small_mri(2)).shape == (2, frames, 23, 19, 19)


def test_a_sample_does_not_depend_on_its_batch():
    generator, mri = small_generator(), small_mri(2)
    torch.testing.assert_close(generator(mri)[1:], generator(mri[1:]), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("spot_mm", [(35.0, -70.0, 50.0), (-45.0, 30.0, 0.0)])
def test_a_bright_spot_appears_at_its_own_place(spot_mm):
    """An off-centre spot changes the untrained network's PET where it lies, not transposed."""
    mri_grid_4mm, pet_grid_4mm = mri_grid(64, 4.0), grid_in_paper_order(pet_grid(4.0))
    torch.manual_seed(0)
    generator = Generator3d(mri_grid_4mm, pet_grid_4mm, filters=16, levels=2)
    voxels = np.moveaxis(np.indices(mri_grid_4mm.shape), 0, -1)
    away = voxels - (np.linalg.inv(mri_grid_4mm.affine) @ [*spot_mm, 1])[:3]
    spot = torch.from_numpy(5 * np.exp(-((away / 1.5) ** 2).sum(-1)).astype(np.float32))
    plain = torch.randn(1, 1, 64, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        change = (generator(plain + spot) - generator(plain)).square()[0].sum(0).numpy()
    weights = np.where(change > change.max() / 4, change, 0)
    place = (np.indices(change.shape) * weights).sum((1, 2, 3)) / weights.sum()
    place_mm = (pet_grid_4mm.affine @ [*place, 1])[:3]
    # Axes in another order, or the T1's box resized to the PET's, end 14 mm away or farther.
    np.testing.assert_allclose(place_mm, spot_mm, atol=8)


def test_tanhshrink_by_hand():
    x = torch.tensor([-2.0, 0.0, 0.1, 1.0, 500.0])
    by_hand = [-2 + 0.9640276, 0.0, 0.1 - 0.0996680, 1 - 0.7615942, 499.0]
    torch.testing.assert_close(ACTIVATIONS["tanhshrink"](x), torch.tensor(by_hand))


def test_tanh_ends_at_one_and_tanhshrink_does_not():
    for activation, largest in [("tanh", 1.0), ("tanhshrink", 49.0)]:
        generator = small_generator(activation=activation)
        torch.nn.init.constant_(generator.last.bias, 50.0)
        torch.nn.init.zeros_(generator.last.weight)
        assert generator(small_mri()).max().item() == pytest.approx(largest)


def test_bf16_does_not_round_what_leaves_the_generator():
    # Rounded to eight bits, all large values would be multiples of half a unit, which BERT's
    # buckets of 500 levels tell from real PETs at a glance.
    generator = small_generator()
    generator.last.weight.data *= 1e4
    with torch.autocast("cpu", torch.bfloat16):
        pet = generator(small_mri())
    assert pet.dtype == torch.float32
    large = pet[pet.abs() > 100]
    assert len(large) > 1000
    assert (large == large.bfloat16().float()).float().mean() < 0.1


@pytest.mark.parametrize("filters", [1, 4, 6])
def test_checkpointing_gives_the_same_gradients(filters):
    gradients = []
    for checkpointing in (False, True):
        generator = small_generator(filters=filters, checkpointing=checkpointing).double()
        generator(small_mri().double()).square().mean().backward()
        gradients.append([weight.grad for weight in generator.parameters()])
    for plain, checkpointed in zip(*gradients, strict=True):
        assert plain.abs().max() > 0
        torch.testing.assert_close(plain, checkpointed, rtol=1e-9, atol=1e-15)


def test_checkpointing_keeps_less():
    kept = {}
    for checkpointing in (False, True):
        sizes = []

        def keep(tensor, sizes=sizes):
            sizes.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            small_generator(checkpointing=checkpointing)(small_mri())
        kept[checkpointing] = sum(sizes)
    assert kept[True] < 0.7 * kept[False]


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="needs at least two"):
        small_generator(levels=1)
    with pytest.raises(ValueError, match="take fewer levels"):
        small_generator(levels=6)
