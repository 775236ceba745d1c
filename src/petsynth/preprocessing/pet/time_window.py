"""Frames in time: the time window of an SUVR, and how wanted frames are made of acquired ones.

An SUVR is defined over minutes after injection at which a tracer's uptake is steady. Averaged from
injection on, a dynamic scan shows blood flow as well. Defaults by tracer, with their sources:
``tracers.toml``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from petsynth.errors import InputError
from petsynth.preprocessing.pet.acquisition import Acquisition
from petsynth.volume import FloatArray

Frames = Literal["mean", "keep"] | int
"""``"mean"``: one image; ``"keep"``: as acquired; a number N: as many windows of equal length."""

MIN_COVERED = 0.9
"""Fraction of the time window below which a scan is flagged."""
MIN_INSIDE = 0.5
"""Fraction of a static scan inside the time window up to which it is flagged: it was averaged over
another time."""


@dataclass(frozen=True)
class TimeWindow:
    """The minutes after injection that were wanted, and what the scan has of them.

    Parameters
    ----------
    wanted_min : (float, float)
        Start and end in minutes after injection.
    scanned_min : (float, float) or None
        Start and end of the scan in minutes after injection; None if the sidecar does not tell.
    covered_fraction : float or None
        Fraction of the window in which the scan has data, 0 to 1.
    inside_fraction : float or None
        Fraction of what is averaged that lies inside the window, 0 to 1; less than 1 only for
        frames that cannot be cut.
    within_s : (float, float) or None
        The window in the sidecar's seconds, cut to the scan; None if all frames are averaged.
    """

    wanted_min: tuple[float, float]
    scanned_min: tuple[float, float] | None = None
    covered_fraction: float | None = None
    inside_fraction: float | None = None
    within_s: tuple[float, float] | None = None

    @property
    def flag(self) -> str:
        """What to look at; empty if nothing."""
        start, end = self.wanted_min
        wanted = f"the time window of {start:g} to {end:g} min after injection"
        if self.scanned_min is None or self.covered_fraction is None:
            return (
                f"{wanted} could not be checked: FrameTimesStart, FrameDuration or InjectionStart "
                "is missing"
            )
        span = "scan of {:g} to {:g} min".format(*(round(each, 1) for each in self.scanned_min))
        if not self.covered_fraction:
            return f"{wanted} has no data ({span}): all of the scan was averaged"
        if self.covered_fraction < MIN_COVERED:
            return f"{wanted} is covered to {self.covered_fraction:.0%} ({span})"
        if self.inside_fraction is not None and self.inside_fraction <= MIN_INSIDE:
            return f"PET is the mean over more than {wanted} ({span})"
        return ""


def find_window(
    window_min: tuple[float, float], acquisition: Acquisition, frames: int
) -> TimeWindow:
    """Return what a scan has of a time window.

    Parameters
    ----------
    window_min : (float, float)
        Start and end in minutes after injection.
    acquisition : Acquisition
        With frame times and the time of injection, where known.
    frames : int
        Frames of the image, T.

    Examples
    --------
    A scan of 0 to 90 minutes in frames of 10:

    >>> times = tuple(600.0 * n for n in range(9))
    >>> scan = Acquisition("x", "Bq/mL", times, (600.0,) * 9, injection_s=0.0)
    >>> found = find_window((50, 70), scan, 9)
    >>> found.within_s, found.covered_fraction
    ((3000.0, 4200.0), 1.0)
    """
    if not acquisition.starts_s or acquisition.injection_s is None:
        return TimeWindow(window_min)
    injection = acquisition.injection_s
    starts, ends = _limits(acquisition)
    low, high = (injection + 60 * limit for limit in window_min)
    overlap = np.clip(np.minimum(ends, high) - np.maximum(starts, low), 0, None)
    scanned = (float(starts.min() - injection) / 60, float(ends.max() - injection) / 60)
    covered = min(1.0, float(overlap.sum()) / (high - low))
    if frames == 1:
        inside = float(overlap.sum() / (ends - starts).sum())
        return TimeWindow(window_min, scanned, covered, inside)
    if not covered:
        return TimeWindow(window_min, scanned, 0.0)
    within = (max(low, float(starts.min())), min(high, float(ends.max())))
    return TimeWindow(window_min, scanned, covered, 1.0, within)


def frame_weights(
    frames: Frames,
    acquisition: Acquisition,
    count: int,
    within_s: tuple[float, float] | None = None,
) -> FloatArray:
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
    within_s : (float, float), optional
        Time that the new frames divide, in the sidecar's seconds; all of the scan if left out. No
        matter for kept frames.

    Returns
    -------
    (N, T) float array
        Rows sum to 1.

    Raises
    ------
    InputError
        If N frames are wanted and frame times are unknown, N is less than 1 or the image has fewer
        frames, or a window holds no data.

    Examples
    --------
    Frames of 1, 1 and 2 minutes to two windows of 2 minutes, and to their mean:

    >>> times = Acquisition("x", "SUVR", (0, 60, 120), (60, 60, 120))
    >>> frame_weights(2, times, 3).tolist()
    [[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]
    >>> frame_weights("mean", times, 3).tolist()
    [[0.25, 0.25, 0.5]]
    """
    number = 1 if isinstance(frames, str) else int(frames)
    if number < 1:
        raise InputError(f"{number} frames: give 1 or more")
    if number > 1 and count == 1:
        raise InputError(
            f"{acquisition.name}: is static (one frame), --frames {number} needs a dynamic PET: "
            "give --frames mean"
        )
    if frames == "keep" or count == 1:
        return np.eye(count)
    if number == 1 and not acquisition.starts_s:
        durations = np.array([acquisition.durations_s or (1.0,) * count])
        return np.asarray(durations / durations.sum())
    if not acquisition.starts_s:
        raise InputError(
            f"{acquisition.name}: {number} frames need FrameTimesStart and FrameDuration, which "
            "its sidecar lacks"
        )
    starts, ends = _limits(acquisition)
    limits = _divided(number, acquisition, within_s)
    overlap = np.minimum(ends, limits[1:, None]) - np.maximum(starts, limits[:-1, None])
    overlap = np.clip(overlap, 0, None)
    if not (overlap.sum(axis=1) > 0).all():
        raise InputError(f"{acquisition.name}: {number} frames leave a window without data")
    if number > np.count_nonzero(overlap.any(axis=0)):
        raise InputError(
            f"{acquisition.name}: has {np.count_nonzero(overlap.any(axis=0))} frames in its time "
            f"window, --frames {number} needs as many: give fewer, or --frames mean"
        )
    return np.asarray(overlap / overlap.sum(axis=1, keepdims=True))


def window_times(
    frames: Frames, acquisition: Acquisition, within_s: tuple[float, float] | None = None
) -> tuple[list[float], list[float]]:
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
    limits = _divided(1 if frames == "mean" else int(frames), acquisition, within_s)
    return limits[:-1].tolist(), np.diff(limits).tolist()


def _limits(acquisition: Acquisition) -> tuple[FloatArray, FloatArray]:
    starts = np.array(acquisition.starts_s, dtype=float)
    return starts, starts + np.array(acquisition.durations_s, dtype=float)


def _divided(
    number: int, acquisition: Acquisition, within_s: tuple[float, float] | None
) -> FloatArray:
    starts, ends = _limits(acquisition)
    first, last = within_s or (float(starts[0]), float(ends.max()))
    return np.linspace(first, last, number + 1)
