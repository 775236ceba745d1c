"""From a T1 file to a synthetic PET in memory: what ``petsynth.predict`` does."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np

from petsynth.inference.pretrained import load_model
from petsynth.inference.scan import predict_scan


def predict_image(
    t1: str | Path, *, model: str | Path | None = None, mask: str | Path | None = None
) -> nib.Nifti1Image:
    """Infer the synthetic PET of a T1.

    Parameters
    ----------
    t1 : str or Path
        NIfTI in any orientation and voxel size, with the skull or without.
    model : str or Path, optional
        Name of a pretrained model, run folder or weights file; the FDG model if left out.
    mask : str or Path, optional
        NIfTI that is positive inside the brain; computed if left out.

    Returns
    -------
    nibabel.Nifti1Image
        float32 on the T1's own grid, in the model's unit (SUVR for the pretrained models); the
        header says that it is synthetic.

    Raises
    ------
    InputError
        If the T1 or the mask cannot be used.
    RegistrationError
        If the brain cannot be aligned to MNI axes.
    RunError
        If there is no such model.
    """
    scan = predict_scan(load_model(model), t1, mask=mask)
    image = nib.Nifti1Image(scan.on_t1_grid(scan.prediction.mean), np.asarray(scan.t1_grid.affine))
    image.header.set_xyzt_units("mm", "sec")
    image.header["descrip"] = f"SYNTHETIC PET, not for diagnosis; {scan.run.name}".encode()[:79]
    return image
