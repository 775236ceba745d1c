import pytest
import torch

from petsynth.networks.dropout import KeyedDropout, sample_keys

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
