"""Frames of a dynamic PET in time: their mean, all of them, or N new ones."""

from __future__ import annotations

from typing import Literal

import numpy as np

from petsynth.errors import InputError
from petsynth.preprocessing.pet.acquisition import Acquisition
from petsynth.volume import FloatArray

Frames = Literal["mean", "keep"] | int
"""``"mean"``: one image; ``"keep"``: as acquired; a number N: as many windows of equal length."""


def frame_weights(frames: Frames, acquisition: Acquisition, count: int) -> FloatArray:
    """Return how the new frames are made of the acquired ones.

    A new frame is a window of time; each acquired frame counts by the time for which it overlaps
    the window, so that a mean is weighted by duration and gaps count nothing.

    Parameters
    ----------
    frames : "mean", "keep" or int
        See `Frames`.
    acquisition : Acquisition
        With frame times; without, all frames count alike in a mean.
    count : int
        Frames of the image, T.

    Returns
    -------
    (N, T) float array
        Rows sum to 1.

    Raises
    ------
    InputError
        If N frames are wanted and frame times are unknown, N is less than 1, or a window holds
        no data.

    Examples
    --------
    Frames of 1, 1 and 2 minutes to two windows of 2 minutes, and to their mean:

    >>> times = Acquisition("x", "SUVR", (0, 60, 120), (60, 60, 120))
    >>> frame_weights(2, times, 3).tolist()
    [[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]
    >>> frame_weights("mean", times, 3).tolist()
    [[0.25, 0.25, 0.5]]
    """
    if frames == "keep" or (count == 1 and frames in ("mean", 1)):
        return np.eye(count)
    if frames == "mean" and not acquisition.starts_s:
        return np.full((1, count), 1 / count)
    number = 1 if frames == "mean" else int(frames)
    if number < 1:
        raise InputError(f"{number} frames: give 1 or more")
    if not acquisition.starts_s:
        raise InputError(
            f"{acquisition.name}: {number} frames need FrameTimesStart and FrameDuration, which "
            "its sidecar lacks"
        )
    starts = np.array(acquisition.starts_s)
    ends = starts + np.array(acquisition.durations_s)
    limits = np.linspace(starts[0], ends.max(), number + 1)
    overlap = np.minimum(ends, limits[1:, None]) - np.maximum(starts, limits[:-1, None])
    overlap = np.clip(overlap, 0, None)
    if not (overlap.sum(axis=1) > 0).all():
        raise InputError(f"{acquisition.name}: {number} frames leave a window without data")
    return overlap / overlap.sum(axis=1, keepdims=True)


def window_times(frames: Frames, acquisition: Acquisition) -> tuple[list[float], list[float]]:
    """Return start and duration of the new frames in seconds; empty where times are unknown.

    Examples
    --------
    >>> window_times("mean", Acquisition("x", "SUVR", (30, 60), (30, 60)))
    ([30.0], [90.0])
    """
    if not acquisition.starts_s:
        return [], []
    if frames == "keep":
        return list(acquisition.starts_s), list(acquisition.durations_s)
    number = 1 if frames == "mean" else int(frames)
    pairs = zip(acquisition.starts_s, acquisition.durations_s, strict=True)
    first, last = acquisition.starts_s[0], max(start + duration for start, duration in pairs)
    limits = np.linspace(first, last, number + 1)
    return limits[:-1].tolist(), np.diff(limits).tolist()
