"""The conformance test of a system: whoever adds one runs it through all that petsynth does.

In the style of scikit-learn's ``check_estimator``::

    from petsynth.systems.testing import check_system
    check_system("pix2pix-axial")

Every check trains, predicts or evaluates on phantoms (`write_phantoms`) at the size that the
system's `petsynth.systems.base.System.small_tables` names. A check that fails raises
`AssertionError` with what is wrong. Processes are forked, so that a system that a test defines and
registers is known in them; this needs Linux.
"""

from __future__ import annotations

import contextlib
import copy
import io
import json
import multiprocessing
import os
import signal
import socket
import tempfile
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from petsynth.cli import evaluate as evaluate_command
from petsynth.config import config_to_toml, parse_config
from petsynth.data.prepared import PreparedData
from petsynth.errors import ConfigError, InputError
from petsynth.inference import PredictionSettings, SubjectInfo, load_run
from petsynth.systems.base import System
from petsynth.systems.fields import SystemConfig
from petsynth.systems.phantoms import write_phantoms
from petsynth.systems.registry import build_system, system_class
from petsynth.training.trainer import train

SPLIT = {"train": 4, "validation": 1, "test": 2}
"""Phantoms of each part."""
STEPS = 6
"""Steps of a training."""
KILLED_AFTER = 3
"""Steps after which a training is killed."""
SUMMED = {"max_steps": 5, "precision": "32-true"}
"""Of a training whose weights are compared: other data show by then, rounding grows with each step
and is a hundred times as large in bf16."""
ROUNDING = 2e-5
"""Largest difference of a weight that two ways to sum the same gradients may leave."""

Tables = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """What the checks work with.

    Parameters
    ----------
    name : str
        Of the system.
    tables : dict
        A small configuration.
    data : PreparedData
        Phantoms, prepared as the system wants them.
    other_data : PreparedData
        Phantoms, prepared as other systems want them.
    folder : Path
        For runs; empty.
    """

    name: str
    tables: Tables
    data: PreparedData
    other_data: PreparedData
    folder: Path

    def config(self, **changes: Mapping[str, Any]) -> SystemConfig:
        """Return the configuration with some keys of some tables changed."""
        tables = copy.deepcopy(self.tables) | {"system": self.name}
        for table, values in changes.items():
            tables[table] = tables.get(table, {}) | dict(values)
        return parse_config(tables)

    def system(self) -> System[Any]:
        """Return the system with the small configuration."""
        return build_system(self.config())

    def train(self, run: str, config: SystemConfig | None = None, **options: Any) -> Path:
        """Train in a process of its own, and return the run folder."""
        folder = self.folder / run
        _in_child(lambda: self._train(folder, config or self.config(), **options))
        return folder

    def _train(self, folder: Path, config: SystemConfig, **options: Any) -> None:
        train(config, self.data, folder, threads=1, device="cpu", **options)


def check_system(name: str, tables: Tables | None = None) -> None:
    """Run all checks on a system.

    Parameters
    ----------
    name : str
        As the registry has it.
    tables : dict, optional
        A configuration that trains in seconds; the system's own
        `petsynth.systems.base.System.small_tables` if left out.

    Raises
    ------
    AssertionError
        If the system does not do what a system must.
    """
    with tempfile.TemporaryDirectory() as folder:
        case = make_case(name, Path(folder), tables)
        for check in CHECKS:
            try:
                check(case)
            except AssertionError as error:
                raise AssertionError(f"{name}: {check.__name__}: {error}") from error


def make_case(name: str, folder: Path, tables: Tables | None = None) -> Case:
    """Write phantoms below a folder and return what the checks need."""
    system = system_class(name)
    aligned = write_phantoms(folder / "aligned", SPLIT, cut=1)
    conformed = write_phantoms(
        folder / "conformed", SPLIT, frames=2, voxel_mm=13.0, is_conformed=True, cut=1
    )
    usual, other = (conformed, aligned) if system.conformed_t1 else (aligned, conformed)
    small = system.small_tables(name) if tables is None else tables
    return Case(name, small, PreparedData(usual), PreparedData(other), folder / "runs")


def check_configuration(case: Case) -> None:
    """The configuration survives TOML, and unknown keys are refused."""
    import tomllib

    config = case.config()
    assert parse_config(tomllib.loads(config_to_toml(config))) == config, "differs after TOML"
    assert not config.mistakes(), f"the small configuration has mistakes: {config.mistakes()}"
    try:
        case.config(training={"no_such_key": 1})
    except ConfigError as error:
        message = str(error)
    else:
        raise AssertionError("an unknown key is accepted")
    assert "no_such_key" in message, f"the message names no key: {message}"


