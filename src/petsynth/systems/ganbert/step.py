"""One training step of GANBERT: BERT learns, then the generator.

Sources
-------
- Paper B (Shin et al., GANBERT), section 4.3 ("our generator and BERT are trained separately,
  each having their own optimizer") and section A.3 (Adam, batch 2, accumulation over two
  batches).
- Section 5.1: the CNN discriminator of "with CNN-D"; its term weighs 1 (ours).
- Ours: every random draw is keyed by the sample's place in the step (decision record 0031).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import Adam

from petsynth.config import GanbertConfig
from petsynth.data.volumes import Portion
from petsynth.networks.dropout import draw_keys
from petsynth.networks.losses import adversarial_loss, discriminator_loss
from petsynth.systems.ganbert.bert import BertDiscriminator
from petsynth.systems.ganbert.losses import (
    LossWeights,
    attention_of,
    bert_loss,
    generator_loss,
    gradient_norms,
    pool,
)
from petsynth.systems.ganbert.masking import Masking, draw_masking
from petsynth.systems.ganbert.real_or_generated import draw_real
from petsynth.systems.optimisation import Players, place
from petsynth.systems.volumes_networks import build_bert, build_cnn, build_generator3d
from petsynth.training.distributed import learn, run_network

_FOR_BERT, _FOR_GENERATOR = 0, 1


@dataclass
class GanbertPlayers(Players):
    """Generator, BERT and perhaps a CNN discriminator, and their optimisers."""

    bert: BertDiscriminator
    bert_optimiser: Adam
    cnn: nn.Module | None = None
    cnn_optimiser: Adam | None = None


@dataclass(frozen=True)
class Part:
    """One batch of an accumulation window.

    Parameters
    ----------
    mri : (B, 1, X, Y, Z) float tensor
        Normalised T1.
    pet : (B, T, Y, X, Z) float tensor
        Normalised PET.
    is_real : (B,) bool tensor
        Which samples BERT sees with their real PET.
    masking, generator_masking : Masking
        What is hidden while BERT learns, and while the generator does.
    """

    mri: Tensor
    pet: Tensor
    is_real: Tensor
    masking: Masking
    generator_masking: Masking


def train_step(
    players: GanbertPlayers,
    fabric: Fabric,
    config: GanbertConfig,
    window: Sequence[Part],
    *,
    measure: bool = False,
) -> dict[str, Tensor]:
    """Improve all networks on the batches of one accumulation window.

    Parameters
    ----------
    players : GanbertPlayers
        Changed in place.
    fabric : Fabric
        Device, arithmetic and other processes.
    config : GanbertConfig
        Its loss weights count.
    window : sequence of Part
        From `make_part`; of equal size.
    measure : bool
        Whether to tell how strongly each term pulls at the generator's output.

    Returns
    -------
    dict of scalar tensors
        `terms_of`, means over the window; with ``measure`` also ``gradient_nsp`` and so on, of
        the last batch.
    """
    gathered = _Means(len(window))
    generator, bert, cnn = players.generator, players.bert, players.cnn

    # 1. BERT learns to tell real PETs from generated ones, and to guess what is masked.
    _learning(bert, cnn, is_on=True)
    for part in window:
        with torch.no_grad():
            synthetic_pet = run_network(fabric, generator, part.mri)
        with fabric.autocast():
            pooled = pool(part.mri, part.pet, synthetic_pet)
            terms = bert_loss(bert, pooled, part.is_real, part.masking, config.bert.slope_penalty)
        gathered.add({f"bert_{name}": terms[name] for name in ("nsp", "mlm", "slope")})
        with attention_of(config.bert.slope_penalty):
            gathered.backward(terms["bert"])
        if cnn is not None:
            real_logits = run_network(fabric, cnn, part.mri, part.pet)
            generated_logits = run_network(fabric, cnn, part.mri, synthetic_pet)
            cnn_term = discriminator_loss(real_logits, generated_logits)
            gathered.add({"cnn": cnn_term})
            gathered.backward(cnn_term)
    learn(fabric, bert, players.bert_optimiser)
    if cnn is not None and players.cnn_optimiser is not None:
        learn(fabric, cnn, players.cnn_optimiser)
    # Their gradients make room for the generator's turn.
    players.bert_optimiser.zero_grad()
    if players.cnn_optimiser is not None:
        players.cnn_optimiser.zero_grad()

    # 2. The generator learns to fool them, and to come close to the real PET.
    _learning(bert, cnn, is_on=False)
    players.generator_optimiser.zero_grad()
    weights = LossWeights(config.loss.nsp, config.loss.mlm, config.loss.l1)
    norms = {}
    for part in window:
        synthetic_pet = run_network(fabric, generator, part.mri)
        with fabric.autocast():
            pooled = pool(part.mri, part.pet, synthetic_pet)
            terms = generator_loss(
                bert, pooled, part.pet, synthetic_pet, part.generator_masking, weights
            )
        if cnn is not None:
            fooling = adversarial_loss(run_network(fabric, cnn, part.mri, synthetic_pet))
            total = terms.pop("generator") + config.loss.adversarial * fooling
            terms |= {"adversarial": fooling, "generator": total}
        if measure and part is window[-1]:
            pulls = {name: term for name, term in terms.items() if name != "generator"}
            norms = gradient_norms(pulls, synthetic_pet)
        gathered.add(terms)
        gathered.backward(terms["generator"])
    learn(fabric, generator, players.generator_optimiser)
    return gathered.means | {f"gradient_{name}": norm for name, norm in norms.items()}


def terms_of(config: GanbertConfig) -> tuple[str, ...]:
    """Return the names of the loss terms in the order in which they are logged."""
    discriminators = ("bert_nsp", "bert_mlm", "bert_slope", *(("cnn",) if config.has_cnn else ()))
    return (*discriminators, *_generator_terms(config), "generator")


def gradients_of(config: GanbertConfig) -> tuple[str, ...]:
    """Return the names of the gradient norms that ``measure`` adds."""
    return tuple(f"gradient_{name}" for name in _generator_terms(config))


def build_players(config: GanbertConfig, fabric: Fabric) -> GanbertPlayers:
    """Make the networks from the configuration's seed, with their optimisers, on the device."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        generator, bert = build_generator3d(config), build_bert(config)
        cnn = build_cnn(config) if config.has_cnn else None
    knobs = config.optimiser
    adam = knobs.learning_rate, (knobs.beta1, knobs.beta2)
    return GanbertPlayers(
        *place(fabric, generator, *adam),
        *place(fabric, bert, *adam),
        *(() if cnn is None else place(fabric, cnn, *adam)),
    )


