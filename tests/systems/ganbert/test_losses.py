"""Each term by hand on a toy, and what the generator feels of it."""

import math

import pytest
import torch

from petsynth.networks.unet3d import Generator3d
from petsynth.preprocessing.grids import grid_in_paper_order, mri_grid, pet_grid
from petsynth.systems.ganbert.bert import BertDiscriminator, BertSize
from petsynth.systems.ganbert.losses import (
    LossWeights,
    attention_of,
    bert_loss,
    generator_loss,
    gradient_norms,
    mlm_loss,
    nsp_loss,
    pool_batch,
    real_labels,
    squared_gradient,
)
from petsynth.systems.ganbert.masking import sample_masking
from petsynth.systems.ganbert.sequence import Layout
from petsynth.systems.ganbert.tokens import Tokens

LAYOUT = Layout(8)
MASKING = sample_masking(torch.tensor([1, 2]), LAYOUT, mri_fraction=0.25, pet_fraction=0.5)


def tiny_bert(embedding="continuous", **more) -> BertDiscriminator:
    torch.manual_seed(0)
    size = BertSize(1, 16, 2, 32)
    return BertDiscriminator(Tokens(), LAYOUT, size, embedding=embedding, **more)


def images() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(3)
    mri = torch.randn(2, 1, 4, 4, 4, generator=random)
    pet, synthetic_pet = 5 * torch.randn(2, 2, 2, 3, 4, 3, generator=random)
    return mri, pet, synthetic_pet.requires_grad_(True)


def log_sigmoid(x: float) -> float:
    return -math.log(1 + math.exp(-x))


def test_nsp_by_hand():
    logits = torch.tensor([[2.0, -1.0], [0.5, 1.5]])  # real minus generated: 3, -1
    by_hand = -(log_sigmoid(3.0) + log_sigmoid(1.0)) / 2
    assert nsp_loss(logits, torch.tensor([True, False])).item() == pytest.approx(by_hand)


