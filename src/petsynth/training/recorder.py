"""What a training writes on its way: logs, validation, models, pictures, checkpoints.

Validation measures the generator on the validation subjects by evaluation's own metrics; a picture
shows MRI, reference PET and synthetic PET.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from petsynth.data.prepared import PreparedData, static_mean
from petsynth.data.reference import reference_region
from petsynth.io.bids.names import participant_of
from petsynth.metrics.coverage import unmeasured_voxels
from petsynth.metrics.image import mae, mse, psnr, ssim
from petsynth.systems.base import System, TrainedGenerator, Training
from petsynth.training.calibration import calibrate
from petsynth.training.logs import CsvLog, TensorBoardLog
from petsynth.training.model_card import model_metadata, write_card, write_model
from petsynth.training.run_folder import RunFolder
from petsynth.training.state import TrainingState, save_checkpoint

# How good the generator is during training: metrics of the validation subjects, and pictures.

METRICS = ("brain_mae", "mae", "mse", "psnr", "ssim")
"""Columns of the validation log: mean over subjects, in PET units; whole volume if not brain."""

SUBJECTS = 2
"""How many subjects a picture shows."""


def validate(infer_pet: Callable[[str], NDArray[Any]], data: PreparedData) -> dict[str, float]:
    """Measure all validation subjects, and average: first over each participant's visits.

    Parameters
    ----------
    infer_pet : function from str to (X, Y, Z) or (X, Y, Z, T) array
        A subject's synthetic PET, in PET units; the mean over frames is measured.
    data : PreparedData
        With at least one validation subject.

    Returns
    -------
    dict of float
        `METRICS`; the data range of PSNR and SSIM is the training set's PET scale.
    """
    rows: dict[str, list[tuple[float, ...]]] = {}
    for participant in data.participants("validation"):
        pet = np.asarray(data.static_pet(participant))
        synthetic_pet = static_mean(infer_pet(participant), data.frame_durations)
        rows.setdefault(participant_of(participant), []).append(
            (
                _brain_mae(pet, synthetic_pet, data.mask(participant)),
                mae(pet, synthetic_pet),
                mse(pet, synthetic_pet),
                psnr(pet, synthetic_pet, data.pet_scale),
                ssim(pet, synthetic_pet, data.pet_scale),
            )
        )
    means = [np.mean(visits, axis=0) for visits in rows.values()]
    return dict(zip(METRICS, np.mean(means, axis=0).tolist(), strict=True))


def _brain_mae(pet: NDArray[Any], synthetic_pet: NDArray[Any], mask: NDArray[np.bool_]) -> float:
    """Return the error in the brain as far as the PET covers it; NaN if it covers none."""
    measured = mask & ~unmeasured_voxels(pet, mask)
    return mae(pet, synthetic_pet, measured) if measured.any() else float("nan")


def sample_subjects(data: PreparedData) -> list[str]:
    """Return whom to show: validation subjects, or training subjects if there are none."""
    return (data.participants("validation") or data.participants("train"))[:SUBJECTS]


def write_samples(path: Path, training: Training[Any], data: PreparedData, *, title: str) -> None:
    """Write a picture of the middle slices of a few subjects.

    Parameters
    ----------
    path : Path
        Of the PNG.
    training : Training
        What is trained; its planes are the rows. Of several frames the mean is shown.
    data : PreparedData
        Whose subjects are shown.
    title : str
        Above the picture.
    """
    # matplotlib takes a second to import, which a training without pictures need not pay.
    from petsynth.figures.panels import View, draw_panels, mri_panel, pet_panel, unit_label
    from petsynth.figures.save import save_png

    unit = unit_label(data.unit, reference_region(data))
    rows = []
    for participant in sample_subjects(data):
        volumes = (
            data.mri(participant),
            data.static_pet(participant),
            static_mean(training.infer_pet(participant), data.frame_durations),
        )
        for plane in training.planes:
            view, highest = View(plane, data.grid), data.pet_scale
            mri, pet, synthetic_pet = (view.cut(each) for each in volumes)
            panels = (
                mri_panel(mri, view=view),
                pet_panel(pet, highest, unit, view=view, simulated=data.simulated),
                pet_panel(synthetic_pet, highest, unit, synthetic=True, view=view),
            )
            rows.append((f"{data.split(participant)}: {participant}, {plane}", panels))
    save_png(draw_panels(rows, title=title, simulated=data.simulated), path, dots_per_inch=80)


# What a training writes on its way: logs, validation, models, pictures, checkpoints.


class Recorder:
    """Writes into a run folder; only the first of several processes has one.

    Parameters
    ----------
    system : System
        What is trained; its configuration says how often to write what.
    training : Training
        Its training.
    data : PreparedData
        Whose validation subjects are measured.
    folder : RunFolder
        Where to write.
    state : TrainingState
        Where the training stands.
    check_folder : function
        Raises OutputError if the run folder is gone; called before anything large is written.
    """

    def __init__(
        self,
        system: System[Any],
        training: Training[Any],
        data: PreparedData,
        folder: RunFolder,
        state: TrainingState,
        check_folder: Callable[[], None] = lambda: None,
    ):
        self.system, self.training, self.data = system, training, data
        self.folder, self.state, self.check_folder = folder, state, check_folder
        self.started_from = folder.read_start()
        columns = ("step", "epoch", *training.terms, *training.extras, "seconds")
        self.train_log = CsvLog(folder.train_log, columns, state.step)
        self.board = TensorBoardLog(folder.root, state.step)
        self.validation: dict[str, float] = {}
        self.validation_log: CsvLog | None = None
        if data.participants("validation"):
            columns = ("step", "epoch", *METRICS)
            self.validation_log = CsvLog(folder.validation_log, columns, state.step)

    @property
    def epoch(self) -> int:
        """The epoch of the step that was done last, from 1."""
        return math.ceil(self.state.step / self.training.epoch_steps)

    def log(self, figures: dict[str, float], *, is_logged: bool) -> None:
        """Take in the figures of a step; ``is_logged`` closes a row of the log."""
        self.state.means.add({name: figures[name] for name in self.training.terms})
        if not is_logged:
            return
        extras = {name: figures[name] for name in self.training.extras}
        row = self.state.means.take() | extras
        seconds = round(self.state.seconds, 1)
        self.train_log.append(
            {"step": self.state.step, "epoch": self.epoch, **row, "seconds": seconds}
        )
        self.board.add("train", row, self.state.step)

    def finish_epoch(self) -> bool:
        """Validate, write pictures, model, card, checkpoint if it is time; tell if it was.

        The checkpoint comes last, so that a training that goes on from it lacks nothing.
        """
        self.check_folder()
        settings, last = self.system.config.training, self.state.step == self.training.steps
        if self.validation_log and (last or self.epoch % settings.validate_every == 0):
            self._validate(self.validation_log)
        if self._is_picture_due():
            self._write_picture()
        is_time = last or self.epoch % self.training.write_every == 0
        if is_time:
            self._write_model()
            self.save_checkpoint()
        return is_time

    def catch_up(self) -> None:
        """Draw the sample picture of the epoch that has just ended, where it is missing."""
        step = self.state.step
        has_ended = step and (step % self.training.epoch_steps == 0 or step == self.training.steps)
        if has_ended and self._is_picture_due() and not self._picture.exists():
            self._write_picture()

    def save_checkpoint(self) -> None:
        """Write everything that is needed to go on."""
        self.check_folder()
        save_checkpoint(self.folder.checkpoint, self.state)

    def kept(self) -> str:
        """Say where the last good checkpoint is, if there is one."""
        path = self.folder.checkpoint
        return f"; the last good checkpoint is kept in {path}" if path.exists() else ""

    def close(self) -> None:
        """Finish the TensorBoard events."""
        self.board.close()

    @property
    def _picture(self) -> Path:
        return self.folder.samples / f"epoch-{self.epoch:04}.png"

    def _is_picture_due(self) -> bool:
        last = self.state.step == self.training.steps
        return last or self.epoch % self.system.config.training.samples_every == 0

    def _write_picture(self) -> None:
        title = f"{self.system.config.system}, epoch {self.epoch}, step {self.state.step}"
        write_samples(self._picture, self.training, self.data, title=title)

    def _write_model(self) -> None:
        generator, step = self.state.networks.generator, self.state.step
        calibration = self._calibration() if step == self.training.steps else {}
        write_model(
            self.folder.model,
            generator,
            self.system,
            self.data,
            step,
            self.started_from,
            calibration,
        )
        write_card(
            self.folder.card,
            generator,
            self.system,
            self.data,
            steps=step,
            epochs=step / self.training.epoch_steps,
            validation=self.validation,
            started_from=self.started_from,
            calibration=calibration,
        )

    def _calibration(self) -> dict[str, float]:
        generator, data = self.state.networks.generator, self.data
        device = next(generator.parameters()).device
        metadata = model_metadata(self.system, data, self.state.step)
        model = TrainedGenerator(generator, device, data.pet_scale, metadata)
        return calibrate(self.system, model, data)

    def _validate(self, log: CsvLog) -> None:
        state = self.state
        self.validation = validate(self.training.infer_pet, self.data)
        log.append({"step": state.step, "epoch": self.epoch, **self.validation})
        self.board.add("validation", self.validation, state.step)
        if self.validation["brain_mae"] < state.best_mae:
            state.best_mae = self.validation["brain_mae"]
            write_model(
                self.folder.best,
                state.networks.generator,
                self.system,
                self.data,
                state.step,
                self.started_from,
            )
