"""From an MRI on the model's grid to a synthetic PET in PET units, with its uncertainty."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from petsynth.config import StackConfig
from petsynth.data.scale import from_network
from petsynth.inference.run import Run
from petsynth.slicing import Plane
from petsynth.systems.pix2pix.volume import predict_volume
from petsynth.systems.unet25d.volume import predict_stacks
from petsynth.systems.volumes_prediction import infer_volume
from petsynth.training.validation import validation_planes

ALL_PLANES: tuple[Plane, ...] = ("axial", "coronal", "sagittal")


@dataclass(frozen=True)
class Prediction:
    """A synthetic PET on the model's grid.

    Parameters
    ----------
    mean : (X, Y, Z) or (X, Y, Z, T) float32 array
        In PET units: the mean over samples, or the only one; T frames if the model infers them.
    std : (X, Y, Z) float32 array or None
        In PET units: standard deviation over samples (n - 1); None for a single sample. Pretrained
        models have no dropout but always say how far off they expect to be: theirs is that.
    """

    mean: NDArray[np.float32]
    std: NDArray[np.float32] | None


def synthesise(
    run: Run,
    mri_XYZ: NDArray,
    *,
    planes: Sequence[Plane] | None = None,
    samples: int = 1,
    seed: int = 0,
    batch_size: int = 8,
    on_sample: Callable[[], None] = lambda: None,
) -> Prediction:
    """Infer a PET volume.

    Parameters
    ----------
    run : Run
        The model.
    mri_XYZ : (X, Y, Z) array
        T1 on the model's grid, RAS+, in [-1, 1]; see `petsynth.preprocessing.t1.alignment`. For paper
        B's models the conformed T1, 0 to 255; see `petsynth.preprocessing.t1.conform`.
    planes : sequence of {"axial", "coronal", "sagittal"}, optional
        Planes whose predictions are averaged; if left out, the axial one if the model was
        trained on it, else all that it was trained on.
    samples : int
        Number of dropout draws.
    seed : int
        Chooses them.
    batch_size : int
        Slices at once; changes speed and memory, not the result.
    on_sample : function
        Called after each sample.

    Raises
    ------
    ValueError
        If ``samples`` is not positive or the MRI is not on the model's grid.

    References
    ----------
    Paper A, section 2.4 (figure 3): the volume is stacked from axial slices. Ours: the mean
    over three planes, and the spread over dropout draws, each shared by all slices of a volume
    (docs/decisions/0007).
    """
    if samples < 1:
        raise ValueError(f"{samples} samples: at least one is needed")
    if run.stacks is not None:
        return _synthesise_stacks(run, run.stacks, mri_XYZ, on_sample)
    if run.slices is None:
        return _synthesise_volume(run, mri_XYZ, on_sample)
    if mri_XYZ.shape != run.grid.shape:
        raise ValueError(f"MRI of shape {mri_XYZ.shape} is not on the grid {run.grid.shape}")
    mean = np.zeros(mri_XYZ.shape)
    squares = np.zeros(mri_XYZ.shape)  # sum of squared deviations, after Welford (1962)
    for sample in range(samples):
        network_pet = predict_volume(
            run.generator,
            mri_XYZ,
            planes=planes or validation_planes(run.slices),
            canvas=run.slices.data.canvas,
            draw=sample_key(seed, sample),
            batch_size=batch_size,
            device=run.device,
        )
        pet = from_network(network_pet, run.pet_scale)
        deviation = pet - mean
        mean += deviation / (sample + 1)
        squares += deviation * (pet - mean)
        on_sample()
    std = np.sqrt(squares / (samples - 1)).astype(np.float32) if samples > 1 else None
    return Prediction(mean.astype(np.float32), std)


def _synthesise_stacks(
    run: Run, config: StackConfig, mri_XYZ: NDArray, on_sample: Callable[[], None]
) -> Prediction:
    """Infer with a pretrained model: the mean over the head and its mirror image."""
    if mri_XYZ.shape != run.grid.shape:
        raise ValueError(f"MRI of shape {mri_XYZ.shape} is not on the grid {run.grid.shape}")
    data = config.data
    one, mirrored = (
        predict_stacks(
            run.generator, mri, slices=data.slices, canvas=data.canvas, device=run.device
        )
        for mri in (mri_XYZ, mri_XYZ[::-1])
    )
    on_sample()
    pet, error = ((first + second[::-1]) / 2 for first, second in zip(one, mirrored, strict=True))
    std = error / 2 * run.pet_scale * run.error_to_std
    return Prediction(from_network(pet, run.pet_scale), std.astype(np.float32))


def _synthesise_volume(run: Run, t1_XYZ: NDArray, on_sample: Callable[[], None]) -> Prediction:
    """Infer with a model of paper B: it has no dropout, so all samples would be the same."""
    shape = None if run.t1_grid is None else run.t1_grid.shape
    if t1_XYZ.shape != shape:
        raise ValueError(f"T1 of shape {t1_XYZ.shape} is not on the grid {shape}")
    prediction = Prediction(infer_volume(run.generator, t1_XYZ, run.device), None)
    on_sample()
    return prediction


def sample_key(seed: int, sample: int) -> int:
    """Return the key of the dropout draw of one sample, the same on every machine.

    Examples
    --------
    >>> sample_key(0, 0) == sample_key(0, 0), sample_key(0, 1) == sample_key(1, 0)
    (True, False)
    """
    state = np.random.SeedSequence((seed, sample)).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))