def check_description(case: Case) -> None:
    """Its size is told as JSON and as a table, and is that of the generator."""
    shape = case.data.grid.shape
    resources = case.system().resources(grid_shape=shape, subjects=SPLIT["train"])
    content = json.loads(json.dumps(resources.content))
    counted = sum(weight.numel() for weight in case.system().build_generator().parameters())
    assert content["generator"]["parameters"] == counted, "counts other parameters"
    for table in ("training", "memory"):
        assert table in content, f"tells nothing of {table}"
    assert content["training"]["subjects"] == SPLIT["train"], "ignores the number of subjects"
    assert all(isinstance(cell, str) for row in resources.rows for cell in row), "rows hold text"


def check_data(case: Case) -> None:
    """Data prepared for it are accepted, others refused where paper B's grid is needed."""
    case.system().check_data(case.data)
    if not case.system().conformed_t1:
        return
    try:
        case.system().check_data(case.other_data)
    except (ConfigError, InputError):
        return
    raise AssertionError("accepts data that were prepared for other systems")


def check_same_seed(case: Case) -> None:
    """The same seed gives the same weights bit for bit, another seed others."""
    first, second = case.train("first"), case.train("second")
    _assert_equal(_weights(first), _weights(second), "the same seed gives other weights")
    tables = copy.deepcopy(case.tables) | {"system": case.name, "seed": 1}
    other = case.train("other-seed", parse_config(tables))
    assert _differ(_weights(first), _weights(other)), "another seed gives the same weights"


def check_run_folder(case: Case) -> None:
    """A run holds what others need: log, weights that are finite, model card, pictures."""
    run = case.train("complete")
    log = pd.read_csv(run / "train_log.csv")
    assert log["step"].iloc[-1] == STEPS, f"the log ends at step {log['step'].iloc[-1]}"
    losses = log.drop(columns=["step", "epoch"])
    assert np.isfinite(losses.to_numpy()).all(), "the log holds a loss that is not finite"
    assert all(torch.isfinite(weight).all() for weight in _weights(run).values())
    assert "Limits" in (run / "model_card.md").read_text(), "the model card tells no limits"
    assert list((run / "samples").glob("*.png")), "no sample picture"


def check_kill_and_resume(case: Case) -> None:
    """A training that is killed and resumed ends with the same weights bit for bit."""
    frequent = case.config(training={"checkpoint_minutes": 1e-9})
    whole, killed = case.train("undisturbed", frequent), case.folder / "killed"

    def train_and_die() -> None:
        _die_after(case, KILLED_AFTER)
        case._train(killed, frequent)

    code = _fork(train_and_die)
    assert code == -signal.SIGKILL, f"the training to be killed ended by itself ({code})"
    checkpoint = torch.load(killed / "checkpoints" / "last.pt", weights_only=True)
    assert 0 < checkpoint["step"] < STEPS, f"the checkpoint is of step {checkpoint['step']}"
    _in_child(lambda: case._train(killed, frequent, resume=True))
    _assert_equal(_weights(whole), _weights(killed), "resuming gives other weights")


def check_gradient_accumulation(case: Case) -> None:
    """Micro-batches whose gradients are accumulated give the weights of one batch."""
    training = case.config().training
    if not hasattr(training, "accumulate"):
        return
    size = training.batch_size * training.accumulate
    configs = (
        case.config(training=SUMMED | {"batch_size": batch, "accumulate": parts})
        for batch, parts in ((size, 1), (1, size))
    )
    one, several = map(case.train, ("one-batch", "micro-batches"), configs)
    _assert_close(_weights(one), _weights(several), "accumulation gives other weights")


def check_two_processes(case: Case) -> None:
    """Two processes give the weights of one with twice the batch."""
    size = case.config().training.batch_size
    half = case.config(training=SUMMED)
    whole = case.config(training=SUMMED | {"batch_size": 2 * size})
    alone = case.train("alone", whole)
    together, port = case.folder / "together", _free_port()

    def train_part(rank: int) -> Callable[[], None]:
        def part() -> None:
            os.environ |= {
                "RANK": str(rank),
                "LOCAL_RANK": str(rank),
                "WORLD_SIZE": "2",
                "LOCAL_WORLD_SIZE": "2",
                "GROUP_RANK": "0",
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": str(port),
                "TORCHELASTIC_RUN_ID": "check",
            }
            case._train(together, half, devices=2)

        return part

    _in_child(train_part(0), train_part(1))
    _assert_close(_weights(alone), _weights(together), "two processes give other weights")


