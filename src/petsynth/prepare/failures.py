"""Pairs of images that could not be prepared: which image is at fault, so that others are tried."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from petsynth.errors import PetsynthError
from petsynth.io.bids.index import Scan


@dataclass(frozen=True)
class Failure:
    """A pair of images that could not be prepared.

    Parameters
    ----------
    pair : Scan
        The images.
    image : Path or None
        Which of them is at fault; None if that is not known.
    error : Exception
        What went wrong.
    """

    pair: Scan
    image: Path | None
    error: Exception

    @property
    def reason(self) -> str:
        """What went wrong, in one line."""
        return reason_of(self.error)

    def not_in(self, scan: Scan) -> Path:
        """Return the image that is at fault, or else the one that another pair has not."""
        if self.image is not None:
            return self.image
        return self.pair.pet if self.pair.pet != scan.pet else self.pair.t1


def image_at_fault(error: Exception, pair: Scan) -> Path | None:
    """Return which image of a pair an error is about; None if that is not known."""
    path = error.path if isinstance(error, PetsynthError) else getattr(error, "filename", None)
    return next((each for each in (pair.t1, pair.pet) if path and Path(path) == each), None)


def reason_of(error: Exception) -> str:
    """Return what went wrong in one line, also where the system says it.

    Examples
    --------
    >>> reason_of(FileNotFoundError(2, "No such file", "sub-1_pet.nii"))
    'sub-1_pet.nii: has vanished since the dataset was indexed'
    """
    if isinstance(error, FileNotFoundError):
        return f"{error.filename}: has vanished since the dataset was indexed"
    if isinstance(error, OSError):
        return f"{error.filename}: cannot be read ({error.strerror})"
    return str(error)
