"""Rounding, and the gradients of both embeddings."""

import pytest
import torch

from petsynth.systems.ganbert.bert import SIZES, BertDiscriminator
from petsynth.systems.ganbert.embedding import (
    ContinuousEmbedding,
    embed_from_table,
    interpolate_table,
    round_to_level,
    shortest_wavelength,
)
from petsynth.systems.ganbert.sequence import Layout
from petsynth.systems.ganbert.tokens import Tokens


def continuous() -> ContinuousEmbedding:
    torch.manual_seed(0)
    return ContinuousEmbedding(Tokens(), hidden=6).double()


def table() -> torch.Tensor:
    return torch.randn(Tokens().size, 6, generator=torch.Generator().manual_seed(0)).double()


def on_the_lattice() -> torch.Tensor:
    levels = torch.tensor([-20_000, -501, -500, -1, 0, 1, 2, 999, 10_000, 10_001, 200_000])
    return Tokens().from_level(levels[None].double())


def test_values_on_the_lattice_enter_as_they_are():
    """Rounded and smooth path give the same vectors, in either order of computation."""
    values, embedding = on_the_lattice(), continuous()
    torch.testing.assert_close(embedding(values), embedding.smooth(values))
    vectors = interpolate_table(Tokens().to_level(values).round(), Tokens(), table())
    torch.testing.assert_close(embed_from_table(values, Tokens(), table()), vectors)
    torch.testing.assert_close(vectors, table()[Tokens().ids(values)])


def test_values_between_are_rounded():
    exact, between = torch.tensor([[0.123, -0.7]]).double(), torch.tensor([[0.12337, -0.69958]])
    embedding = continuous()
    torch.testing.assert_close(embedding(between.double()), embedding(exact))
    torch.testing.assert_close(
        embed_from_table(between.double(), Tokens(), table()), table()[[1122, 200]][None]
    )


def test_linear_tokens_show_the_clipped_value_and_keep_the_gradient():
    tokens = Tokens("linear", lowest=0.0, highest=10.999)
    values = torch.tensor([-3.0, 5.00021, 40.0], requires_grad=True)
    rounded = round_to_level(values, tokens)
    torch.testing.assert_close(rounded, torch.tensor([0.0, 5.0, 10.999]))
    rounded.sum().backward()
    assert values.grad.tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("value", [-20.0, -0.5, -0.001, 0.0, 0.0334, 1.7, 9.0, 200.0])
def test_the_continuous_gradient_is_that_of_the_smooth_path(value):
    embedding = continuous()
    values = torch.tensor([[round(value, 3)]], dtype=torch.float64, requires_grad=True)
    direction = torch.randn(6, generator=torch.Generator().manual_seed(1)).double()
    (embedding(values) @ direction).sum().backward()
    step = 1e-5
    with torch.no_grad():
        above = embedding.smooth(values + step) @ direction
        below = embedding.smooth(values - step) @ direction
    torch.testing.assert_close(values.grad, (above - below) / (2 * step), rtol=1e-6, atol=1e-9)


def test_the_tables_gradient_is_that_of_the_interpolation():
    values = torch.tensor([[0.1234, -0.0316, 10.0003]], dtype=torch.float64, requires_grad=True)
    vectors = embed_from_table(values, Tokens(), table())
    vectors[..., 2].sum().backward()
    # levels 123|124, -32|-31 (ids 32, 31), 10000|10001 (ids 10999, 501); 1000 levels per unit
    rows = table()[:, 2]
    gradients = [rows[1123] - rows[1122], rows[31] - rows[32], rows[501] - rows[10999]]
    torch.testing.assert_close(values.grad, 1000 * torch.stack(gradients)[None])


def test_the_tables_rows_learn_by_look_up():
    rows = table().requires_grad_(True)
    embed_from_table(torch.tensor([[0.1234]]).double(), Tokens(), rows).sum().backward()
    assert rows.grad.nonzero()[:, 0].unique().tolist() == [1122]


def test_neighbouring_values_have_neighbouring_vectors():
    """The vector's distance grows with the value's, over the whole range of both unit arms."""
    embedding = continuous()
    for values in (torch.linspace(-0.6, 0.6, 13), torch.logspace(-1, 2.3, 12)):
        vectors = embedding.smooth(values[None].double())[0]
        steps = vectors.diff(dim=0)
        assert (steps.norm(dim=1) > 1e-3 * vectors.norm(dim=1).max()).all()
        ahead = torch.nn.functional.cosine_similarity(steps[1:], steps[:-1])
        assert (ahead > 0.8).all()


@torch.no_grad()
def relative_movement(values, shortest):
    """Return by how much 10 % more uptake moves a token's vector after BERT's norm."""
    torch.manual_seed(0)
    bert = BertDiscriminator(
        Tokens(), Layout(), SIZES["small"], shortest_wavelength=shortest
    ).eval()
    norm = bert.bert.bert.embeddings.LayerNorm
    types = bert.bert.bert.embeddings.token_type_embeddings.weight[1]
    before, after = (norm(bert.continuous.smooth(each) + types) for each in values)
    return float(((after - before).norm(dim=-1) / before.norm(dim=-1)).mean())


def test_ten_percent_more_uptake_moves_a_token_in_suvr():
    """SUVR of 0.5 to 2 with a T1 of mean 30 and SD 45; as in original units with 8 to 64."""
    suvr = torch.linspace(0.5, 2.0, 200)[None]
    pair = tuple((each - 3.0) / 4.5 for each in (suvr, 1.1 * suvr))
    assert relative_movement(pair, 8.0) < 0.03
    assert relative_movement(pair, shortest_wavelength(pair[0])) > 0.1


def test_original_units_keep_wavelengths_of_about_8_to_64():
    original = torch.linspace(-20.0, 200.0, 1000)[None]
    assert 7.0 < shortest_wavelength(original) < 9.0


def test_values_that_are_all_the_same_have_a_wavelength():
    assert shortest_wavelength(torch.zeros(2, 512)) > 0