def check_prediction(case: Case) -> None:
    """A saved run predicts a PET in PET units, the same each time, with the spread it promises."""
    run = load_run(case.train("to-predict"))
    participant = case.data.participants("test")[0]
    t1 = np.asarray(run.system.read_t1(case.data, participant))
    pet = np.asarray(case.data.pet(participant))
    known = SubjectInfo(case.data.mask(participant), case.data.covariates(participant))
    for samples in (1, 3):
        kind = run.system.std_kind(samples)
        if samples > 1 and kind is None:
            continue
        settings = PredictionSettings(samples=samples)
        first, second = (run.predict(t1, settings, known) for _ in range(2))
        assert first.mean.shape == pet.shape, f"{first.mean.shape} voxels, the PET has {pet.shape}"
        assert first.mean.dtype == np.float32, f"the PET is {first.mean.dtype}"
        assert np.isfinite(first.mean).all(), "the PET holds values that are not finite"
        assert np.array_equal(first.mean, second.mean), "the same seed gives another PET"
        assert (first.std is not None) == (kind is not None), "std_kind and the result disagree"
        if first.std is not None:
            assert first.std.shape == first.mean.shape[:3], "another shape of the spread"
            assert (first.std >= 0).all(), "a negative standard deviation"
    try:
        run.predict(t1[1:], PredictionSettings(), known)
    except ValueError:
        return
    raise AssertionError("predicts a T1 that is on another grid")


def check_evaluation(case: Case) -> None:
    """``petsynth evaluate`` measures it on every test subject and describes it."""
    run, out = case.train("to-evaluate"), case.folder / "evaluation"
    words = [str(run), "--data", str(case.data.folder), "--out", str(out), "--threads", "1"]
    with contextlib.redirect_stdout(io.StringIO()):
        evaluate_command.run(evaluate_command.parse([*words, "--no-figures"]))
    rows = pd.read_csv(out / "metrics.tsv", sep="\t").query("kind == 'model'")
    assert len(rows) == SPLIT["test"], f"{len(rows)} rows of {SPLIT['test']} test subjects"
    assert np.isfinite(rows["brain_mae"]).all(), "an error inside the brain that is not finite"
    assert case.name in (out / "report.html").read_text(), "the report does not name it"


CHECKS: tuple[Callable[[Case], None], ...] = (
    check_configuration,
    check_description,
    check_data,
    check_same_seed,
    check_run_folder,
    check_kill_and_resume,
    check_gradient_accumulation,
    check_two_processes,
    check_prediction,
    check_evaluation,
)


def _die_after(case: Case, steps: int) -> None:
    """Let this process kill itself when the case's system begins the step after ``steps``."""
    system_class = type(case.system())
    start = system_class.start_training

    def start_mortal(self: System[Any], *args: Any) -> Any:
        training = start(self, *args)
        step_of = training.train_step

        def train_step(batch: Any, step: int, *, measure: bool) -> dict[str, Tensor]:
            if step == steps:
                os.kill(os.getpid(), signal.SIGKILL)
            return step_of(batch, step, measure=measure)

        mock.patch.object(training, "train_step", train_step).start()
        return training

    mock.patch.object(system_class, "start_training", start_mortal).start()


def _in_child(*works: Callable[[], None]) -> None:
    """Do each work in a process of its own, side by side; raise if one fails."""
    codes = _fork(*works) if len(works) > 1 else [_fork(*works)]
    assert not any(codes), "a training failed; its message is above"


def _fork(*works: Callable[[], None]) -> Any:
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=_quietly, args=(work,)) for work in works]
    for child in children:
        child.start()
    for child in children:
        child.join()
    codes = [child.exitcode for child in children]
    return codes if len(codes) > 1 else codes[0]


def _quietly(work: Callable[[], None]) -> None:
    # Forked from a process that may have used more: a child must not wait for their locks.
    torch.set_num_threads(1)
    try:
        work()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


def _weights(run: Path) -> dict[str, Tensor]:
    """Return the weights of all networks of a training's last checkpoint."""
    networks = torch.load(run / "checkpoints" / "last.pt", weights_only=True)["networks"]
    return {
        f"{part}.{name}": weight
        for part, state in networks.items()
        if not part.endswith("_optimiser")
        for name, weight in state.items()
    }


def _differ(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return any(not torch.equal(weight, second[name]) for name, weight in first.items())


def _assert_equal(first: dict[str, Tensor], second: dict[str, Tensor], message: str) -> None:
    assert first.keys() == second.keys(), message
    assert not _differ(first, second), message


def _assert_close(first: dict[str, Tensor], second: dict[str, Tensor], message: str) -> None:
    assert first.keys() == second.keys(), message
    for name, weight in first.items():
        largest = float((weight.float() - second[name].float()).abs().max())
        assert largest < ROUNDING, f"{message}: {name} by {largest:.1e}"
