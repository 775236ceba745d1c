"""How a value enters BERT, and how a gradient leaves it again.

A rounded id has no gradient, and paper B does not say how its generator learns through BERT.
Both embeddings here show BERT the rounded value, and let the gradient pass as if it had not
been rounded (straight through).

Sources
-------
- Paper B (Shin et al., GANBERT), section 4.2; silent on gradients: decision record 0050.
- Tancik et al. 2020, "Fourier features let networks learn high frequency functions in low
  dimensional domains".
- Bengio et al. 2013, "Estimating or propagating gradients through stochastic neurons", for the
  straight-through gradient.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from petsynth.systems.ganbert.tokens import Tokens

LONGEST = 8.0
"""Longest wavelength over the shortest."""
SPREAD_TO_SHORTEST = 0.8
"""Shortest wavelength over the spread of the compressed values."""
SMALLEST = 0.01
"""Shortest wavelength, and spread, of values that are all the same."""


def round_to_level(values: Tensor, tokens: Tokens) -> Tensor:
    """Round values to the lattice of ``tokens``; the gradient is that of the identity.

    Examples
    --------
    >>> values = torch.tensor([0.12345], requires_grad=True)
    >>> rounded = round_to_level(values, Tokens())
    >>> rounded.backward()
    >>> round(rounded.item(), 6), values.grad.tolist()
    (0.123, [1.0])
    """
    rounded = tokens.from_level(tokens.to_level(values).round())
    return values + (rounded - values).detach()


class ContinuousEmbedding(nn.Module):
    """A smooth function of the value: Fourier features of long wavelengths, then linear.

    Neighbouring values have neighbouring vectors, so that the gradient tells which way a value
    should go; neighbouring rows of a table do not. All vectors are equally long before the
    linear layer, so that the norm that follows in BERT loses nothing of the value.

    Parameters
    ----------
    tokens : Tokens
        The lattice that values are rounded to.
    hidden : int
        Length of the vectors.
    initial_std : float
        Standard deviation of the vectors' coordinates at the start.
    shortest : float
        Shortest wavelength, in the units of `compress`; see `shortest_wavelength`. The longest is
        8 times as long, the others lie between in equal ratios.
    count : int
        Number of wavelengths.
    """

    frequencies_F: Tensor

    def __init__(
        self,
        tokens: Tokens,
        hidden: int,
        *,
        initial_std: float = 0.02,
        shortest: float = 8.0,
        count: int = 8,
    ):
        super().__init__()
        self.tokens = tokens
        wavelengths_F = torch.logspace(math.log10(shortest), math.log10(LONGEST * shortest), count)
        self.register_buffer("frequencies_F", 2 * math.pi / wavelengths_F, persistent=False)
        self.linear = nn.Linear(2 * count, hidden)
        nn.init.normal_(self.linear.weight, 0.0, initial_std / math.sqrt(count))
        nn.init.zeros_(self.linear.bias)

    def forward(self, values_BN: Tensor) -> Tensor:
        """Return the (B, N, H) vectors of rounded values."""
        return self.smooth(round_to_level(values_BN, self.tokens))

    def smooth(self, values_BN: Tensor) -> Tensor:
        """Return the (B, N, H) vectors of values as they are, (B, N) floats."""
        phases_BNF = compress(values_BN)[..., None] * self.frequencies_F
        result: Tensor = self.linear(torch.cat([phases_BNF.sin(), phases_BNF.cos()], dim=-1))
        return result


def shortest_wavelength(pooled_pets: Tensor) -> float:
    """Return the shortest wavelength that suits the PETs of a cohort.

    Wavelengths of 8 to 64 suit original units, whose compressed values spread over 10. In SUVR,
    which spreads over less than 1, they would move a token's vector by 1.3 % for 10 % more uptake.

    Parameters
    ----------
    pooled_pets : (N, 512) float tensor
        Normalised pooled PETs of some training subjects.

    Returns
    -------
    float
        0.8 times the range from the 1st to the 99th percentile of the compressed values.

    Examples
    --------
    >>> round(shortest_wavelength(torch.linspace(-0.5, 0.1, 1000)[None]), 3)
    0.848
    """
    return max(SPREAD_TO_SHORTEST * _range(compress(pooled_pets.double())), SMALLEST)


def spread(pooled_pets: Tensor) -> float:
    """Return the range of a cohort's PETs, from the 1st to the 99th percentile.

    Parameters
    ----------
    pooled_pets : (N, 512) float tensor
        Normalised pooled PETs of some training subjects.

    Examples
    --------
    >>> round(spread(torch.linspace(-0.5, 0.1, 1000)[None]), 3)
    0.588
    """
    return max(_range(pooled_pets.double()), SMALLEST)


def _range(values: Tensor) -> float:
    low, high = torch.quantile(values, torch.tensor([0.01, 0.99], dtype=values.dtype)).tolist()
    return float(high - low)


def compress(values: Tensor) -> Tensor:
    """Return ``asinh(2 * values)``: linear near zero, logarithmic far from it.

    Original units (normalised to -20 to 200) and SUVR (-0.5 to 0.1) then differ in spread by a
    factor of ten.

    Examples
    --------
    >>> [f"{value:.2f}" for value in compress(torch.tensor([0.0, 0.01, 200.0]))]
    ['0.00', '0.02', '6.68']
    """
    return torch.asinh(2 * values)


def embed_from_table(values_BN: Tensor, tokens: Tokens, table_VH: Tensor) -> Tensor:
    """Look up rounded values in a table of ids: the paper read literally.

    Parameters
    ----------
    values_BN : (B, N) float tensor
        Normalised intensities.
    tokens : Tokens
        The vocabulary.
    table_VH : (V, H) float tensor
        BERT's word embeddings.

    Returns
    -------
    (B, N, H) float tensor
        The rows of the rounded values. A value's gradient is that of the interpolation between
        the rows of the two levels around it; a row's, that of the look-up.
    """
    levels_BN = tokens.to_level(values_BN)
    looked_up_BNH = functional.embedding(tokens.ids_of_levels(levels_BN.detach().round()), table_VH)
    interpolated_BNH = interpolate_table(levels_BN, tokens, table_VH.detach())
    return looked_up_BNH + (interpolated_BNH - interpolated_BNH.detach())


def interpolate_table(levels_BN: Tensor, tokens: Tokens, table_VH: Tensor) -> Tensor:
    """Return (B, N, H) vectors between the rows of the levels below and above."""
    below_BN = levels_BN.detach().floor()
    lower_BNH = functional.embedding(tokens.ids_of_levels(below_BN), table_VH)
    upper_BNH = functional.embedding(tokens.ids_of_levels(below_BN + 1), table_VH)
    return torch.lerp(lower_BNH, upper_BNH, (levels_BN - below_BN)[..., None])
