"""Training of GANBERT: one step, what it hides and shows, its learning rates, dropout."""

import copy
import dataclasses
import itertools

import pytest
import torch
from lightning_fabric import Fabric

from petsynth.config import parse_config
from petsynth.data.prepared import PreparedData
from petsynth.data.volumes import BatchPartition
from petsynth.networks.losses import adversarial_loss
from petsynth.systems.ganbert.config import GanbertConfig
from petsynth.systems.ganbert.losses import LossWeights, bert_loss, generator_loss, pool_batch
from petsynth.systems.ganbert.training import (
    GanbertNetworks,
    GanbertTraining,
    build_networks,
    gradients_of,
    make_micro_batch,
    sample_real,
    terms_of,
    train_step,
)

VOXEL_MM = 16.0  # PET 12 x 10 x 10, T1 32^3


def small_config(system: str = "ganbert", **more) -> GanbertConfig:
    content = {
        "system": system,
        "data": {"voxel_mm": VOXEL_MM, "frames": 2},
        "generator": {"filters": 4, "levels": 2, "checkpointing": False},
        "bert": {"layers": 1, "hidden": 16, "heads": 2, "inner": 32, "checkpointing": False},
        "cnn": {"filters": 4, "layers": 2},
        "training": {"batch_size": 2, "accumulate": 1},
    }
    for table, values in more.items():
        content[table] = content.get(table, {}) | values
    config = parse_config(content)
    assert isinstance(config, GanbertConfig)
    return config


@pytest.fixture
def fabric() -> Fabric:
    return Fabric(accelerator="cpu", devices=1)


def make_batches(count: int, size: int = 2) -> list[tuple[torch.Tensor, torch.Tensor]]:
    draw = torch.Generator().manual_seed(0)
    return [
        (
            torch.randn(size, 1, 32, 32, 32, generator=draw),
            torch.randn(size, 2, 12, 10, 10, generator=draw) + 0.5,
        )
        for _ in range(count)
    ]


def run_steps(config, fabric, batches, steps: int) -> tuple[GanbertNetworks, list[dict]]:
    networks = build_networks(config, fabric)
    partition = BatchPartition(len(batches[0][0]), len(batches))
    history = []
    for step in range(steps):
        window = [
            make_micro_batch(config, networks, batch, partition, step, number)
            for number, batch in enumerate(batches)
        ]
        history.append(train_step(networks, fabric, config, window))
    return networks, [{name: term.item() for name, term in terms.items()} for terms in history]


def test_losses_are_those_of_the_networks_at_hand(fabric):
    """BERT's before its step; the generator's against BERT and CNN after theirs."""
    config = small_config("ganbert-cnnd")
    networks = build_networks(config, fabric)
    (batch,) = make_batches(1)
    part = make_micro_batch(config, networks, batch, BatchPartition(2), 0, 0)
    with torch.no_grad():
        synthetic_pet = networks.generator(part.mri)
        pooled = pool_batch(part.mri, part.pet, synthetic_pet)
        before = bert_loss(networks.bert, pooled, part.is_real, part.masking)
    terms = train_step(networks, fabric, config, [part])
    with torch.no_grad():
        after = generator_loss(
            networks.bert, pooled, part.pet, synthetic_pet, part.generator_masking, LossWeights()
        )
        fooling = adversarial_loss(networks.cnn(part.mri, synthetic_pet))
    torch.testing.assert_close(terms["bert_nsp"], before["nsp"])
    torch.testing.assert_close(terms["bert_mlm"], before["mlm"])
    for name in ("nsp", "mlm", "l1"):
        torch.testing.assert_close(terms[name], after[name])
    torch.testing.assert_close(terms["adversarial"], fooling)
    torch.testing.assert_close(terms["generator"], after["generator"] + fooling)
    assert set(terms) == set(terms_of(config))


def test_what_was_not_measured_counts_nothing(fabric):
    """Losses are those of images that are both 0 there, and the weights know nothing of it."""
    config = small_config("ganbert-cnnd")
    ((mri, pet),) = make_batches(1)
    unknown = torch.zeros(pet.shape, dtype=torch.bool)
    unknown[0, :, :, :, :4] = True
    networks = build_networks(config, fabric)
    nans = (mri, pet.masked_fill(unknown, torch.nan))
    part = make_micro_batch(config, networks, nans, BatchPartition(2), 0, 0)
    with torch.no_grad():
        images = [pet, networks.generator(mri)]
        known, synthetic_pet = (image.masked_fill(unknown, 0.0) for image in images)
        pooled = pool_batch(mri, known, synthetic_pet)
        before = bert_loss(networks.bert, pooled, part.is_real, part.masking)
    terms = train_step(networks, fabric, config, [part])
    torch.testing.assert_close(terms["bert_mlm"], before["mlm"])
    torch.testing.assert_close(terms["bert_nsp"], before["nsp"])
    difference = (images[1] - pet).abs()[~unknown].sum() / pet.numel()
    torch.testing.assert_close(terms["l1"], difference)
    for network in networks.modules():
        assert all(weight.isfinite().all() for weight in network.parameters())


