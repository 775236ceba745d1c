"""The losses of GANBERT.

Sources
-------
- Paper B (Shin et al., GANBERT), section 4.2 (next-sentence prediction as the discriminator;
  for a generated PET, BERT guesses the real PET's tokens) and section 4.3, equation 1: weights
  20, 1 and 20.
- Ours: the generator's next-sentence term does not saturate, as in pix2pix (Isola et al. 2017,
  section 3.1); every term is a mean; BERT's two terms weigh the same, as in Devlin et al. 2019.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from petsynth.models.bert_discriminator import GENERATED, REAL, BertDiscriminator
from petsynth.models.losses import l1_loss
from petsynth.models.masking import Masking
from petsynth.models.summarise import SIDE, summarise


@dataclass(frozen=True)
class LossWeights:
    """Weights of the generator's terms (equation 1).

    Parameters
    ----------
    nsp : float
        Of fooling next-sentence prediction.
    mlm : float
        Of the masked-language model.
    l1 : float
        Of the mean absolute difference, in normalised units.
    """

    nsp: float = 20.0
    mlm: float = 1.0
    l1: float = 20.0


@dataclass(frozen=True)
class Pooled:
    """What BERT reads of a batch.

    Parameters
    ----------
    mri_BN, pet_BN, synthetic_pet_BN : (B, N) float tensors
        Summarised T1, real and synthetic PET, normalised.
    """

    mri_BN: Tensor
    pet_BN: Tensor
    synthetic_pet_BN: Tensor


def pool(
    mri_BCXYZ: Tensor, pet_BTYXZ: Tensor, synthetic_pet_BTYXZ: Tensor, side: int = SIDE
) -> Pooled:
    """Summarise a batch to ``side**3`` values per image."""
    return Pooled(
        summarise(mri_BCXYZ, side), summarise(pet_BTYXZ, side), summarise(synthetic_pet_BTYXZ, side)
    )


def bert_loss(
    bert: BertDiscriminator, pooled: Pooled, is_real_B: Tensor, masking: Masking
) -> dict[str, Tensor]:
    """Return the terms that BERT learns by; no gradient reaches the generator.

    Parameters
    ----------
    bert : BertDiscriminator
        It learns.
    pooled : Pooled
        The batch.
    is_real_B : (B,) bool tensor
        Which samples are shown with their real PET.
    masking : Masking
        What is hidden.

    Returns
    -------
    dict of scalar tensors
        ``nsp``, ``mlm`` and their sum ``bert``.
    """
    shown_BN = torch.where(is_real_B[:, None], pooled.pet_BN, pooled.synthetic_pet_BN.detach())
    judgement = bert(pooled.mri_BN, shown_BN, masking)
    nsp = nsp_loss(judgement.nsp_B2, is_real_B)
    mlm = mlm_loss(judgement.mlm_BMV, real_labels(bert, pooled, masking))
    return {"nsp": nsp, "mlm": mlm, "bert": nsp + mlm}


def generator_loss(
    bert: BertDiscriminator,
    pooled: Pooled,
    pet_BTYXZ: Tensor,
    synthetic_pet_BTYXZ: Tensor,
    masking: Masking,
    weights: LossWeights,
) -> dict[str, Tensor]:
    """Return the terms that the generator learns by.

    Parameters
    ----------
    bert : BertDiscriminator
        The judge, which should not require gradients meanwhile.
    pooled : Pooled
        The batch; gradients flow through its synthetic PET.
    pet_BTYXZ, synthetic_pet_BTYXZ : (B, T, Y, X, Z) float tensors
        For the L1 term.
    masking : Masking
        What is hidden from BERT.
    weights : LossWeights
        Of the sum.

    Returns
    -------
    dict of scalar tensors
        ``nsp``, ``mlm``, ``l1``, each as it is, and their weighted sum ``generator``.
    """
    judgement = bert(pooled.mri_BN, pooled.synthetic_pet_BN, masking)
    to_fool_B = torch.ones_like(judgement.nsp_B2[:, 0], dtype=torch.bool)
    nsp = nsp_loss(judgement.nsp_B2, to_fool_B)
    mlm = mlm_loss(judgement.mlm_BMV, real_labels(bert, pooled, masking))
    l1 = l1_loss(synthetic_pet_BTYXZ, pet_BTYXZ)
    total = weights.nsp * nsp + weights.mlm * mlm + weights.l1 * l1
    return {"nsp": nsp, "mlm": mlm, "l1": l1, "generator": total}


def nsp_loss(nsp_B2: Tensor, is_real_B: Tensor) -> Tensor:
    """Return the cross-entropy of telling real PETs from generated ones.

    Parameters
    ----------
    nsp_B2 : (B, 2) float tensor
        Logits.
    is_real_B : (B,) bool tensor
        The labels.
    """
    labels_B = torch.where(is_real_B, REAL, GENERATED)
    return functional.cross_entropy(nsp_B2.float(), labels_B)


def mlm_loss(mlm_BMV: Tensor, labels_BM: Tensor) -> Tensor:
    """Return the cross-entropy of guessing the chosen tokens, a mean over all of them."""
    return functional.cross_entropy(mlm_BMV.float().flatten(0, 1), labels_BM.flatten())


def real_labels(bert: BertDiscriminator, pooled: Pooled, masking: Masking) -> Tensor:
    """Return the (B, M) ids to be guessed: the T1's and the real PET's, whichever is shown."""
    values_BL = bert.layout.join(pooled.mri_BN, pooled.pet_BN)
    return masking.labels(bert.layout.ids(values_BL, bert.tokens))


def gradient_norms(terms: dict[str, Tensor], synthetic_pet_BTYXZ: Tensor) -> dict[str, Tensor]:
    """Return how strongly each term pulls at the generator's last layer.

    Parameters
    ----------
    terms : dict of scalar tensors
        Of `generator_loss`; their graphs are kept.
    synthetic_pet_BTYXZ : (B, T, Y, X, Z) float tensor
        From which they were computed.

    Returns
    -------
    dict of scalar tensors
        Euclidean norm of each term's gradient with respect to the synthetic PET.
    """
    return {
        name: torch.autograd.grad(term, synthetic_pet_BTYXZ, retain_graph=True)[0].norm()
        for name, term in terms.items()
    }
