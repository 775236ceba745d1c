"""The loop around the training step, the same for all systems.

lightning-fabric chooses the device and starts the processes; what is written on the way stands
in `petsynth.training.recorder`. Every random draw is keyed by the run's seed and the step, so that
a training that is killed and resumed ends as if nothing had happened (decision record 0031). Ctrl-C
and SIGTERM end the step, keep everything, then stop.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from lightning_fabric import Fabric

from petsynth.data.prepared import PreparedData
from petsynth.errors import RunError, SplitError, TrainingError
from petsynth.io.lock import lock_folder
from petsynth.log import Progress, keep_log_in
from petsynth.systems.base import Training
from petsynth.systems.fields import SystemConfig
from petsynth.systems.registry import build_system
from petsynth.training.distributed import average_terms, launch_fabric, on_first
from petsynth.training.initial_weights import Start, freeze, start_from
from petsynth.training.memory import keep_freed_memory
from petsynth.training.recorder import Recorder
from petsynth.training.run_folder import RunFolder, adopt_changes, open_run
from petsynth.training.state import TrainingState, load_checkpoint

logger = logging.getLogger(__name__)


# Ctrl-C and SIGTERM during training: finish the step, keep everything, then stop.

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """Whether a signal has asked the training to stop.

    Attributes
    ----------
    number : int or None
        The signal's number, once it came.
    """

    def __init__(self) -> None:
        self.number: int | None = None

    def __bool__(self) -> bool:
        return self.number is not None


@contextlib.contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Note the first SIGINT or SIGTERM, and obey it when the block has ended.

    A second signal is obeyed at once. Outside the main thread, which alone receives signals,
    nothing happens.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    owner = os.getpid()
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def note(number: int, frame: FrameType | None) -> None:
        if os.getpid() != owner:
            _in_a_worker(number)
        elif request:
            restore()
            signal.raise_signal(number)
        else:
            request.number = number
            logger.info("stopping after this step; once more stops at once, without a checkpoint")

    for number in _SIGNALS:
        signal.signal(number, note)
    try:
        yield request
    finally:
        restore()
    if request.number is not None:
        signal.raise_signal(request.number)


def _in_a_worker(number: int) -> None:
    """A terminal's Ctrl-C reaches the processes that load data, too; training stops them itself."""
    if number == signal.SIGTERM:
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)


# The loop around the training step, the same for all systems.