def test_one_step_is_one_adam_step_of_each_network(fabric):
    config = small_config("ganbert-cnnd")
    networks = build_networks(config, fabric)
    modules = networks.modules()
    before = [[weight.detach().clone() for weight in network.parameters()] for network in modules]
    (batch,) = make_batches(1)
    train_step(
        networks,
        fabric,
        config,
        [make_micro_batch(config, networks, batch, BatchPartition(2), 0, 0)],
    )
    assert modules == [networks.generator, networks.bert, networks.cnn]
    for network, old_weights in zip(modules, before, strict=True):
        moved = [
            (new - old).abs().max().item()
            for old, new in zip(old_weights, network.parameters(), strict=True)
        ]
        assert max(moved) == pytest.approx(1e-4, rel=0.05)


def test_two_accumulated_batches_are_one_of_twice_the_size(fabric):
    halves = make_batches(2)
    whole = [tuple(torch.cat(parts) for parts in zip(*halves, strict=True))]
    for system in ("ganbert", "ganbert-cnnd"):
        config = small_config(system)
        accumulated, first = run_steps(config, fabric, halves, 2)
        together, second = run_steps(config, fabric, whole, 2)
        for name, value in first[-1].items():
            assert value == pytest.approx(second[-1][name], rel=1e-4, abs=1e-6), name
        for one, other in zip(accumulated.modules(), together.modules(), strict=True):
            for a, b in zip(one.parameters(), other.parameters(), strict=True):
                torch.testing.assert_close(a, b, rtol=1e-4, atol=2e-5)


def test_half_of_a_batch_is_shown_real_and_the_other_generated(fabric):
    config = small_config()
    networks = build_networks(config, fabric)
    (batch,) = make_batches(1, size=2)
    for step in range(5):
        part = make_micro_batch(config, networks, batch, BatchPartition(2), step, 0)
        assert int(part.is_real.sum()) == 1


def test_draws_belong_to_the_samples_place_and_not_to_the_process(fabric):
    config = small_config()
    networks = build_networks(config, fabric)
    (batch,) = make_batches(1, size=4)
    alone = make_micro_batch(config, networks, batch, BatchPartition(4), 3, 0)
    parts = [
        make_micro_batch(config, networks, tuple(each[2 * rank : 2 * rank + 2] for each in batch),
                  BatchPartition(2, 1, 2, rank), 3, 0)
        for rank in (0, 1)
    ]  # fmt: skip
    assert torch.equal(alone.is_real, torch.cat([part.is_real for part in parts]))
    for name in ("masking", "generator_masking"):
        chosen = torch.cat([getattr(part, name).chosen_BM for part in parts])
        assert torch.equal(getattr(alone, name).chosen_BM, chosen)
    assert not torch.equal(alone.masking.chosen_BM, alone.generator_masking.chosen_BM)


def test_gradient_norms_of_each_term_are_told_when_asked(fabric):
    config = small_config("ganbert-cnnd")
    networks = build_networks(config, fabric)
    (batch,) = make_batches(1)
    part = make_micro_batch(config, networks, batch, BatchPartition(2), 0, 0)
    terms = train_step(networks, fabric, config, [part], measure=True)
    assert set(terms) == {*terms_of(config), *gradients_of(config)}
    assert all(terms[name] > 0 for name in gradients_of(config))
    l1 = torch.tensor(part.pet.numel()).float().rsqrt()  # each voxel pulls with 1 / N
    torch.testing.assert_close(terms["gradient_l1"], l1)


def test_same_seed_same_losses_other_seed_others(fabric):
    batches = make_batches(1)
    _, first = run_steps(small_config(), fabric, batches, 2)
    torch.manual_seed(99)
    _, again = run_steps(small_config(), fabric, batches, 2)
    _, other = run_steps(dataclasses.replace(small_config(), seed=1), fabric, batches, 2)
    assert first == again
    assert first != other


def test_one_pair_can_be_learnt_by_heart(fabric):
    batches = make_batches(1, size=1)
    mri, pet = batches[0]
    smooth = torch.nn.functional.avg_pool3d(pet, 5, stride=1, padding=2) * 20
    config = small_config(optimiser={"learning_rate": 5e-3}, loss={"nsp": 0.2})
    _, history = run_steps(config, fabric, [(mri, smooth)], 120)
    assert history[-1]["l1"] < 0.4 * history[0]["l1"]


