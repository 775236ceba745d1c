"""BERT fed through its embeddings."""

import pytest
import torch

from petsynth.networks.layers import count_parameters
from petsynth.systems.ganbert.bert import SIZES, BertDiscriminator, BertSize
from petsynth.systems.ganbert.masking import sample_masking
from petsynth.systems.ganbert.sequence import Layout
from petsynth.systems.ganbert.tokens import Tokens

TINY = BertSize(layers=2, hidden=32, heads=2, inner=64)
LAYOUT = Layout(27)


def tiny_bert(**changes) -> BertDiscriminator:
    torch.manual_seed(0)
    return BertDiscriminator(Tokens(), LAYOUT, TINY, **changes)


def batch(count: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    draws = torch.randn(2, count, 27, generator=torch.Generator().manual_seed(1))
    return draws[0], 5 * draws[1]


def masks(count: int = 2, **more):
    return sample_masking(torch.arange(count), LAYOUT, **more)


def bert_parameters(size: BertSize, length: int, vocabulary: int) -> int:
    """Count by hand, after Devlin et al. 2019; the decoder shares the table's weights."""
    h, f = size.hidden, size.inner
    embeddings = (vocabulary + length + 2) * h + 2 * h
    layer = 4 * (h * h + h) + (h * f + f) + (f * h + h) + 2 * 2 * h
    pooler, nsp = h * h + h, 2 * h + 2
    mlm = h * h + h + 2 * h + vocabulary
    return embeddings + size.layers * layer + pooler + nsp + mlm


def test_base_is_bert_base():
    assert SIZES["base"] == BertSize(12, 768, 12, 3072)
    assert SIZES["base"].initial_std == 0.02
    with torch.device("meta"):
        bert = BertDiscriminator(Tokens(), Layout(), SIZES["base"])
    assert count_parameters(bert.bert) == bert_parameters(SIZES["base"], 1027, 11_004) == 95_492_606
    assert count_parameters(bert.continuous) == 16 * 768 + 768
    assert bert.bert.config.max_position_embeddings == 1027


@pytest.mark.parametrize("embedding", ["continuous", "table"])
def test_parameters_of_a_small_one(embedding):
    bert = tiny_bert(embedding=embedding)
    extra = 16 * 32 + 32 if embedding == "continuous" else 0
    assert count_parameters(bert) == bert_parameters(TINY, LAYOUT.length, 11_004) + extra


@pytest.mark.parametrize("embedding", ["continuous", "table"])
def test_shapes(embedding):
    output = tiny_bert(embedding=embedding)(*batch(), masks())
    assert output.nsp_B2.shape == (2, 2)
    assert output.mlm_BMV.shape == (2, 1 + 7, 11_004)  # 0.05 and 0.25 of 27


def test_same_as_transformers_own_forward():
    """The masked-language logits at the chosen positions are those of the full computation."""
    bert, (mri, pet), masking = tiny_bert(), batch(), masks()
    embeddings = bert.embed(LAYOUT.join(mri, pet), masking)
    whole = bert.bert(inputs_embeds=embeddings, token_type_ids=LAYOUT.token_types().expand(2, -1))
    output = bert(mri, pet, masking)
    torch.testing.assert_close(output.nsp_B2, whole.seq_relationship_logits)
    for sample in range(2):
        chosen = whole.prediction_logits[sample, masking.chosen_BM[sample]]
        torch.testing.assert_close(output.mlm_BMV[sample], chosen)


def test_the_table_reads_ids_as_transformers_does():
    bert, (mri, pet), masking = tiny_bert(embedding="table"), batch(), masks()
    values = LAYOUT.join(mri, pet)
    ids = LAYOUT.ids(values, bert.tokens)
    ids[masking.masked_BL] = bert.tokens.special("MASK")
    expected = bert.bert(input_ids=ids, token_type_ids=LAYOUT.token_types().expand(2, -1))
    torch.testing.assert_close(bert(mri, pet, masking).nsp_B2, expected.seq_relationship_logits)


@pytest.mark.parametrize("embedding", ["continuous", "table"])
def test_masked_values_are_not_seen(embedding):
    bert, (mri, pet), masking = tiny_bert(embedding=embedding), batch(), masks()
    pet.requires_grad_(True)
    output = bert(mri, pet, masking)
    (output.nsp_B2[:, 0].sum() + output.mlm_BMV[..., 7].sum()).backward()
    hidden = masking.masked_BL[:, LAYOUT.pet]
    assert (pet.grad[hidden] == 0).all()
    assert (pet.grad[~hidden] != 0).all()


def test_replaced_tokens_show_the_value_of_their_source():
    bert, (mri, pet) = tiny_bert(), batch(1)
    masking = sample_masking(torch.tensor([5]), LAYOUT, pet_fraction=1.0, replacement="80-10-10")
    values = LAYOUT.join(mri, pet)
    embeddings = bert.embed(values, masking)
    swapped = (masking.source_BL != torch.arange(LAYOUT.length)).nonzero()[:, 1]
    assert len(swapped) > 0
    shown = bert.continuous(values[:, masking.source_BL[0, swapped]])
    torch.testing.assert_close(embeddings[:, swapped], shown)


def test_checkpointing_gives_the_same_gradients():
    gradients = []
    for checkpointing in (False, True):
        bert = tiny_bert(checkpointing=checkpointing).train()
        bert(*batch(), masks()).nsp_B2[:, 0].sum().backward()
        gradients.append(bert.bert.bert.encoder.layer[0].output.dense.weight.grad)
    assert gradients[0].abs().sum() > 0
    torch.testing.assert_close(*gradients)


def test_dropout_is_a_setting():
    bert = tiny_bert(dropout=0.5).train()
    assert not torch.equal(bert(*batch(), masks()).nsp_B2, bert(*batch(), masks()).nsp_B2)
    bert = tiny_bert().train()
    assert torch.equal(bert(*batch(), masks()).nsp_B2, bert(*batch(), masks()).nsp_B2)


def test_every_parameter_learns():
    """None is left without a gradient, which data-parallel training would stumble over."""
    bert = tiny_bert()
    output = bert(*batch(), masks())
    (output.nsp_B2[:, 0].sum() + output.mlm_BMV.logsumexp(-1).sum()).backward()
    assert [name for name, weight in bert.named_parameters() if weight.grad is None] == []
