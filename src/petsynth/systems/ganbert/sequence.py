"""The sequence that BERT reads: ``[CLS] T1 x 512 [SEP] PET x 512 [CLS]``.

Sources
-------
- Paper B (Shin et al., GANBERT), section 4.2: [SEP] between T1 and PET, [CLS] "at the beginning
  and end of the entire sequence", 1 + 512 + 1 + 512 + 1 = 1027 tokens.
- Devlin et al. 2019, BERT, figure 2: token types tell sentence A, with its [SEP], from B.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from petsynth.systems.ganbert.tokens import Tokens


@dataclass(frozen=True)
class Layout:
    """Which position of the sequence holds what.

    Parameters
    ----------
    count : int
        Values of the T1, and as many of the PET.

    Examples
    --------
    >>> Layout().length
    1027
    >>> Layout(2).mri, Layout(2).pet, Layout(2).length
    (slice(1, 3, None), slice(4, 6, None), 7)
    """

    count: int = 512

    @property
    def length(self) -> int:
        """Number of tokens."""
        return 2 * self.count + 3

    @property
    def mri(self) -> slice:
        """Positions of the T1's values."""
        return slice(1, 1 + self.count)

    @property
    def pet(self) -> slice:
        """Positions of the PET's values."""
        return slice(2 + self.count, 2 + 2 * self.count)

    def join(self, mri_BN: Tensor, pet_BN: Tensor) -> Tensor:
        """Return (B, L) values, with zeros where special tokens stand.

        Raises
        ------
        ValueError
            If either does not have ``count`` values.
        """
        if {mri_BN.shape[1], pet_BN.shape[1]} != {self.count}:
            raise ValueError(
                f"{mri_BN.shape[1]} T1 and {pet_BN.shape[1]} PET values; both must be {self.count}"
            )
        gap_B1 = mri_BN.new_zeros(len(mri_BN), 1)
        return torch.cat([gap_B1, mri_BN, gap_B1, pet_BN, gap_B1], dim=1)

    def special_ids(self, tokens: Tokens) -> Tensor:
        """Return (L,) int64: ids of the special tokens, -1 where a value stands.

        Examples
        --------
        >>> Layout(1).special_ids(Tokens()).tolist()
        [11001, -1, 11002, -1, 11001]
        """
        ids_L = torch.full((self.length,), -1)
        ids_L[[0, -1]] = tokens.special("CLS")
        ids_L[1 + self.count] = tokens.special("SEP")
        return ids_L

    def token_types(self) -> Tensor:
        """Return (L,) int64: 0 from the first [CLS] to [SEP], 1 from the PET to the last [CLS].

        Examples
        --------
        >>> Layout(2).token_types().tolist()
        [0, 0, 0, 0, 1, 1, 1]
        """
        result: Tensor = (torch.arange(self.length) >= self.pet.start).long()
        return result

    def ids(self, values_BL: Tensor, tokens: Tokens) -> Tensor:
        """Return (B, L) int64: the ids of the whole sequence."""
        special_L = self.special_ids(tokens).to(values_BL.device)
        return torch.where(special_L >= 0, special_L, tokens.ids(values_BL))
