"""The libraries that read, convert and send DICOM; they come with the extra ``dicom``."""

from __future__ import annotations

import contextlib
import importlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from petsynth.errors import InputError


def library(name: str) -> Any:
    """Import pydicom, pynetdicom, dcm2niix, or a module of theirs.

    Raises
    ------
    InputError
        If it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        raise InputError(
            f"DICOM needs {name.partition('.')[0]}, which is not installed: pip install "
            "'petsynth[dicom]'"
        ) from None


def dcm2niix_path() -> Path:
    """Return the program dcm2niix of its wheel.

    Raises
    ------
    InputError
        If the wheel is not installed.
    """
    return Path(library("dcm2niix").bin)


@contextlib.contextmanager
def tolerant() -> Iterator[None]:
    """Let pydicom read and write values that break a rule of DICOM, as many archives hold them."""
    config = library("pydicom.config")
    with warnings.catch_warnings(), config.disable_value_validation():
        warnings.simplefilter("ignore")
        yield
