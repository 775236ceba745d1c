"""Training of GANBERT: BERT learns, then the generator.

Sources
-------
- Paper B (Shin et al., GANBERT), section 4.3 ("our generator and BERT are trained separately,
  each having their own optimizer") and section A.3 (Adam, batch 2, accumulation over two
  batches).
- Section 5.1: the CNN discriminator of "with CNN-D"; its term weighs 1 (ours).
- Section 4.2, "Next sentence prediction": real and generated images are selected half of the time
  each. Ours: exactly half of every two neighbours in the global batch, so that even the paper's
  small batches show both.
- Ours: what the PET's field of view does not cover is left out (`petsynth.systems.coverage`).
- Ours: every random number is keyed by the sample's place in the step (decision record 0031).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Adam

from petsynth.data.prepared import PreparedData
from petsynth.data.volumes import BatchPartition
from petsynth.networks.layers import sample_keys
from petsynth.networks.losses import adversarial_loss, discriminator_loss
from petsynth.systems.coverage import leave_out_unmeasured
from petsynth.systems.ganbert.bert import BertDiscriminator, BertSize
from petsynth.systems.ganbert.config import GanbertConfig
from petsynth.systems.ganbert.embedding import shortest_wavelength, spread
from petsynth.systems.ganbert.losses import (
    LossWeights,
    attention_of,
    bert_loss,
    generator_loss,
    gradient_norms,
    pool_batch,
)
from petsynth.systems.ganbert.masking import Masking, sample_masking
from petsynth.systems.ganbert.sequence import Layout
from petsynth.systems.ganbert.tokens import Tokens, pool_image
from petsynth.systems.optimisation import Networks, run_network, take_step, with_adam
from petsynth.systems.volumes.networks import build_cnn, build_generator
from petsynth.systems.volumes.system import AccumulationWindow, Pair, VolumeTraining

if TYPE_CHECKING:
    from lightning_fabric import Fabric

_FOR_BERT, _FOR_GENERATOR = 0, 1

SPREAD_SUBJECTS = 16
"""Training subjects, evenly spread over the list, whose PETs tell the spread of values."""
SPREAD_OF_ORIGINAL_UNITS = 140.0
"""Of normalised PETs (139 in two simulated subjects), for which the paper's weights are meant."""


@dataclass
class GanbertNetworks(Networks):
    """Generator, BERT and perhaps a CNN discriminator, and their optimisers."""

    bert: BertDiscriminator
    bert_optimiser: Adam
    cnn: nn.Module | None = None
    cnn_optimiser: Adam | None = None


