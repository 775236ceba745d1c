"""The losses of GANBERT.

Sources
-------
- Paper B (Shin et al., GANBERT), section 4.2 (next-sentence prediction as the discriminator;
  for a generated PET, BERT guesses the real PET's tokens) and section 4.3, equation 1: weights
  20, 1 and 20.
- Mescheder et al. 2018, "Which training methods for GANs do actually converge?", for the
  gradient penalty, which the paper does not have (decision record 0050).
- Ours: the generator's next-sentence term does not saturate, as in pix2pix (Isola et al. 2017,
  section 3.3); every term is a mean; BERT's two terms weigh the same, as in Devlin et al. 2019
  (decision record 0075).
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from petsynth.networks.losses import l1_loss
from petsynth.systems.ganbert.bert import GENERATED, REAL, BertDiscriminator
from petsynth.systems.ganbert.masking import Masking
from petsynth.systems.ganbert.tokens import SIDE, pool_image


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
        Pooled T1, real and synthetic PET, normalised.
    """

    mri_BN: Tensor
    pet_BN: Tensor
    synthetic_pet_BN: Tensor


def pool_batch(
    mri_BCXYZ: Tensor, pet_BTYXZ: Tensor, synthetic_pet_BTYXZ: Tensor, side: int = SIDE
) -> Pooled:
    """Pool a batch to ``side**3`` values per image."""
    return Pooled(
        pool_image(mri_BCXYZ, side),
        pool_image(pet_BTYXZ, side),
        pool_image(synthetic_pet_BTYXZ, side),
    )


def bert_loss(
    bert: BertDiscriminator,
    pooled: Pooled,
    is_real_B: Tensor,
    masking: Masking,
    gradient_penalty: float = 0.0,
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
    gradient_penalty : float
        Weight of the `squared_gradient`; the paper has none.

    Returns
    -------
    dict of scalar tensors
        ``nsp``, ``mlm``, ``gradient_penalty`` (zero if its weight is) and their weighted sum
        ``bert``.
    """
    shown_BN = torch.where(is_real_B[:, None], pooled.pet_BN, pooled.synthetic_pet_BN).detach()
    if gradient_penalty:
        shown_BN.requires_grad_(True)
    with attention_of(gradient_penalty):
        output = bert(pooled.mri_BN, shown_BN, masking)
        penalty = (
            squared_gradient(output.nsp_B2, shown_BN)
            if gradient_penalty
            else shown_BN.new_zeros(())
        )
    nsp = nsp_loss(output.nsp_B2, is_real_B)
    mlm = mlm_loss(output.mlm_BMV, real_labels(bert, pooled, masking))
    total = nsp + mlm + gradient_penalty * penalty
    return {"nsp": nsp, "mlm": mlm, "gradient_penalty": penalty, "bert": total}


def attention_of(gradient_penalty: float) -> AbstractContextManager[None]:
    """Return where BERT's attention can be differentiated twice, if the gradient penalty needs it.

    With checkpointing the gradient computes activations again, and so belongs within it as well.
    """
    return sdpa_kernel(SDPBackend.MATH) if gradient_penalty else nullcontext()


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
        The discriminator, which should not require gradients meanwhile.
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
    output = bert(pooled.mri_BN, pooled.synthetic_pet_BN, masking)
    to_fool_B = torch.ones_like(output.nsp_B2[:, 0], dtype=torch.bool)
    nsp = nsp_loss(output.nsp_B2, to_fool_B)
    mlm = mlm_loss(output.mlm_BMV, real_labels(bert, pooled, masking))
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


def squared_gradient(nsp_B2: Tensor, shown_BN: Tensor) -> Tensor:
    """Return the mean squared norm of the gradient of BERT's output with respect to the values.

    A discriminator that is sure of itself has gradients that no longer point to the real PET;
    this penalty (R1 and R2 of Mescheder et al. 2018) keeps it from becoming so.

    Parameters
    ----------
    nsp_B2 : (B, 2) float tensor
        Logits.
    shown_BN : (B, N) float tensor
        Pooled PET from which they were computed; it requires gradients.

    Returns
    -------
    scalar tensor
        Mean over samples of the squared norm of the gradient of the log-odds of being real,
        with respect to the compressed values (`embedding.compress`), so that one weight
        serves all units.
    """
    odds_B = nsp_B2[:, REAL] - nsp_B2[:, GENERATED]
    (per_value_BN,) = torch.autograd.grad(odds_B.sum(), shown_BN, create_graph=True)
    value_per_compressed_BN = (1 + 4 * shown_BN.detach().square()).sqrt() / 2
    return (per_value_BN * value_per_compressed_BN).square().sum(dim=1).mean()


def mlm_loss(mlm_BMV: Tensor, labels_BM: Tensor) -> Tensor:
    """Return the cross-entropy of guessing the chosen tokens, a mean over all of them."""
    return functional.cross_entropy(mlm_BMV.float().flatten(0, 1), labels_BM.flatten())


def real_labels(bert: BertDiscriminator, pooled: Pooled, masking: Masking) -> Tensor:
    """Return the (B, M) ids to be guessed: the T1's and the real PET's, whichever is shown."""
    values_BL = bert.layout.join(pooled.mri_BN, pooled.pet_BN)
    return masking.labels(bert.layout.ids(values_BL, bert.tokens))


def gradient_norms(terms: dict[str, Tensor], synthetic_pet_BTYXZ: Tensor) -> dict[str, Tensor]:
    """Return how strong each term's gradient is at the generator's output.

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
