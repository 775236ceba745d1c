"""Starting from trained weights: what is taken over, what is refused, what is recorded."""

import json
import logging

import numpy as np
import pytest
import torch

from petsynth.cli import train as command
from petsynth.data.prepared import PreparedData
from petsynth.errors import ArgumentError, InputError, RunError
from petsynth.networks.weights import read_metadata
from petsynth.systems.phantoms import write_phantoms
from petsynth.systems.registry import build_system, system_names
from petsynth.systems.testing import make_case
from petsynth.training.initial_weights import Start, adapt_config, check_fits
from petsynth.training.trainer import train


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    """Return a function from a system to its case and a finished run; each is trained once."""
    made = {}

    def case_of(name):
        if name not in made:
            case = make_case(name, tmp_path_factory.mktemp(name))
            made[name] = case, case.train("first")
        return made[name]

    return case_of


def weights_of(run):
    networks = torch.load(run / "checkpoints" / "last.pt", weights_only=True)["networks"]
    return {
        f"{part}.{name}": weight
        for part, state in networks.items()
        if not part.endswith("_optimiser")
        for name, weight in state.items()
    }


def unchanged(config):
    """Return the configuration with a learning rate that changes no weight."""
    rate = config.optimiser.__class__(**(vars(config.optimiser) | {"learning_rate": 1e-30}))
    return config.__class__(**(vars(config) | {"optimiser": rate}))


@pytest.mark.parametrize("name", system_names())
def test_generator_and_discriminators_begin_with_the_weights(cases, name):
    case, run = cases(name)
    again = case.train("again", unchanged(case.config()), start=Start(run / "model.safetensors"))
    first, second = weights_of(run), weights_of(again)
    assert first.keys() == second.keys()
    for key, weight in first.items():
        if not key.startswith("extractor."):  # trained anew, on the data
            torch.testing.assert_close(second[key], weight, rtol=0, atol=1e-6, msg=key)


@pytest.mark.parametrize("name", ["pix2pix-axial", "unet25d", "ganbert"])
def test_frozen_levels_stay(cases, name):
    case, run = cases(name)
    start = Start(run / "model.safetensors", freeze=1)
    frozen = case.train("frozen", start=start)
    first, second = weights_of(run), weights_of(frozen)
    outermost = "generator.outermost." if name == "ganbert" else "generator.downs.0."
    kept = (outermost, "generator.location.")  # the population's PET goes with the weights
    for key, weight in first.items():
        if key.startswith("generator."):
            assert torch.equal(second[key], weight) == key.startswith(kept), key


def test_resuming_keeps_what_is_frozen(cases):
    case, run = cases("unet25d")
    start = Start(run / "model.safetensors", freeze=2)
    short = case.config(training={"max_steps": 3})
    case.train("continued", short, start=start)
    folder = case.folder / "continued"
    text = (folder / "config.toml").read_text()
    (folder / "config.toml").write_text(text.replace("max_steps = 3", "max_steps = 6"))
    case.train("continued", case.config(), resume=True)
    first, second = weights_of(run), weights_of(folder)
    assert torch.equal(first["generator.downs.1.0.weight"], second["generator.downs.1.0.weight"])
    assert not torch.equal(first["generator.head.weight"], second["generator.head.weight"])


def test_too_many_levels_are_refused_before_anything_is_written(cases):
    case, run = cases("unet25d")
    out = case.folder / "refused"
    with pytest.raises(ArgumentError, match="--freeze 9: the encoder of unet25d has 2 levels"):
        train(case.config(), case.data, out, start=Start(run / "model.safetensors", freeze=9))
    assert not out.exists()


def test_the_output_is_rescaled_to_the_pet_scale_of_the_data(cases, tmp_path, caplog):
    """Half the scale: what the network makes of air and tissue has the same PET values."""
    case, run = cases("unet25d")
    folder = write_phantoms(tmp_path / "half", {"train": 3, "validation": 1, "test": 1})
    description = json.loads((folder / "prepared.json").read_text())
    (folder / "prepared.json").write_text(json.dumps(description | {"pet_scale": 1.0}))
    data = PreparedData(folder)
    with caplog.at_level(logging.INFO, logger="petsynth"):
        train(unchanged(case.config()), data, tmp_path / "run", threads=1,
              start=Start(run / "model.safetensors"))  # fmt: skip
    assert "its output is rescaled" in caplog.text
    from petsynth.inference import PredictionSettings, SubjectInfo, load_run

    name = data.participants()[0]
    t1, known = np.asarray(data.mri(name)), SubjectInfo(data.mask(name))
    before, after = (
        load_run(each).predict(t1, PredictionSettings(), known).mean
        for each in (run, tmp_path / "run")
    )
    np.testing.assert_allclose(after, before, atol=1e-4)