@dataclass(frozen=True)
class MicroBatch:
    """One batch of an accumulation window.

    Parameters
    ----------
    mri : (B, 1, X, Y, Z) float tensor
        Normalised T1.
    pet : (B, T, Y, X, Z) float tensor
        Normalised PET; NaN where it was not measured.
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
    networks: GanbertNetworks,
    fabric: Fabric,
    config: GanbertConfig,
    window: Sequence[MicroBatch],
    *,
    measure: bool = False,
) -> dict[str, Tensor]:
    """Improve all networks on the batches of one accumulation window.

    Parameters
    ----------
    networks : GanbertNetworks
        Changed in place.
    fabric : Fabric
        Device, arithmetic and other processes.
    config : GanbertConfig
        Its loss weights count.
    window : sequence of MicroBatch
        From `make_micro_batch`; of equal size.
    measure : bool
        Whether to return the gradient norm of each term at the generator's output.

    Returns
    -------
    dict of scalar tensors
        `terms_of`, means over the window; with ``measure`` also ``gradient_nsp`` and so on, of
        the last batch.
    """
    gathered = _Means(len(window))
    generator, bert, cnn = networks.generator, networks.bert, networks.cnn

    # 1. BERT learns to tell real PETs from generated ones, and to guess what is masked.
    _learning(bert, cnn, is_on=True)
    for batch in window:
        with torch.no_grad():
            synthetic_pet = run_network(fabric, generator, batch.mri)
        pet, synthetic_pet = leave_out_unmeasured(batch.pet, synthetic_pet)
        with fabric.autocast():
            pooled = pool_batch(batch.mri, pet, synthetic_pet)
            terms = bert_loss(
                bert, pooled, batch.is_real, batch.masking, config.bert.gradient_penalty
            )
        gathered.add({f"bert_{name}": terms[name] for name in ("nsp", "mlm", "gradient_penalty")})
        with attention_of(config.bert.gradient_penalty):
            gathered.backward(terms["bert"])
        if cnn is not None:
            real_logits = run_network(fabric, cnn, batch.mri, pet)
            generated_logits = run_network(fabric, cnn, batch.mri, synthetic_pet)
            cnn_term = discriminator_loss(real_logits, generated_logits)
            gathered.add({"cnn": cnn_term})
            gathered.backward(cnn_term)
    take_step(fabric, bert, networks.bert_optimiser)
    if cnn is not None and networks.cnn_optimiser is not None:
        take_step(fabric, cnn, networks.cnn_optimiser)
    # Their gradients make room for the generator's turn.
    networks.bert_optimiser.zero_grad()
    if networks.cnn_optimiser is not None:
        networks.cnn_optimiser.zero_grad()

    # 2. The generator learns to fool them, and to come close to the real PET.
    _learning(bert, cnn, is_on=False)
    networks.generator_optimiser.zero_grad()
    weights = LossWeights(config.loss.nsp, config.loss.mlm, config.loss.l1)
    norms = {}
    for batch in window:
        synthetic_pet = run_network(fabric, generator, batch.mri)
        pet, synthetic_pet = leave_out_unmeasured(batch.pet, synthetic_pet)
        with fabric.autocast():
            pooled = pool_batch(batch.mri, pet, synthetic_pet)
            terms = generator_loss(
                bert, pooled, pet, synthetic_pet, batch.generator_masking, weights
            )
        if cnn is not None:
            fooling = adversarial_loss(run_network(fabric, cnn, batch.mri, synthetic_pet))
            total = terms.pop("generator") + config.loss.adversarial * fooling
            terms |= {"adversarial": fooling, "generator": total}
        if measure and batch is window[-1]:
            measured = {name: term for name, term in terms.items() if name != "generator"}
            norms = gradient_norms(measured, synthetic_pet)
        gathered.add(terms)
        gathered.backward(terms["generator"])
    take_step(fabric, generator, networks.generator_optimiser)
    return gathered.means | {f"gradient_{name}": norm for name, norm in norms.items()}


def terms_of(config: GanbertConfig) -> tuple[str, ...]:
    """Return the names of the loss terms in the order in which they are logged."""
    discriminators = (
        "bert_nsp",
        "bert_mlm",
        "bert_gradient_penalty",
        *(("cnn",) if config.has_cnn else ()),
    )
    return (*discriminators, *_generator_terms(config), "generator")


def gradients_of(config: GanbertConfig) -> tuple[str, ...]:
    """Return the names of the gradient norms that ``measure`` adds."""
    return tuple(f"gradient_{name}" for name in _generator_terms(config))


def build_networks(config: GanbertConfig, fabric: Fabric) -> GanbertNetworks:
    """Make the networks from the configuration's seed, with their optimisers, on the device."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        generator, bert = build_generator(config), build_bert(config)
        cnn = build_cnn(config) if config.has_cnn else None
    optimiser = config.optimiser
    adam = optimiser.learning_rate, (optimiser.beta1, optimiser.beta2)
    return GanbertNetworks(
        *with_adam(fabric, generator, *adam),
        *with_adam(fabric, bert, *adam),
        *(() if cnn is None else with_adam(fabric, cnn, *adam)),
    )


def make_micro_batch(
    config: GanbertConfig,
    networks: GanbertNetworks,
    batch: Pair,
    partition: BatchPartition,
    step: int,
    number: int,
) -> MicroBatch:
    """Choose what one batch of a window hides and shows; T1 and PET are on the device already.

    Parameters
    ----------
    config : GanbertConfig
        Seed and masked fractions count.
    networks : GanbertNetworks
        Whose BERT reads it.
    batch : pair of tensors
        T1 and PET.
    partition : BatchPartition
        Which part of a step's samples this process has.
    step, number : int
        The step, and the batch's number within it.
    """
    mri, pet = batch
    first = partition.first(step, number) - step * partition.samples

    def masking(purpose: int) -> Masking:
        """Choose what is hidden while one of the two networks learns."""
        keys = sample_keys(config.seed, 2 * step + purpose, len(mri), first)
        return sample_masking(
            keys,
            networks.bert.layout,
            mri_fraction=config.bert.mri_masked,
            pet_fraction=config.bert.pet_masked,
            replacement=config.bert.replacement,
        ).to(mri.device)

    is_real = sample_real(config.seed, step, len(mri), first).to(mri.device)
    return MicroBatch(mri, pet, is_real, masking(_FOR_BERT), masking(_FOR_GENERATOR))


