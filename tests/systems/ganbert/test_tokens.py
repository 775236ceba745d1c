"""Ids against a table computed by hand from paper B, section 4.2; pooling by absolute value."""

from __future__ import annotations

import pytest
import torch

from petsynth.systems.ganbert.tokens import SPECIALS, Tokens, pool_image

# value, id of "offset", id of "literal"
BY_HAND = [
    (0.0, 0, 0),
    (0.0004, 0, 0),  # rounds to level 0
    (-0.0004, 0, 0),
    (0.001, 1000, 1),  # the smallest regular level
    (0.0014, 1000, 1),
    (0.499, 1498, 499),
    (0.5, 1499, 500),
    (0.999, 1998, 999),
    (1.0, 1999, 1000),
    (3.142, 4141, 3142),
    (9.999, 10998, 9999),
    (10.0, 10999, 10000),  # 10^4 itself is regular
    (10.001, 501, 501),  # 10001 mod 500 = 1, plus 500
    (10.499, 999, 999),
    (10.5, 500, 500),  # 10500 mod 500 = 0, plus 500
    (10.501, 501, 501),
    (250.0, 500, 500),
    (999.777, 777, 777),  # 999777 mod 500 = 277
    (-0.001, 1, 1),
    (-0.499, 499, 499),
    (-0.5, 0, 0),  # 500 mod 500
    (-0.501, 1, 1),
    (-1.25, 250, 250),
    (-100.123, 123, 123),
]


@pytest.mark.parametrize(("value", "offset", "literal"), BY_HAND)
def test_ids_follow_the_table(value, offset, literal):
    values = torch.tensor([value])
    assert Tokens("offset").ids(values).item() == offset
    assert Tokens("literal").ids(values).item() == literal


@pytest.mark.parametrize(
    ("scheme", "size", "special"),
    [
        ("offset", 11_004, [11000, 11001, 11002, 11003]),
        ("literal", 10_005, [10001, 10002, 10003, 10004]),
        ("linear", 11_004, [11000, 11001, 11002, 11003]),
    ],
)
def test_special_tokens_follow_the_values(scheme, size, special):
    tokens = Tokens(scheme)
    assert tokens.size == size
    assert [tokens.special(name) for name in SPECIALS] == special


@pytest.mark.parametrize("scheme", ["offset", "literal", "linear"])
def test_no_value_has_a_special_id(scheme):
    tokens = Tokens(scheme)
    ids = tokens.ids(torch.linspace(-1100, 1100, 100_001))
    assert ids.min() >= 0
    assert ids.max() < tokens.special("PAD")


def test_regular_ids_of_offset_are_shared_with_nothing():
    tokens = Tokens("offset")
    regular = tokens.ids_of_levels(torch.arange(1, 10_001))
    others = tokens.ids_of_levels(torch.cat([torch.arange(-3000, 1), torch.arange(10_001, 14_000)]))
    assert regular.unique().numel() == 10_000
    assert set(others.tolist()) == set(range(1000))
    assert not set(regular.tolist()) & set(others.tolist())


def test_literal_shares_the_first_thousand_ids_with_the_buckets():
    tokens = Tokens("literal")
    assert tokens.ids_of_levels(torch.tensor([250, -250, -750])).tolist() == [250, 250, 250]
    assert tokens.ids_of_levels(torch.tensor([750, 10_250, 10_750])).tolist() == [750, 750, 750]


def test_linear_by_hand():
    # 11,000 ids from 0 to 10.999: steps of 0.001
    tokens = Tokens("linear", lowest=0.0, highest=10.999)
    values = torch.tensor([-5.0, 0.0, 0.001, 0.0024, 5.0, 10.999, 99.0])
    assert tokens.ids(values).tolist() == [0, 0, 1, 2, 5000, 10999, 10999]


def test_linear_never_falls():
    tokens = Tokens("linear", lowest=-1.0, highest=1.0)
    ids = tokens.ids(torch.linspace(-2, 2, 40_001))
    assert (ids.diff() >= 0).all()
    assert ids.unique().numel() == 11_000


@pytest.mark.parametrize("scheme", ["offset", "literal", "linear"])
def test_levels_and_values_undo_each_other(scheme):
    tokens = Tokens(scheme)
    levels = torch.tensor([0.0, 1.0, 250.0, 10_000.0])
    torch.testing.assert_close(
        tokens.to_level(tokens.from_level(levels)), levels, atol=2e-2, rtol=0
    )


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="known: offset, literal, linear"):
        Tokens("shifted")
    with pytest.raises(ValueError, match="wrong order"):
        Tokens("linear", lowest=1.0, highest=-1.0)


def test_sign_is_kept():
    image = torch.tensor([1.0, -7.0, 3.0, 6.0, -1.0, -2.0, 0.5, 0.0]).reshape(1, 1, 8, 1, 1)
    image = image.expand(1, 1, 8, 2, 2)
    pooled = pool_image(image, side=2)
    assert pooled.tolist() == [[-7.0] * 4 + [-2.0] * 4]


def test_frames_compete():
    frames = torch.zeros(1, 2, 2, 2, 2)
    frames[0, 0, 0, 0, 0], frames[0, 1, 0, 0, 0] = 2.0, -3.0
    frames[0, 0, 1, 1, 1], frames[0, 1, 1, 1, 1] = 4.0, -3.0
    assert pool_image(frames, side=2).tolist() == [[-3.0, 0, 0, 0, 0, 0, 0, 4.0]]


def test_the_papers_sizes_give_512_values_each():
    mri = torch.zeros(1, 1, 256, 256, 256)
    mri[0, 0, 31, 32, 255] = -9.0  # sub-volume (0, 1, 7) of 32-voxel sides
    pet = torch.zeros(1, 2, 93, 76, 76)
    pet[0, 1, 92, 0, 75] = 5.0  # sub-volume (7, 0, 7)
    assert pool_image(mri).nonzero().tolist() == [[0, 0 * 64 + 1 * 8 + 7]]
    assert pool_image(pet).nonzero().tolist() == [[0, 7 * 64 + 0 * 8 + 7]]
    assert pool_image(mri).shape == pool_image(pet).shape == (1, 512)


def test_every_voxel_counts():
    # 9 voxels in 8 sub-volumes: whichever is raised, some value changes.
    for place in range(9):
        image = torch.zeros(1, 1, 9, 8, 8)
        image[0, 0, place, 3, 3] = 1.0
        assert pool_image(image).sum() >= 1.0


def test_the_gradient_goes_to_the_voxel_that_was_taken():
    image = torch.randn(2, 3, 6, 5, 4, generator=torch.Generator().manual_seed(0)).double()
    image.requires_grad_(True)
    assert torch.autograd.gradcheck(lambda image: pool_image(image, side=2), image)
    pool_image(image, side=1).sum().backward()
    farthest = image.detach().abs().flatten(1).argmax(1)
    assert image.grad.flatten(1).nonzero().tolist() == [[0, farthest[0]], [1, farthest[1]]]


def test_too_few_voxels():
    with pytest.raises(ValueError, match=r"4 x 9 x 9 voxels has no 8\*\*3"):
        pool_image(torch.zeros(1, 1, 4, 9, 9))