def test_run_metadata_and_card_tell_the_start(cases):
    case, run = cases("pix2pix-axial")
    adapted = case.train("told", start=Start(run / "model.safetensors", freeze=1))
    told = read_metadata(adapted / "model.safetensors")["started_from"]
    checksum = read_metadata(run / "model.safetensors")["weights_sha256"]
    assert told == json.loads((adapted / "start.json").read_text())
    assert told["weights_sha256"] == checksum
    assert told["frozen_levels"] == 1
    assert f"weights {checksum[:12]}" in (adapted / "model_card.md").read_text()


@pytest.mark.parametrize("name", system_names())
def test_an_adaptation_takes_smaller_steps_and_fewer_epochs(name, cases):
    case, _ = cases(name)
    config, adapted = case.config(), adapt_config(case.config())
    assert adapted.optimiser.learning_rate == pytest.approx(config.optimiser.learning_rate / 5)
    assert 1 <= adapted.training.epochs < config.training.epochs


@pytest.mark.parametrize("name", system_names())
def test_the_network_is_that_of_the_weights(name, cases):
    case, run = cases(name)
    weights = run / "model.safetensors"
    wanted = build_system(case.config()).network_tables()["generator"]
    other = case.config(generator={"filters": 2 * wanted["filters"]})
    assert vars(adapt_config(other, weights).generator) == wanted


def test_weights_of_a_network_that_is_told_more_start_from_a_shipped_configuration(cases, caplog):
    _, run = cases("unet25d")  # both kinds of location, and sex
    words = ["petsynth-fdg.toml", "--data", "prepared", "--out", "run", "--from"]
    caplog.set_level(logging.INFO)
    _, config = command.parse([*words, str(run)])
    assert (config.data.location, config.data.covariates) == ("both", ("sex",))
    assert (config.data.slices, config.generator.filters) == (3, 8)
    assert "data.location = 'both', as the weights" in caplog.text
    _, given = command.parse([*words, str(run), "--data.location", "none"])
    assert given.data.location == "none"
    assert given.data.covariates == ("sex",)


def test_a_model_that_is_not_there_is_one_line():
    words = ["petsynth-fdg.toml", "--data", "prepared", "--out", "run", "--from", "nowhere"]
    with pytest.raises(RunError, match="nowhere: no such run folder, weights file or pretrained"):
        command.parse(words)


REFUSED = {
    "tracer": ({"tracer": "AV45"}, "trained for tracer AV45"),
    "unit": ({"unit": "Bq/mL"}, "trained for unit Bq/mL"),
    "frames": ({"frames": 2}, "trained for frames 2"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_other_tracers_units_and_frames_are_refused(cases, what):
    case, run = cases("pix2pix-axial")
    changes, message = REFUSED[what]
    metadata = read_metadata(run / "model.safetensors") | changes
    with pytest.raises(InputError, match=message):
        check_fits(run / "model.safetensors", metadata, case.data)


def test_other_voxels_are_refused_with_the_remedy(cases, tmp_path):
    _, run = cases("pix2pix-axial")
    data = PreparedData(write_phantoms(tmp_path / "fine", {"train": 2}, voxel_mm=12.0))
    with pytest.raises(InputError, match=r"voxels in mm 9, .* has 12; .*--voxel-mm 9"):
        check_fits(run / "model.safetensors", read_metadata(run / "model.safetensors"), data)


def test_another_system_is_refused(cases):
    case, _ = cases("pix2pix-axial")
    _, other = cases("unet25d")
    with pytest.raises(RunError, match="is a unet25d, the configuration asks for pix2pix-axial"):
        train(case.config(), case.data, case.folder / "x", start=Start(other / "model.safetensors"))


def test_another_size_is_refused(cases):
    case, run = cases("unet25d")
    larger = case.config(generator={"filters": 16, "max_filters": 16})
    with pytest.raises(RunError, match="of another size"):
        train(larger, case.data, case.folder / "y", start=Start(run / "model.safetensors"))


def test_command_line_takes_the_defaults_of_an_adaptation():
    words = ["petsynth-fdg.toml", "--data", "prepared", "--out", "run"]
    _, scratch = command.parse(words)
    args, adapted = command.parse([*words, "--from", "petsynth-fdg", "--training.epochs", "7"])
    assert args.start == "petsynth-fdg"
    assert adapted.optimiser.learning_rate == pytest.approx(scratch.optimiser.learning_rate / 5)
    assert adapted.training.epochs == 7


def test_freeze_needs_weights(tmp_path):
    words = ["petsynth-fdg.toml", "--data", str(tmp_path), "--out", str(tmp_path / "run")]
    with pytest.raises(ArgumentError, match="--freeze 1: needs --from"):
        command.run(command.parse([*words, "--freeze", "1"]))