def test_state_comes_back(fabric):
    config = small_config("ganbert-cnnd")
    batches = make_batches(1)
    networks, _ = run_steps(config, fabric, batches, 2)
    other = build_networks(dataclasses.replace(config, seed=1), fabric)
    other.load_state_dict(copy.deepcopy(networks.state_dict()))
    part = make_micro_batch(config, networks, batches[0], BatchPartition(2), 2, 0)
    again = train_step(other, fabric, config, [part])
    assert again == train_step(networks, fabric, config, [part])


def test_checkpointing_gives_the_same_gradients(fabric):
    """To float32's rounding, since sums are taken in parts; test_unet3d compares in float64."""
    batches = make_batches(1)
    plain, _ = run_steps(small_config(), fabric, batches, 1)
    on = {"checkpointing": True}
    saving, _ = run_steps(small_config(generator=on, bert=on), fabric, batches, 1)
    gradients, others = (
        torch.cat([weight.grad.flatten() for weight in networks.generator.parameters()])
        for networks in (plain, saving)
    )
    assert (gradients - others).norm() < 1e-4 * gradients.norm()
    for one, other in zip(plain.bert.parameters(), saving.bert.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_neighbours_are_never_shown_alike():
    for step in range(10):
        chosen = sample_real(3, step, 7)
        assert chosen.dtype == torch.bool
        assert (chosen[1:] != chosen[:-1]).all()


def test_the_first_sample_is_real_in_half_of_the_steps():
    firsts = [bool(sample_real(0, step, 1)[0]) for step in range(400)]

    assert 160 < sum(firsts) < 240
    changes = sum(one != other for one, other in itertools.pairwise(firsts))
    assert 150 < changes < 250  # neither constant nor alternating


def test_another_seed_draws_otherwise_and_the_same_one_alike():
    one, again, other = (
        [bool(sample_real(seed, step, 1)[0]) for step in range(64)] for seed in (1, 1, 2)
    )

    assert one == again
    assert one != other


def loop_config(system="ganbert", *, seed=0, **bert) -> GanbertConfig:
    return parse_config(
        {
            "system": system,
            "seed": seed,
            "data": {"voxel_mm": 13.0},
            "generator": {"filters": 4, "levels": 2, "checkpointing": False},
            "cnn": {"filters": 4, "layers": 2},
            "bert": {
                "layers": 1,
                "hidden": 16,
                "heads": 2,
                "inner": 32,
                "checkpointing": False,
            }
            | bert,
            "optimiser": {"learning_rate": 1e-3, "warm_up": 1.0},
            "training": {"max_steps": 4, "batch_size": 1, "accumulate": 2},
        }
    )


@pytest.fixture
def data(tiny_volumes) -> PreparedData:
    return PreparedData(tiny_volumes)


def test_a_cnn_discriminator_adds_its_terms(data, fabric):
    plain, both = (
        GanbertTraining(loop_config(name), data, fabric) for name in ("ganbert", "ganbert-cnnd")
    )
    assert set(both.terms) - set(plain.terms) == {"cnn", "adversarial"}
    assert set(both.extras) - set(plain.extras) == {"gradient_adversarial"}
    assert plain.extras == ("gradient_nsp", "gradient_mlm", "gradient_l1")


def test_berts_own_learning_rate_warms_up_too(data, fabric):
    training = GanbertTraining(loop_config("ganbert-cnnd", learning_rate=2e-5), data, fabric)
    window = next(training.batches(1))
    training.train_step(window, 1, measure=False)
    rates = {
        name: getattr(training.networks, f"{name}_optimiser").param_groups[0]["lr"]
        for name in ("generator", "cnn", "bert")
    }
    assert rates == pytest.approx({"generator": 5e-4, "cnn": 5e-4, "bert": 1e-5})


def first_step(data, fabric, torch_seed, **bert) -> float:
    """Return how BERT guesses in the first step, from the same weights and volumes each time."""
    training = GanbertTraining(loop_config(dropout=0.5, **bert), data, fabric)
    window = next(training.batches(0))
    torch.manual_seed(torch_seed)
    return training.train_step(window, 0, measure=False)["bert_mlm"].item()


def test_berts_dropout_is_that_of_the_step_whatever_torch_drew_before(data, fabric):
    first = first_step(data, fabric, 1)
    assert first_step(data, fabric, 2) == first
    assert first_step(data, fabric, 1, mri_masked=0.1) != first


def test_each_process_drops_values_of_its_own(data, fabric):
    """Its batches' masks are left as they are; only the draws of torch's generator differ."""

    def masked_loss(process):
        training = GanbertTraining(loop_config(dropout=0.5), data, fabric)
        window = next(training.batches(0))
        training.partition = Same(process)
        return training.train_step(window, 0, measure=False)["bert_mlm"].item()

    assert masked_loss(0) == masked_loss(0)
    assert masked_loss(0) != masked_loss(1)


class Same:
    """A partition whose batches have the same places whichever process has them."""

    samples = 2

    def __init__(self, process: int):
        self.process = process

    def first(self, step: int, batch: int) -> int:
        return self.samples * step + batch
