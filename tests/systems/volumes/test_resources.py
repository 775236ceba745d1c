"""What a training of paper B is said to take, by hand and next to the training itself."""

import pytest
from lightning_fabric import Fabric

from petsynth.config import load_config, parse_config
from petsynth.data.prepared import PreparedData
from petsynth.networks.layers import count_parameters
from petsynth.systems.registry import build_system


def small_config(system="ganbert", *, checkpointing=False, bert_checkpointing=False, **training):
    content = {
        "system": system,
        "data": {"voxel_mm": 13.0},
        "generator": {"filters": 4, "levels": 2, "checkpointing": checkpointing},
        "cnn": {"filters": 4, "layers": 2},
        "training": {"batch_size": 2, "accumulate": 2, "epochs": 3} | training,
    }
    if system.startswith("ganbert"):
        content["bert"] = {"layers": 2, "hidden": 16, "heads": 2, "inner": 32}
        content["bert"]["checkpointing"] = bert_checkpointing
    return parse_config(content)


def describe(config, **more) -> dict:
    return build_system(config).resources(**more).content


@pytest.mark.parametrize(
    ("system", "networks"),
    [
        ("pix2pix3d-tanhshrink", {"generator", "cnn"}),
        ("ganbert", {"generator", "bert"}),
        ("ganbert-cnnd", {"generator", "bert", "cnn"}),
    ],
)
def test_every_network_of_a_system_is_counted_and_no_other(system, networks):
    told = describe(small_config(system), subjects=5)
    assert set(told) - {"training", "memory"} == networks
    parameters = sum(told[name]["parameters"] for name in networks)
    assert told["memory"]["weights_bytes"] == 4 * parameters


def test_shapes_and_steps_are_those_of_the_training(tiny_volumes):
    config = small_config("pix2pix3d-tanhshrink")
    data = PreparedData(tiny_volumes)
    told = describe(config, subjects=3)
    training = build_system(config).start_training(data, Fabric(accelerator="cpu", devices=1))
    mri, pet = next(training.batches(0))[0]
    assert told["generator"]["input_shape"] == list(mri.shape[1:]) == [1, 39, 39, 39]
    assert told["generator"]["output_shape"] == list(pet.shape[1:]) == [2, 14, 12, 12]
    assert told["cnn"]["input_shapes"] == {"mri": [1, 39, 39, 39], "pet": [2, 14, 12, 12]}
    assert told["generator"]["parameters"] == count_parameters(training.networks.generator)
    assert told["cnn"]["parameters"] == count_parameters(training.networks.cnn)
    assert told["training"]["steps_per_epoch"] == training.epoch_steps
    assert told["training"]["steps"] == training.steps


@pytest.mark.parametrize(
    ("subjects", "max_steps", "epoch", "steps"),
    [(4, 0, 1, 3), (5, 0, 2, 6), (5, 5, 2, 5), (5, 7, 2, 6)],
)
def test_a_step_sees_the_batches_of_a_window(subjects, max_steps, epoch, steps):
    config = small_config("pix2pix3d-tanhshrink", max_steps=max_steps)
    assert describe(config, subjects=subjects)["training"] == {
        "subjects": subjects,
        "batch_size": 2,
        "accumulate": 2,
        "samples_per_step": 4,
        "steps_per_epoch": epoch,
        "steps": steps,
    }


def test_without_data_the_papers_pairs_with_fdg_count():
    training = describe(small_config("pix2pix3d-tanhshrink"))["training"]
    assert (training["subjects"], training["steps_per_epoch"]) == (3108, 777)


def test_memory_adds_up_whichever_way_activations_are_kept():
    plain, saving = (
        describe(small_config(checkpointing=is_on, bert_checkpointing=is_on))["memory"]
        for is_on in (False, True)
    )
    parts = ("weights_bytes", "gradients_bytes", "optimiser_bytes", "activations_bytes")
    for memory in (plain, saving):
        assert memory["total_bytes"] == sum(memory[part] for part in parts)
        assert "checkpointing" in memory["definition"]
    both = [f"activations_bytes_{word}_checkpointing" for word in ("without", "with")]
    assert [plain[name] for name in both] == [saving[name] for name in both]
    assert plain["activations_bytes"] == plain[both[0]]
    assert saving["activations_bytes"] == saving[both[1]] < plain[both[0]]


def test_activations_grow_with_the_batch_and_weights_do_not():
    one, two = (
        describe(small_config("pix2pix3d-tanhshrink", batch_size=size))["memory"] for size in (1, 2)
    )
    assert two["weights_bytes"] == one["weights_bytes"]
    assert two["activations_bytes"] == pytest.approx(2 * one["activations_bytes"], rel=0.01)


def test_checkpointing_of_bert_and_of_the_generator_each_save_their_own():
    kept = {
        (of_generator, of_bert): describe(
            small_config(checkpointing=of_generator, bert_checkpointing=of_bert)
        )["memory"]["activations_bytes"]
        for of_generator in (False, True)
        for of_bert in (False, True)
    }
    saved_by_bert = kept[False, False] - kept[False, True]
    assert saved_by_bert > 0
    assert kept[True, False] != kept[False, False]
    assert kept[True, False] - kept[True, True] == saved_by_bert


def test_paper_size_has_the_papers_shapes():
    told = describe(load_config("pix2pix3d-tanh.toml"))
    assert told["generator"]["input_shape"] == [1, 256, 256, 256]
    assert told["generator"]["output_shape"] == [2, 93, 76, 76]
