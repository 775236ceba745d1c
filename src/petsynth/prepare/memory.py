"""How many subjects may be prepared side by side in so much memory.

What a subject takes was measured with ``benchmarks/prepare_scaling.py`` (peak of one process).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from petsynth.errors import ArgumentError, InputError
from petsynth.io.bids.index import Scan
from petsynth.io.nifti import read_shape

BASE_MB = 400
"""A process with the libraries that preparing needs, and the template."""
DEEPBET_MB = 1100
"""What deepbet adds while it runs."""
COPIES = 8
"""Copies of an image, in float32, that live at the same time."""
FRAME_COPIES = 3
"""The same of a PET's frames beyond the first. Measured were 1.6 (12 frames of 4 million voxels
added 277 MB to the peak, with or without motion correction); smoothing and units add one each."""


def subject_mb(scans: Sequence[Scan], *, deepbet: bool) -> int:
    """Return the memory in MB that the largest of some subjects needs, from its headers.

    A file that cannot be read counts nothing: it will be left out.
    """
    largest = max((_copies(scan) for scan in scans), default=0)
    return BASE_MB + (DEEPBET_MB if deepbet else 0) + math.ceil(largest * 4 / 1e6)


def processes_within(mem_mb: int, nprocs: int, per_subject_mb: int) -> int:
    """Return how many processes may run side by side.

    Raises
    ------
    ArgumentError
        If not even one subject fits.

    Examples
    --------
    >>> processes_within(16_000, nprocs=8, per_subject_mb=3000)
    5
    """
    if mem_mb < per_subject_mb:
        raise ArgumentError(
            f"--mem-mb {mem_mb}: one subject of this dataset needs about {per_subject_mb} MB; "
            "give at least that, or leave the option out"
        )
    return min(nprocs, mem_mb // per_subject_mb)


def _copies(scan: Scan) -> int:
    """Return how many voxels of one subject live at the same time."""
    total = 0
    for path in (scan.t1, scan.pet):
        try:
            shape = read_shape(path)
        except InputError:
            continue
        volume = math.prod(shape[:3])
        total += COPIES * volume + FRAME_COPIES * (math.prod(shape) - volume)
    return total
