"""Who is simulated: age, sex, diagnosis, severity, and what of it the T1 can show.

References
----------
.. [1] Jansen et al., "Prevalence of cerebral amyloid pathology in persons without dementia",
   JAMA 313, 2015 (about a quarter of cognitively normal subjects around 70), and Ossenkoppele
   et al., "Prevalence of amyloid PET positivity in dementia syndromes", JAMA 313, 2015
   (88 % in clinical Alzheimer's disease): `POSITIVE`.
.. [2] Petersen et al., "Alzheimer's Disease Neuroimaging Initiative: clinical
   characterization", Neurology 74, 2010: ages (75 +- 7) and MMSE (controls 29 +- 1, mild
   dementia 23 +- 2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from petsynth.simulation.randomness import generator_for

Tracer = Literal["FDG", "AV45", "AV1451"]
Diagnosis = Literal["CN", "AD"]

UNKNOWN = "n/a"
"""What BIDS tables say where nothing is known."""

SHARED_WEIGHT = 0.6
"""Weight of the severity that atrophy and uptake have in common; the rest is their own."""

SEVERITY: dict[Diagnosis, tuple[float, float]] = {"CN": (0.0, 0.12), "AD": (0.3, 1.0)}
"""Range of severities, uniform."""

POSITIVE: dict[str, dict[Diagnosis, float]] = {
    "FDG": {"CN": 1.0, "AD": 1.0},
    "AV45": {"CN": 0.25, "AD": 0.88},
    "AV1451": {"CN": 0.25, "AD": 0.88},
}
"""Probability that the tracer's disease pattern is there at all; FDG's always is, by severity."""

STATUS: dict[Tracer, str] = {"AV45": "amyloid", "AV1451": "tau"}
"""What a tracer's status is called."""

AMYLOID_LOAD: dict[Diagnosis, tuple[float, float]] = {"CN": (0.2, 0.6), "AD": (0.6, 1.0)}
"""Range of the amyloid load of positive subjects; hardly tied to atrophy."""

ASYMMETRY_SD = 0.2
"""Standard deviation of how much more one side is struck; cut off at 2.5 times it."""


@dataclass(frozen=True)
class Participant:
    """One simulated subject.

    Parameters
    ----------
    index : int
        Place in the cohort, from 0; with the seed it decides every random draw.
    label : str
        ``sub-...``.
    original_id : str
        Name of the T1 that the anatomy comes from; ``n/a`` for the embedded cohort.
    age : float
        In years; NaN if unknown.
    sex : str
        ``F``, ``M`` or ``n/a``.
    diagnosis : str
        ``CN`` or ``AD``.
    mmse : int
        Mini-mental state examination, 0 to 30.
    severity : float
        Clinical severity, 0 to 1.
    atrophy : float
        What the T1 shows of it, 0 to 1.
    burden : float
        How much of the tracer's disease pattern is simulated, 0 to 1.
    expected_burden : float
        The best guess at `burden` from `atrophy`, diagnosis and `status`.
    status : {"positive", "negative", "n/a"}
        Whether amyloid or tau is there at all, of its tracer; ``n/a`` for FDG.
    asymmetry : float
        How much more the left side is struck, in the T1 and in the PET; -0.5 to 0.5. 0 for the
        embedded cohort, whose atrophy is symmetric.
    """

    index: int
    label: str
    original_id: str
    age: float
    sex: str
    diagnosis: Diagnosis
    mmse: int
    severity: float
    atrophy: float
    burden: float
    expected_burden: float
    asymmetry: float = 0.0
    status: str = UNKNOWN


def sample_participant(
    seed: int,
    index: int,
    tracer: Tracer,
    label: str,
    *,
    original_id: str = UNKNOWN,
    age: float | None = None,
    sex: str | None = None,
) -> Participant:
    """Sample a subject; every second one is a patient.

    Parameters
    ----------
    seed : int
        The cohort's.
    index : int
        Place in the cohort; odd ones are patients.
    tracer : {"FDG", "AV45", "AV1451"}
        Decides what `Participant.burden` means.
    label : str
        ``sub-...``.
    original_id : str
        Name of the T1 that the anatomy comes from.
    age, sex : optional
        Of the real subject where the anatomy is one, NaN and ``n/a`` if unknown; sampled if not
        given.
    """
    generator = generator_for(seed, index, "participant")
    diagnosis: Diagnosis = "AD" if index % 2 else "CN"
    sampled_age = float(np.clip(generator.normal(75, 7), 55, 92))
    sampled_sex = "F" if generator.random() < 0.5 else "M"
    low, high = SEVERITY[diagnosis]
    severity, own_atrophy, own_burden = generator.uniform(low, high, 3)
    atrophy = SHARED_WEIGHT * severity + (1 - SHARED_WEIGHT) * own_atrophy
    disease = SHARED_WEIGHT * severity + (1 - SHARED_WEIGHT) * own_burden
    expected = _expected_disease(atrophy, (low + high) / 2)
    positive = generator.random() < POSITIVE[tracer][diagnosis]
    load = generator.uniform(*AMYLOID_LOAD[diagnosis])
    if tracer == "AV45":
        disease, expected = load, float(np.mean(AMYLOID_LOAD[diagnosis]))
    mmse = 29.3 - 9 * (severity - 0.1) * (diagnosis == "AD") + generator.normal(0, 0.9)
    side = ASYMMETRY_SD * np.clip(generator.standard_normal(), -2.5, 2.5)
    return Participant(
        index=index,
        label=label,
        original_id=original_id,
        age=round(sampled_age if age is None else age, 1),
        sex=sampled_sex if sex is None else sex,
        diagnosis=diagnosis,
        mmse=int(np.clip(round(mmse), 0, 30)),
        severity=round(severity, 3),
        atrophy=atrophy,
        burden=disease * positive,
        expected_burden=expected * positive,
        asymmetry=0.0 if original_id == UNKNOWN else float(side),
        status=UNKNOWN if tracer == "FDG" else "positive" if positive else "negative",
    )


def _expected_disease(atrophy: float, mean: float) -> float:
    """Return the best linear prediction of one mixture of severities from the other."""
    common, own = SHARED_WEIGHT**2, (1 - SHARED_WEIGHT) ** 2
    return mean + common / (common + own) * (atrophy - mean)