def test_mlm_by_hand():
    logits = torch.tensor([[[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]])
    by_hand = (math.log(3) + math.log(math.e + 2) - 1) / 2
    assert mlm_loss(logits, torch.tensor([[2, 0]])).item() == pytest.approx(by_hand)


def test_weights_are_the_papers():
    assert LossWeights() == LossWeights(nsp=20.0, mlm=1.0, l1=20.0)


def test_generator_loss_is_the_weighted_sum():
    bert, (mri, pet, synthetic_pet) = tiny_bert(), images()
    pooled = pool_batch(mri, pet, synthetic_pet, side=2)
    terms = generator_loss(bert, pooled, pet, synthetic_pet, MASKING, LossWeights(3.0, 0.5, 2.0))
    output = bert(pooled.mri_BN, pooled.synthetic_pet_BN, MASKING)
    odds = (output.nsp_B2[:, 0] - output.nsp_B2[:, 1]).tolist()
    assert terms["nsp"].item() == pytest.approx(-sum(map(log_sigmoid, odds)) / 2, rel=1e-5)
    assert terms["l1"].item() == pytest.approx((pet - synthetic_pet).abs().mean().item())
    total = 3.0 * terms["nsp"] + 0.5 * terms["mlm"] + 2.0 * terms["l1"]
    torch.testing.assert_close(terms["generator"], total)


def test_labels_of_a_generated_pet_are_the_real_ones_tokens():
    bert, (mri, pet, synthetic_pet) = tiny_bert(), images()
    pooled = pool_batch(mri, pet, synthetic_pet, side=2)
    labels = real_labels(bert, pooled, MASKING)
    tokens, specials = Tokens(), 3
    for sample in range(2):
        mri_ids = tokens.ids(pooled.mri_BN[sample]).tolist()
        pet_ids = tokens.ids(pooled.pet_BN[sample]).tolist()
        sequence = [-1, *mri_ids, -1, *pet_ids, -1]
        assert len(sequence) == 16 + specials
        chosen = MASKING.chosen_BM[sample].tolist()
        assert labels[sample].tolist() == [sequence[place] for place in chosen]


def test_bert_is_shown_what_it_is_told():
    bert, (mri, pet, synthetic_pet) = tiny_bert(), images()
    pooled = pool_batch(mri, pet, synthetic_pet, side=2)
    is_real = torch.tensor([False, True])
    terms = bert_loss(bert, pooled, is_real, MASKING)
    shown = torch.stack([pooled.synthetic_pet_BN[0], pooled.pet_BN[1]])
    output = bert(pooled.mri_BN, shown, MASKING)
    torch.testing.assert_close(terms["nsp"], nsp_loss(output.nsp_B2, is_real))
    torch.testing.assert_close(terms["bert"], terms["nsp"] + terms["mlm"])


def test_the_squared_gradient_by_hand():
    shown = torch.tensor([[0.0, 2.0], [0.0, 0.0]], requires_grad=True)
    # odds: 3 a + 4 b in the first sample's values, nothing in the second's
    odds = torch.stack([3 * shown[0, 0] + 4 * shown[0, 1], torch.tensor(0.0)])
    # u = asinh(2 v): dv/du is 1/2 at 0 and sqrt(17)/2 at 2
    by_hand = ((3 / 2) ** 2 + (4 * math.sqrt(17) / 2) ** 2) / 2
    nsp = torch.stack([odds, torch.zeros(2)], dim=1)
    assert squared_gradient(nsp, shown).item() == pytest.approx(by_hand)


@pytest.mark.parametrize("checkpointing", [False, True])
def test_the_gradient_penalty_reaches_bert(checkpointing):
    bert = tiny_bert(checkpointing=checkpointing).train()
    mri, pet, synthetic_pet = images()
    pooled = pool_batch(mri, pet, synthetic_pet, side=2)
    is_real = torch.tensor([False, True])
    terms = bert_loss(bert, pooled, is_real, MASKING, gradient_penalty=7.0)
    plain = bert_loss(bert, pooled, is_real, MASKING)
    assert terms["gradient_penalty"] > 0
    assert plain["gradient_penalty"] == 0
    torch.testing.assert_close(terms["bert"], plain["bert"] + 7 * terms["gradient_penalty"])
    with attention_of(7.0):
        terms["gradient_penalty"].backward()
    assert bert.continuous.linear.weight.grad.abs().sum() > 0


def test_bert_loss_does_not_reach_the_generator():
    bert, (mri, pet, synthetic_pet) = tiny_bert(), images()
    pooled = pool_batch(mri, pet, synthetic_pet, side=2)
    bert_loss(bert, pooled, torch.tensor([False, False]), MASKING)["bert"].backward()
    assert synthetic_pet.grad is None


@pytest.mark.parametrize("embedding", ["continuous", "table"])
@pytest.mark.parametrize("term", ["nsp", "mlm", "l1"])
def test_each_term_reaches_the_generators_weights(embedding, term):
    torch.manual_seed(0)
    grids = mri_grid(8, 32.0), grid_in_paper_order(pet_grid(32.0))
    generator = Generator3d(*grids, frames=2, filters=2, levels=2)
    mri = torch.randn(2, 1, 8, 8, 8)
    synthetic_pet = generator(mri)
    pet = torch.randn_like(synthetic_pet)
    bert = tiny_bert(embedding).requires_grad_(False)
    pooled = pool_batch(mri, pet, synthetic_pet, side=2)
    terms = generator_loss(bert, pooled, pet, synthetic_pet, MASKING, LossWeights())
    terms[term].backward()
    for name, weight in generator.named_parameters():
        assert weight.grad.abs().sum() > 0, name


def test_gradient_norms():
    bert, (mri, pet, synthetic_pet) = tiny_bert(), images()
    pooled = pool_batch(mri, pet, synthetic_pet, side=2)
    terms = generator_loss(bert, pooled, pet, synthetic_pet, MASKING, LossWeights(0.0, 0.0, 4.0))
    norms = gradient_norms(terms, synthetic_pet)
    # L1: each of n voxels pulls with 1 / n
    assert norms["l1"].item() == pytest.approx(pet.numel() ** -0.5)
    assert norms["generator"].item() == pytest.approx(4 * pet.numel() ** -0.5)
    assert norms["nsp"] > 0
    assert norms["mlm"] > 0
