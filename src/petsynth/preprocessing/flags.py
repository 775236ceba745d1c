"""Flags: what quality control asks a person to look at, by the check that raised them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Check = Literal[
    "input",
    "pair",
    "t1-alignment",
    "coverage",
    "registration",
    "motion",
    "time-window",
    "reference-region",
    "target-region",
    "deformation",
    "uptake",
]
"""Is it the scan that was wanted, as it should be; do T1 and PET match; is the T1 aligned to MNI
axes; is the brain inside the PET; is registration reproducible; motion between frames; minutes
after injection; regions; warp to MNI; mean uptake."""
CHECKS: tuple[Check, ...] = get_args(Check)


@dataclass(frozen=True)
class Flag:
    """One thing to look at.

    Parameters
    ----------
    check : str
        Which check raised it, one of `CHECKS`.
    text : str
        What was found.
    """

    check: Check
    text: str

    def __str__(self) -> str:
        return self.text
