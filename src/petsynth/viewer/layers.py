"""What a page shows of a subject: layers, each an image that is read when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from petsynth.preprocessing.resampling import resample
from petsynth.volume import Volume

Role = Literal["t1", "reference", "synthetic", "difference", "std"]
ROLES: tuple[Role, ...] = ("t1", "reference", "synthetic", "difference", "std")
SYNTHETIC_ROLES: tuple[Role, ...] = ("synthetic", "difference", "std")
"""What is made from a synthetic PET; the page says so on whatever it draws of it."""
TITLES: dict[Role, str] = {
    "t1": "T1-weighted MRI",
    "reference": "Reference PET",
    "synthetic": "Synthetic PET",
    "difference": "Synthetic minus reference",
    "std": "Standard deviation",
}


@dataclass(frozen=True)
class Layer:
    """An image of a subject.

    Parameters
    ----------
    role : {"t1", "reference", "synthetic", "difference", "std"}
        What it is.
    title : str
        What the page calls it.
    read : function without arguments
        Returns the image, (X, Y, Z), in RAS+.
    unit : str
        Of a PET's values as they are stored; empty where nobody says it.
    """

    role: Role
    title: str
    read: Callable[[], Volume]
    unit: str = ""


@dataclass(frozen=True)
class Subject:
    """What is shown of a subject.

    Parameters
    ----------
    name : str
        Such as ``sub-01`` or ``sub-01_ses-m12``.
    layers : tuple of Layer
        In the order of `ROLES`.
    metrics : dict of str to float
        Of the synthetic PET, from an evaluation.
    labels : function, optional
        Returns the subject's own segmentation.
    mask : function, optional
        Returns the brain mask on the T1's grid, which an atlas needs.
    """

    name: str
    layers: tuple[Layer, ...]
    metrics: dict[str, float] = field(default_factory=dict)
    labels: Callable[[], Volume] | None = None
    mask: Callable[[], Volume] | None = None

    def layer(self, role: Role) -> Layer | None:
        """Return the first layer of a role, or None."""
        return next((each for each in self.layers if each.role == role), None)


def with_difference(layers: list[Layer]) -> tuple[Layer, ...]:
    """Return layers in the order of `ROLES`, with what each synthetic PET differs by.

    Nothing is subtracted where there is no reference.
    """
    reference = next((each for each in layers if each.role == "reference"), None)
    synthetic = [each for each in layers if each.role == "synthetic"]
    found = list(layers)
    if reference is not None and not any(each.role == "difference" for each in layers):
        for each in synthetic:
            title = TITLES["difference"]
            if len(synthetic) > 1:
                title = f"{each.title} minus reference"
            unit = each.unit if each.unit == reference.unit else ""
            found.append(Layer("difference", title, _difference(each, reference), unit))
    return tuple(sorted(found, key=lambda each: ROLES.index(each.role)))


def _difference(synthetic: Layer, reference: Layer) -> Callable[[], Volume]:
    """Return a function that subtracts on the reference's grid, where both have values."""

    def read() -> Volume:
        measured, inferred = reference.read(), synthetic.read()
        if not inferred.grid.matches(measured.grid):
            inferred = resample(inferred, measured.grid, fill=np.nan)
        values = np.nan_to_num(inferred.data - measured.data)
        # Where a scan does not reach there is no difference: both are 0 outside their view.
        values[(measured.data == 0) | (np.nan_to_num(inferred.data) == 0)] = 0
        return measured.with_data(values.astype(np.float32))

    return read
