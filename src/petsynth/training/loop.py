"""The loop around the training step: data, logs, validation, pictures, checkpoints.

lightning-fabric chooses the device and the arithmetic. Every random draw is keyed by the run's
seed and the step, so that a training that is killed and resumed ends as if nothing had
happened (decision record 0031).
"""

from __future__ import annotations

import math
import os
import time
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch.utils.data import DataLoader

from petsynth.config import Config
from petsynth.data.prepared import PreparedData
from petsynth.data.slices import EpochBatches, SliceDataset, steps_per_epoch
from petsynth.errors import SplitError, TrainingError
from petsynth.models.dropout import draw_keys
from petsynth.progress import Progress, say
from petsynth.training.logs import CsvLog, TensorBoardLog
from petsynth.training.model_file import write_card, write_model
from petsynth.training.pix2pix import TERMS, build_players, train_step
from petsynth.training.run_folder import RunFolder, open_run
from petsynth.training.samples import write_samples
from petsynth.training.state import TrainingState, load_checkpoint, save_checkpoint
from petsynth.training.validation import MEASURES, validate

TRAIN_COLUMNS = ("step", "epoch", *TERMS, "seconds")
VALIDATION_COLUMNS = ("step", "epoch", *MEASURES)


def train(
    config: Config,
    data: PreparedData,
    run: str | Path,
    *,
    resume: bool = False,
    overwrite: bool = False,
    threads: int | None = None,
    device: str = "auto",
) -> None:
    """Train a system on prepared data.

    Parameters
    ----------
    config : Config
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
        Processor threads; never more than there are cores. By default all.
    device : {"auto", "cpu", "cuda"}
        Where to compute.

    Raises
    ------
    SplitError
        If there are no training subjects.
    OutputError, RunError
        If the folder is taken, or belongs to another run.
    TrainingError
        If there is no such device; or if a loss or weight is no longer finite, and then the last
        checkpoint stays.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise TrainingError("torch finds no CUDA device here; use --device cpu")
    torch.set_num_threads(min(threads or os.cpu_count() or 1, os.cpu_count() or 1))
    dataset = _training_slices(config, data)
    folder = open_run(run, config, data, resume=resume, overwrite=overwrite)
    fabric = Fabric(accelerator=device, devices=1, precision=config.training.precision)
    state = TrainingState(build_players(config, fabric))
    if folder.checkpoint.exists():
        load_checkpoint(folder.checkpoint, state)
    training = _Training(config, data, folder, fabric, state, dataset)
    if resume:
        say(f"{folder.root}: going on after step {state.step} of {training.steps}")
    training.run()
    say(f"model in {folder.model}")


def total_steps(config: Config, slices: int) -> int:
    """Return how many steps a training takes in all."""
    steps = config.training.epochs * steps_per_epoch(slices, config.training.batch_size)
    return min(steps, config.training.max_steps or steps)


def _training_slices(config: Config, data: PreparedData) -> SliceDataset:
    participants = data.participants("train")
    if not participants:
        raise SplitError(f"{data.folder}: no subject is in the training part of split.tsv")
    return SliceDataset(
        data,
        participants,
        planes=config.data.planes,
        canvas=config.data.canvas,
        intensity=config.data.intensity,
        flip=config.data.flip,
        seed=config.seed,
    )


class _Training:
    """One process's work on a run, from the state's step to the last."""

    def __init__(
        self,
        config: Config,
        data: PreparedData,
        folder: RunFolder,
        fabric: Fabric,
        state: TrainingState,
        dataset: SliceDataset,
    ):
        self.config = config
        self.data = data
        self.folder = folder
        self.fabric = fabric
        self.state = state
        self.dataset = dataset
        self.epoch_steps = steps_per_epoch(len(dataset), config.training.batch_size)
        self.steps = total_steps(config, len(dataset))
        self.log = CsvLog(folder.train_log, TRAIN_COLUMNS, state.step)
        self.board = TensorBoardLog(folder.root, state.step)
        self.validation: dict[str, float] = {}
        self.validation_log: CsvLog | None = None
        if data.participants("validation"):
            self.validation_log = CsvLog(folder.validation_log, VALIDATION_COLUMNS, state.step)

    def run(self) -> None:
        """Train until the last step."""
        state, seed = self.state, self.config.seed
        clock = saved = time.monotonic()
        with Progress("training", self.steps, done=state.step) as progress:
            for batch in self._batches():
                mri, pet = self.fabric.to_device(batch)
                draws = draw_keys(seed, state.step, len(mri))
                terms = train_step(state.players, self.fabric, self.config, (mri, pet), draws)
                losses = self._check_finite({name: term.item() for name, term in terms.items()})
                state.step += 1
                now = time.monotonic()
                state.seconds, clock = state.seconds + now - clock, now
                self._log(losses)
                if state.step % self.epoch_steps == 0 or state.step == self.steps:
                    self._finish_epoch()
                    clock = saved = time.monotonic()
                elif now - saved > 60 * self.config.training.checkpoint_minutes:
                    save_checkpoint(self.folder.checkpoint, state)
                    saved = now
                progress.advance(note=_note(losses))
        self.board.close()

    def _batches(self) -> DataLoader:
        order = EpochBatches(
            len(self.dataset),
            self.config.training.batch_size,
            seed=self.config.seed,
            start=self.state.step,
            stop=self.steps,
        )
        return DataLoader(
            self.dataset, batch_sampler=order, num_workers=self.config.training.workers
        )

    @property
    def epoch(self) -> int:
        """The epoch of the step that was done last, from 1."""
        return math.ceil(self.state.step / self.epoch_steps)

    def _check_finite(self, losses: dict[str, float]) -> dict[str, float]:
        for name, loss in losses.items():
            if not math.isfinite(loss):
                kept = self.folder.checkpoint
                raise TrainingError(
                    f"step {self.state.step + 1}: loss '{name}' is {loss}; lower "
                    "optimiser.learning_rate or look for extreme values in the prepared data"
                    + (f"; the last good checkpoint is kept in {kept}" if kept.exists() else "")
                )
        return losses

    def _log(self, losses: dict[str, float]) -> None:
        step, means = self.state.step, self.state.means
        means.add(losses)
        if step % self.config.training.log_every == 0 or step == self.steps:
            row = means.take()
            self.log.append(
                {"step": step, "epoch": self.epoch, **row, "seconds": round(self.state.seconds, 1)}
            )
            self.board.add("train", row, step)

    def _finish_epoch(self) -> None:
        training, last = self.config.training, self.state.step == self.steps
        generator = self.state.players.generator
        if self.validation_log and (last or self.epoch % training.validate_every == 0):
            self._validate(self.validation_log)
        write_model(self.folder.model, generator, self.config, self.data, self.state.step)
        write_card(
            self.folder.card,
            generator,
            self.config,
            self.data,
            steps=self.state.step,
            epochs=self.state.step / self.epoch_steps,
            validation=self.validation,
        )
        save_checkpoint(self.folder.checkpoint, self.state)
        if last or self.epoch % training.samples_every == 0:
            picture = self.folder.samples / f"epoch-{self.epoch:04}.png"
            title = f"{self.config.system}, epoch {self.epoch}, step {self.state.step}"
            write_samples(
                picture, generator, self.data, self.config, self.fabric.device, title=title
            )

    def _validate(self, log: CsvLog) -> None:
        state = self.state
        self.validation = validate(
            state.players.generator, self.data, self.config, self.fabric.device
        )
        log.append({"step": state.step, "epoch": self.epoch, **self.validation})
        self.board.add("validation", self.validation, state.step)
        if self.validation["brain_mae"] < state.best_mae:
            state.best_mae = self.validation["brain_mae"]
            write_model(
                self.folder.best, state.players.generator, self.config, self.data, state.step
            )


def _note(losses: dict[str, float]) -> str:
    return "  ".join(f"{name} {loss:.3f}" for name, loss in losses.items() if name != "generator")
