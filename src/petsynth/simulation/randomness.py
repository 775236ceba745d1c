"""Random draws that depend on the seed, the subject and the purpose, and on nothing else."""

from __future__ import annotations

from typing import Literal

import numpy as np

PURPOSES = ("participant", "anatomy", "uptake", "scan", "motion", "lesion")
Purpose = Literal["participant", "anatomy", "uptake", "scan", "motion", "lesion"]


def generator_for(seed: int, index: int, purpose: Purpose) -> np.random.Generator:
    """Return the source of randomness of one subject for one purpose.

    Parameters
    ----------
    seed : int
        The cohort's.
    index : int
        The subject's place in the cohort.
    purpose : str
        What is sampled; anatomy and scan are the same whatever the tracer.

    Examples
    --------
    >>> first, again = (generator_for(0, 3, "anatomy").random() for _ in range(2))
    >>> first == again
    True
    """
    sequence = np.random.SeedSequence(seed, spawn_key=(index, PURPOSES.index(purpose)))
    return np.random.default_rng(sequence)