def train(
    config: SystemConfig,
    data: PreparedData,
    run: str | Path,
    *,
    resume: bool = False,
    overwrite: bool = False,
    threads: int | None = None,
    device: str = "auto",
    devices: int = 1,
    nodes: int = 1,
    start: Start | None = None,
) -> None:
    """Train a system on prepared data.

    Parameters
    ----------
    config : SystemConfig
        What to train, how long.
    data : PreparedData
        With training subjects, and validation subjects if there is to be a validation.
    run : str or Path
        The run folder; see `petsynth.training.run_folder`.
    resume : bool
        Go on from the folder's last checkpoint, or from the beginning if it has none.
    overwrite : bool
        Remove an earlier run in the folder first.
    threads : int, optional
        Processor threads of each process; never more than there are cores. By default all cores
        together.
    device : {"auto", "cpu", "cuda"}
        Where to compute.
    devices, nodes : int
        Devices (on a CPU: processes) on each machine, and machines. Each takes batches of its
        own, so that a step sees as many more samples.
    start : Start, optional
        Trained weights to start from; random ones if left out.

    Raises
    ------
    SplitError
        If there are no training subjects.
    InputError, ConfigError
        If the data are not prepared as the configuration wants them.
    OutputError, RunError
        If the folder is taken, is written by another process, or belongs to another run.
    TrainingError
        If there is no such device; or if a loss or weight is no longer finite, and then the last
        checkpoint stays.
    KeyboardInterrupt
        After SIGINT or SIGTERM, once the step is finished and a checkpoint is written.
    """
    if not data.participants("train"):
        raise SplitError(f"{data.folder}: no subject is in the training part of split.tsv")
    fabric = launch_fabric(device, devices, nodes, config.training.precision)
    cores = os.cpu_count() or 1
    torch.set_num_threads(min(threads or max(cores // devices, 1), cores))
    with contextlib.ExitStack() as stack:
        if fabric.device.type == "cpu":
            stack.enter_context(keep_freed_memory())
        # Only the first process writes, so only it holds the lock; the others hear of a refusal.
        held: list[Callable[[], None]] = []
        on_first(fabric, lambda: held.append(stack.enter_context(lock_folder(run))))
        system = build_system(config)
        training = system.start_training(data, fabric)
        begins = overwrite or not RunFolder(Path(run)).checkpoint.exists()
        origin = None
        if start is not None and begins:
            start_from(start, system, training, data)
            freeze(start.freeze, system, training)
            origin = start.describe()
        folder = on_first(
            fabric,
            lambda: open_run(
                run, config, data, resume=resume, overwrite=overwrite, started_from=origin
            ),
        )
        if fabric.is_global_zero:
            keep_log_in(folder.root)
        if origin is None and (started_from := folder.read_start()):
            freeze(started_from["frozen_levels"], system, training)
        state = TrainingState(training.networks)
        if folder.checkpoint.exists():
            load_checkpoint(folder.checkpoint, state)
        elif origin is None and folder.start.exists():
            raise RunError(
                f"{folder.root}: stopped before its first checkpoint, and started from trained "
                "weights; give --from again, with --resume"
            )
        if state.step > training.steps:
            raise RunError(
                f"{folder.root}: has taken {state.step} steps already, the configuration asks for "
                f"{training.steps}; give more training.epochs or training.max_steps"
            )
        if not fabric.is_global_zero:
            return _train(config, fabric, training, state, None)
        if resume:
            logger.info(f"{folder.root}: going on after step {state.step} of {training.steps}")
            adopt_changes(folder, config, state.step)
        recorder = Recorder(system, training, data, folder, state, held[0])
        recorder.catch_up()
        _train(config, fabric, training, state, recorder)
        logger.info(f"model in {folder.model}")


def _train(
    config: SystemConfig,
    fabric: Fabric,
    training: Training[Any],
    state: TrainingState,
    recorder: Recorder | None,
) -> None:
    """Train until the last step; only the first process has a recorder and writes anything."""
    settings = config.training
    clock = saved = time.monotonic()
    is_stopping = False
    with (
        Progress(
            "training", training.steps, done=state.step, shown=recorder is not None
        ) as progress,
        stop_on_signals() as stop,
    ):
        for batch in _until_stopped(training.batches(state.step), stop):
            done = state.step + 1
            is_logged = done % settings.log_every == 0 or done == training.steps
            terms = training.train_step(batch, state.step, measure=is_logged)
            # A signal may reach one process only; all stop after the same step.
            asked = next(iter(terms.values())).new_tensor(float(bool(stop)))
            figures = average_terms(fabric, {**terms, _ASKED_TO_STOP: asked})
            is_stopping = figures.pop(_ASKED_TO_STOP) > 0
            _check_finite(figures, done, recorder)
            state.step = done
            now = time.monotonic()
            state.seconds, clock = state.seconds + now - clock, now
            progress.advance(note=_note(figures, training.terms))
            if recorder is not None:
                recorder.log(figures, is_logged=is_logged)
                if done % training.epoch_steps == 0 or done == training.steps:
                    if recorder.finish_epoch():
                        saved = time.monotonic()
                    clock = time.monotonic()
                elif now - saved > 60 * settings.checkpoint_minutes:
                    recorder.save_checkpoint()
                    saved = now
            if is_stopping:
                break
        if recorder is not None:
            if is_stopping or stop:
                recorder.save_checkpoint()
                logger.info(f"{recorder.folder.root}: stopped after step {state.step}")
            recorder.close()
    if is_stopping and not stop:  # the signal has reached another process only
        raise KeyboardInterrupt


_ASKED_TO_STOP = "asked to stop"
"""Name, among the figures of a step, of the number of processes that a signal has reached."""


def _until_stopped(batches: Iterator[Any], stop: StopRequest) -> Iterator[Any]:
    """Yield batches; the signal that asks to stop may have ended the processes that load them."""
    try:
        yield from batches
    except RuntimeError:
        if not stop:
            raise


def _check_finite(figures: dict[str, float], step: int, recorder: Recorder | None) -> None:
    for name, figure in figures.items():
        if not math.isfinite(figure):
            kept = "" if recorder is None else recorder.kept()
            raise TrainingError(
                f"step {step}: loss '{name}' is {figure}; lower optimiser.learning_rate or look "
                f"for extreme values in the prepared data{kept}"
            )


def _note(figures: dict[str, float], terms: tuple[str, ...]) -> str:
    shown = [name for name in terms if name != "generator" and name in figures]
    return "  ".join(f"{name} {figures[name]:.3f}" for name in shown)
