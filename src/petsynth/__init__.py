"""Infer brain PET images from T1-weighted MRI.

>>> import petsynth
>>> pet = petsynth.predict("T1.nii.gz")  # doctest: +SKIP
>>> pet.to_filename("synthetic_pet.nii.gz")  # doctest: +SKIP
"""

from __future__ import annotations

import importlib
import logging
from importlib.metadata import version
from pathlib import Path
from typing import Any

__version__ = version("petsynth")

# Silent, unless the program that uses petsynth asks for its messages; see `petsynth.log`.
logging.getLogger(__name__).addHandler(logging.NullHandler())


def predict(
    t1: str | Path, *, model: str | Path | None = None, mask: str | Path | None = None
) -> Any:
    """Infer a synthetic PET from a T1-weighted MRI, with a model that comes with petsynth.

    Research use: the image is a guess from anatomy, no measurement, not for diagnosis.

    Parameters
    ----------
    t1 : str or Path
        NIfTI in any orientation and voxel size, with the skull or without.
    model : str or Path, optional
        Name of a pretrained model (``petsynth models`` lists them), run folder or weights file;
        the pretrained FDG model if left out.
    mask : str or Path, optional
        NIfTI that is positive inside the brain; computed if left out.

    Returns
    -------
    nibabel.Nifti1Image
        float32 on the T1's own grid, in the model's unit: SUVR, relative to the pons, for the
        pretrained FDG model.

    Raises
    ------
    petsynth.errors.PetsynthError
        If the T1, the mask or the model cannot be used; one line says why.
    """
    # Imported when it is used: torch takes seconds, which `import petsynth` need not pay.
    return importlib.import_module("petsynth.inference.scan").predict_image(
        t1, model=model, mask=mask
    )
