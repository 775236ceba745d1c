"""Proportions, labels and keys of masking."""

import pytest
import torch

from petsynth.systems.ganbert.masking import sample_masking
from petsynth.systems.ganbert.sequence import Layout

LAYOUT = Layout()


def test_5_and_25_percent():
    masking = sample_masking(torch.arange(50), LAYOUT)
    assert masking.chosen_BM.shape == (50, 26 + 128)  # 0.05 and 0.25 of 512
    assert (masking.masked_BL[:, LAYOUT.mri].sum(1) == 26).all()
    assert (masking.masked_BL[:, LAYOUT.pet].sum(1) == 128).all()
    assert torch.equal(masking.source_BL, torch.arange(1027).expand(50, -1))


def test_special_tokens_are_never_chosen():
    masking = sample_masking(torch.arange(200), LAYOUT, mri_fraction=0.9, pet_fraction=0.9)
    assert not masking.masked_BL[:, [0, 513, 1026]].any()
    assert not torch.isin(masking.chosen_BM, torch.tensor([0, 513, 1026])).any()


def test_chosen_positions_are_spread_over_the_image():
    masking = sample_masking(torch.arange(400), LAYOUT)
    fraction = masking.masked_BL[:, LAYOUT.pet].float().mean(0)
    assert fraction.min() > 0.15
    assert fraction.max() < 0.35


def test_labels_are_the_ids_at_the_chosen_positions():
    masking = sample_masking(torch.tensor([3, 4]), LAYOUT)
    ids = torch.arange(2 * 1027).reshape(2, 1027)
    labels = masking.labels(ids)
    assert torch.equal(labels[0], masking.masked_BL[0].nonzero().flatten())
    assert torch.equal(labels[1], masking.masked_BL[1].nonzero().flatten() + 1027)


def test_a_samples_draw_does_not_depend_on_the_batch():
    pair = sample_masking(torch.tensor([11, 12]), LAYOUT, replacement="80-10-10")
    alone = sample_masking(torch.tensor([12]), LAYOUT, replacement="80-10-10")
    assert torch.equal(pair.chosen_BM[1], alone.chosen_BM[0])
    assert torch.equal(pair.masked_BL[1], alone.masked_BL[0])
    assert torch.equal(pair.source_BL[1], alone.source_BL[0])
    assert not torch.equal(pair.chosen_BM[0], pair.chosen_BM[1])


def test_80_10_10():
    masking = sample_masking(torch.arange(300), LAYOUT, replacement="80-10-10")
    chosen = masking.chosen_BM.numel()
    swapped = masking.source_BL != torch.arange(1027)
    assert masking.masked_BL.sum() / chosen == pytest.approx(0.8, abs=0.01)
    assert swapped.sum() / chosen == pytest.approx(0.1, abs=0.01)
    assert not (swapped & masking.masked_BL).any()
    chosen_BL = torch.zeros_like(swapped).scatter(1, masking.chosen_BM, True)
    assert not ((swapped | masking.masked_BL) & ~chosen_BL).any()
    # a T1 value is replaced by a T1 value, a PET value by a PET value
    assert ((masking.source_BL < 513) == (torch.arange(1027) < 513))[swapped].all()


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="within 0 and 1"):
        sample_masking(torch.tensor([1]), LAYOUT, pet_fraction=1.5)
    with pytest.raises(ValueError, match="no token would be masked"):
        sample_masking(torch.tensor([1]), Layout(4), mri_fraction=0.05, pet_fraction=0.05)