def make_part(
    config: GanbertConfig,
    players: GanbertPlayers,
    batch: tuple[Tensor, Tensor],
    portion: Portion,
    step: int,
    number: int,
) -> Part:
    """Draw what one batch of a window hides and shows; T1 and PET are on the device already.

    Parameters
    ----------
    config : GanbertConfig
        Seed and masked shares count.
    players : GanbertPlayers
        Whose BERT reads it.
    batch : pair of tensors
        T1 and PET.
    portion : Portion
        Which part of a step's samples this process has.
    step, number : int
        The step, and the batch's number within it.
    """
    mri, pet = batch
    first = portion.first(step, number) - step * portion.samples

    def masking(purpose: int) -> Masking:
        """Draw what is hidden while one of the two players learns."""
        keys = draw_keys(config.seed, 2 * step + purpose, len(mri), first)
        return draw_masking(
            keys,
            players.bert.layout,
            mri_share=config.bert.mri_masked,
            pet_share=config.bert.pet_masked,
            replacement=config.bert.replacement,
        ).to(mri.device)

    is_real = draw_real(config.seed, step, len(mri), first).to(mri.device)
    return Part(mri, pet, is_real, masking(_FOR_BERT), masking(_FOR_GENERATOR))


class _Means:
    """Means of the terms over a window, and gradients of means."""

    def __init__(self, batches: int):
        self.share = 1 / batches
        self.means: dict[str, Tensor] = {}

    def add(self, terms: dict[str, Tensor]) -> None:
        for name, term in terms.items():
            part = self.share * term.detach()
            self.means[name] = self.means[name] + part if name in self.means else part

    def backward(self, term: Tensor) -> None:
        (self.share * term).backward()


def _learning(*judges: nn.Module | None, is_on: bool) -> None:
    for judge in judges:
        if judge is not None:
            judge.requires_grad_(is_on)


def _generator_terms(config: GanbertConfig) -> tuple[str, ...]:
    return ("nsp", "mlm", "l1", *(("adversarial",) if config.has_cnn else ()))