def sample_real(seed: int, step: int, count: int, first: int = 0) -> Tensor:
    """Choose for each sample of a batch.

    Parameters
    ----------
    seed : int
        The run's seed.
    step : int
        Number of the step.
    count : int
        Samples of this process.
    first : int
        Place of the first of them in the global batch.

    Returns
    -------
    (count,) bool tensor
        True for the real PET.

    Examples
    --------
    >>> int(sample_real(0, 5, 4).sum())
    2
    >>> torch.equal(sample_real(0, 5, 4)[2:], sample_real(0, 5, 2, first=2))
    True
    """
    coin = int(np.random.default_rng((seed, step)).integers(2))
    return (torch.arange(first, first + count) + coin) % 2 == 0


def suited_to(config: GanbertConfig, pooled_pets: Tensor) -> GanbertConfig:
    """Return the configuration with what it leaves to the training PETs (decision record 0050).

    Parameters
    ----------
    config : GanbertConfig
        Unchanged, unless ``bert.shortest_wavelength`` is 0. Then it gets one, and ``loss.l1`` for
        normalised units.
    pooled_pets : (N, 512) float tensor
        Normalised pooled PETs of some training subjects.
    """
    bert, loss = config.bert, config.loss
    if bert.shortest_wavelength:
        return config
    l1 = loss.l1 * SPREAD_OF_ORIGINAL_UNITS / spread(pooled_pets)
    return dataclasses.replace(
        config,
        bert=dataclasses.replace(bert, shortest_wavelength=shortest_wavelength(pooled_pets)),
        loss=dataclasses.replace(loss, l1=l1),
    )


def build_bert(config: GanbertConfig) -> BertDiscriminator:
    """Make BERT, with initial weights from torch's global generator.

    Its optimiser is Adam without weight decay, and its gradients are not clipped: the paper
    (section A.3) tells of neither.
    """
    bert = config.bert
    return BertDiscriminator(
        Tokens(bert.tokens, bert.linear_from, bert.linear_to),
        Layout(),
        BertSize(bert.layers, bert.hidden, bert.heads, bert.inner),
        embedding=bert.embedding,
        shortest_wavelength=bert.shortest_wavelength or 8.0,
        dropout=bert.dropout,
        checkpointing=bert.checkpointing,
    )


class GanbertTraining(VolumeTraining):
    """A training of GANBERT, without or with a CNN discriminator; as `VolumeTraining`."""

    networks: GanbertNetworks

    def __init__(self, config: GanbertConfig, data: PreparedData, fabric: Fabric):
        super().__init__(config, data, fabric)
        self.config = suited_to(config, self._pooled_pets())
        self.networks = build_networks(self.config, fabric)
        self.terms = terms_of(config)
        self.extras = gradients_of(config)

    def _pooled_pets(self) -> Tensor:
        """Return the pooled PETs of a few training subjects, the same in all processes."""
        chosen = np.linspace(0, len(self.dataset) - 1, min(SPREAD_SUBJECTS, len(self.dataset)))
        pets = [self.dataset[int(index)][1].nan_to_num(0.0) for index in chosen.round()]
        return torch.cat([pool_image(pet[None]) for pet in pets])

    def set_learning_rate(self, fraction: float) -> None:
        """Set the learning rates; BERT may have one of its own."""
        super().set_learning_rate(fraction)
        if self.config.bert.learning_rate:
            for group in self.networks.bert_optimiser.param_groups:
                group["lr"] = self.config.bert.learning_rate * fraction

    def improve(self, window: AccumulationWindow, step: int, *, measure: bool) -> dict[str, Tensor]:
        """Improve all networks once."""
        micro_batches = [
            make_micro_batch(self.config, self.networks, batch, self.partition, step, number)
            for number, batch in enumerate(window)
        ]
        if self.config.bert.dropout:  # BERT's dropout uses torch's own generator
            torch.manual_seed(int(sample_keys(self.seed, step, 1, self.partition.process)))
        return train_step(self.networks, self.fabric, self.config, micro_batches, measure=measure)


class _Means:
    """Means of the terms over a window, and gradients of means."""

    def __init__(self, batches: int):
        self.fraction = 1 / batches
        self.means: dict[str, Tensor] = {}

    def add(self, terms: dict[str, Tensor]) -> None:
        for name, term in terms.items():
            part = self.fraction * term.detach()
            self.means[name] = self.means[name] + part if name in self.means else part

    def backward(self, term: Tensor) -> None:
        (self.fraction * term).backward()


def _learning(*discriminators: nn.Module | None, is_on: bool) -> None:
    for network in discriminators:
        if network is not None:
            network.requires_grad_(is_on)


def _generator_terms(config: GanbertConfig) -> tuple[str, ...]:
    return ("nsp", "mlm", "l1", *(("adversarial",) if config.has_cnn else ()))
