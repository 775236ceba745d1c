"""BERT as the discriminator: real or generated PET, and the values behind the mask.

Sources
-------
- Paper B (Shin et al., GANBERT), section 4.2: BERT-base (12 layers, hidden size 768, 12 heads);
  next-sentence prediction acts as the discriminator.
- Ours: one BERT with both heads, trained from random weights (decision record 0075).
- Devlin et al. 2019, BERT; the network is transformers' `BertForPreTraining`, fed through its
  embeddings.
- Decision records 0050 (embeddings and their gradient) and 0031 (dropout 0 by default).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from transformers import BertConfig, BertForPreTraining

from petsynth.systems.ganbert.embedding import ContinuousEmbedding, embed_from_table
from petsynth.systems.ganbert.masking import Masking
from petsynth.systems.ganbert.sequence import Layout
from petsynth.systems.ganbert.tokens import Tokens

Embedding = Literal["continuous", "table"]

REAL, GENERATED = 0, 1
"""Classes of the next-sentence head; BERT's own 0 is "B does follow A"."""


@dataclass(frozen=True)
class BertSize:
    """Depth and width.

    Parameters
    ----------
    layers, hidden, heads : int
        Transformer layers, length of the vectors, attention heads per layer.
    inner : int
        Width of a layer's feed-forward part.
    """

    layers: int
    hidden: int
    heads: int
    inner: int

    @property
    def initial_std(self) -> float:
        """Standard deviation of the initial weights.

        BERT's 0.02 belongs to a width of 768; a narrower network with it would hardly pass
        anything on. Scaled so that a sum over the width varies as much as in BERT-base.
        """
        return 0.02 * math.sqrt(768 / self.hidden)


SIZES = {"base": BertSize(12, 768, 12, 3072), "small": BertSize(4, 128, 4, 512)}
"""BERT-base, the paper's, and one for processors without an accelerator."""


class DiscriminatorOutput(NamedTuple):
    """Logits of a batch.

    Parameters
    ----------
    nsp_B2 : (B, 2) float tensor
        Logits of `REAL` and `GENERATED`.
    mlm_BMV : (B, M, V) float tensor
        Logits over the vocabulary at the chosen positions.
    """

    nsp_B2: Tensor
    mlm_BMV: Tensor


class BertDiscriminator(nn.Module):
    """BERT for pre-training over pooled T1 and PET values.

    Parameters
    ----------
    tokens : Tokens
        The vocabulary.
    layout : Layout
        Of the sequence.
    size : BertSize
        Depth and width.
    embedding : {"continuous", "table"}
        How values enter; special tokens always have a vector each.
    shortest_wavelength : float
        Of the continuous embedding; see `petsynth.systems.ganbert.embedding`.
    dropout : float
        Fraction of hidden values and attention weights dropped in training.
    checkpointing : bool
        Whether activations inside a layer are computed again for the gradient in training
        mode: less memory, more time, the same values.
    """

    special_ids_L: Tensor
    token_types_L: Tensor

    def __init__(
        self,
        tokens: Tokens,
        layout: Layout,
        size: BertSize = SIZES["base"],
        *,
        embedding: Embedding = "continuous",
        shortest_wavelength: float = 8.0,
        dropout: float = 0.0,
        checkpointing: bool = False,
    ):
        super().__init__()
        self.tokens = tokens
        self.layout = layout
        self.bert = BertForPreTraining(
            BertConfig(
                vocab_size=tokens.size,
                hidden_size=size.hidden,
                num_hidden_layers=size.layers,
                num_attention_heads=size.heads,
                intermediate_size=size.inner,
                initializer_range=size.initial_std,
                hidden_dropout_prob=dropout,
                attention_probs_dropout_prob=dropout,
                max_position_embeddings=layout.length,
                pad_token_id=tokens.special("PAD"),
                use_cache=False,
            )
        )
        if checkpointing:
            self.bert.activation_checkpointing_enable({"use_reentrant": False})
        self.continuous = (
            ContinuousEmbedding(
                tokens, size.hidden, initial_std=size.initial_std, shortest=shortest_wavelength
            )
            if embedding == "continuous"
            else None
        )
        self.register_buffer("special_ids_L", layout.special_ids(tokens), persistent=False)
        self.register_buffer("token_types_L", layout.token_types(), persistent=False)

    def forward(self, mri_BN: Tensor, pet_BN: Tensor, masking: Masking) -> DiscriminatorOutput:
        """Tell real from generated PETs and guess masked tokens, for pairs of pooled images.

        Parameters
        ----------
        mri_BN, pet_BN : (B, N) float tensors
            Pooled T1 and PET, normalised; the PET real or synthetic.
        masking : Masking
            What is hidden from BERT.

        Returns
        -------
        DiscriminatorOutput
            Logits of the next-sentence head, and of the masked-language head where tokens were
            chosen.
        """
        embeddings_BLH = self.embed(self.layout.join(mri_BN, pet_BN), masking)
        types_BL = self.token_types_L.expand(len(mri_BN), -1)
        hidden_BLH, pooled_BH = self.bert.bert(
            inputs_embeds=embeddings_BLH, token_type_ids=types_BL, return_dict=False
        )
        # The vocabulary is large: its logits are computed only where they are asked for.
        index_BMH = masking.chosen_BM[..., None].expand(-1, -1, hidden_BLH.shape[-1])
        mlm_BMV, nsp_B2 = self.bert.cls(hidden_BLH.gather(1, index_BMH), pooled_BH)
        return DiscriminatorOutput(nsp_B2, mlm_BMV)

    def embed(self, values_BL: Tensor, masking: Masking) -> Tensor:
        """Return the (B, L, H) vectors of a sequence: values, special tokens, masks."""
        shown_BL = values_BL.gather(1, masking.source_BL)
        table_VH = self.bert.bert.embeddings.word_embeddings.weight
        if self.continuous is not None:
            values_BLH = self.continuous(shown_BL)
        else:
            values_BLH = embed_from_table(shown_BL, self.tokens, table_VH)
        special_LH = table_VH[self.special_ids_L.clamp(min=0)]
        values_BLH = torch.where((self.special_ids_L >= 0)[:, None], special_LH, values_BLH)
        mask_H = table_VH[self.tokens.special("MASK")]
        return torch.where(masking.masked_BL[..., None], mask_H, values_BLH)
