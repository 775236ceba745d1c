"""Infer brain PET images from T1-weighted MRI.

`predict`, `predict_batch`, `measure` and `regions` are the functions for other programs.

Examples
--------
>>> import petsynth
>>> pet = petsynth.predict("T1.nii.gz")  # doctest: +SKIP
>>> pet.to_filename("synthetic_pet.nii.gz")  # doctest: +SKIP
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from petsynth.version import __version__ as __version__

if TYPE_CHECKING:
    from nibabel.nifti1 import Nifti1Image
    from nibabel.spatialimages import SpatialImage
    from numpy.typing import NDArray
    from pandas import DataFrame

    from petsynth.evaluation.measure import Measurement

# Silent, unless the program that uses petsynth asks for its messages; see `petsynth.log`.
logging.getLogger(__name__).addHandler(logging.NullHandler())


def predict(
    t1: str | Path | SpatialImage | tuple[NDArray[Any], NDArray[Any]],
    *,
    model: str | Path | None = None,
    mask: str | Path | SpatialImage | tuple[NDArray[Any], NDArray[Any]] | None = None,
    covariates: Mapping[str, object] | None = None,
    volume: int | None = None,
) -> Nifti1Image:
    """Infer a synthetic PET from a T1-weighted MRI, with a model that comes with petsynth.

    Research use: the image is a guess from anatomy, no measurement, not for diagnosis.

    Parameters
    ----------
    t1 : str, Path, nibabel image, or (array, affine)
        In any orientation and voxel size, with the skull or without. A file may be NIfTI,
        FreeSurfer's ``.mgz``, a pair of ``.hdr`` and ``.img``, NRRD, MetaImage, or a DICOM folder
        of one T1 (``petsynth[dicom]``). Of an array the affine leads from its voxels to RAS+ in
        millimetres.
    model : str or Path, optional
        Name of a pretrained model (``petsynth models`` lists them), run folder or weights file;
        the pretrained FDG model if left out.
    mask : str, Path, nibabel image, or (array, affine), optional
        Positive inside the brain, in the T1's world; computed if left out.
    covariates : mapping, optional
        What else is known of the subject, such as ``{"age": 72, "amyloid": "positive"}``, for
        models that use it (``petsynth models``).
    volume : int, optional
        Which volume of a 4D image is the T1, from 0 on.

    Returns
    -------
    nibabel.Nifti1Image
        float32 on the T1's own grid, in the model's unit: SUVR, relative to the pons, for the
        pretrained FDG model. Its header says that it is synthetic.

    Raises
    ------
    petsynth.errors.PetsynthError
        If the T1, the mask or the model cannot be used; one line says why.

    Examples
    --------
    >>> import nibabel, petsynth
    >>> pet = petsynth.predict(nibabel.load("T1.mgz"))  # doctest: +SKIP
    """
    # Imported when it is used: torch takes seconds, which `import petsynth` need not pay.
    pet: Nifti1Image = importlib.import_module("petsynth.inference.scan").predict_image(
        t1, model=model, mask=mask, covariates=covariates, volume=volume
    )
    return pet


def predict_batch(
    t1s: Iterable[str | Path | SpatialImage | tuple[NDArray[Any], NDArray[Any]]],
    *,
    model: str | Path | None = None,
    masks: Iterable[Any] | None = None,
    covariates: Iterable[Mapping[str, object] | None] | None = None,
    progress: bool = False,
) -> list[Nifti1Image | None]:
    """Infer synthetic PETs of several T1s; the model is loaded once.

    Parameters
    ----------
    t1s : iterable
        Each as for `predict`.
    model
        As for `predict`.
    masks, covariates : iterable, optional
        One for each T1; None where there is none.
    progress : bool
        Whether a bar (or lines) on stderr count the T1s.

    Returns
    -------
    list of nibabel.Nifti1Image or None
        In the order of the T1s. A T1 that cannot be used gives None, and a warning that says why.

    Raises
    ------
    petsynth.errors.PetsynthError
        If the model cannot be used, or the numbers of T1s and masks differ.

    Examples
    --------
    >>> pets = petsynth.predict_batch(["a.nii.gz", "b.nii.gz"], progress=True)  # doctest: +SKIP
    """
    pets: list[Nifti1Image | None]
    pets = importlib.import_module("petsynth.inference.scan").predict_images(
        t1s, model=model, masks=masks, covariates=covariates, progress=progress
    )
    return pets


def measure(
    reference: str | Path | SpatialImage,
    synthetic: str | Path | SpatialImage,
    *,
    mask: str | Path | SpatialImage | None = None,
    t1: str | Path | SpatialImage | None = None,
    tracer: str = "",
    unit: str = "",
    data_range: float | None = None,
) -> Measurement:
    """Measure a synthetic PET against its reference; no model is needed.

    Parameters
    ----------
    reference, synthetic : str, Path or nibabel image
        PET in one world; a synthetic image on another grid is resampled once.
    mask, t1 : str, Path or nibabel image, optional
        Brain mask, or the T1 to find the brain in; without, the largest object of the reference.
    tracer, unit : str
        Such as ``"FDG"`` and ``"SUVR"``, where the sidecars do not tell them.
    data_range : float, optional
        Of PSNR, SSIM, MS-SSIM and NRMSE, in the images' unit; if left out, fixed per tracer in
        SUVR, else highest minus lowest value of the reference.

    Returns
    -------
    petsynth.evaluation.measure.Measurement
        ``values["brain"]["ssim"]`` and so on, with what was done.

    Raises
    ------
    petsynth.errors.PetsynthError
        If an image cannot be used, or the images differ in tracer or unit; one line says why.
    """
    found: Measurement = importlib.import_module("petsynth.evaluation.measure").measure(
        reference,
        synthetic,
        mask=mask,
        t1=t1,
        tracer=tracer,
        unit=unit,
        data_range=data_range,
    )
    return found


def regions(
    pet: str | Path | SpatialImage | tuple[NDArray[Any], NDArray[Any]],
    *,
    t1: str | Path | SpatialImage | tuple[NDArray[Any], NDArray[Any]] | None = None,
    atlas: str | Path = "dkt",
    labels: str | Path | SpatialImage | tuple[NDArray[Any], NDArray[Any]] | None = None,
    mask: str | Path | SpatialImage | tuple[NDArray[Any], NDArray[Any]] | None = None,
    reference: str | None = None,
    tracer: str | None = None,
    aligned: bool = False,
) -> DataFrame:
    """Measure the mean uptake per region of one PET, measured or synthetic.

    Parameters
    ----------
    pet : str, Path, nibabel image, or (array, affine)
        In any unit, static or dynamic. An image in memory has no sidecar: name the ``tracer``.
    t1 : str, Path, nibabel image, or (array, affine), optional
        T1-weighted MRI of the same subject, through which the atlas reaches the PET; may be left
        out with ``labels`` and ``aligned``.
    atlas : str or Path
        ``"dkt"``, which comes with petsynth, or a label image in MNI152 space.
    labels : str, Path, nibabel image, or (array, affine), optional
        In place of an atlas: the subject's own segmentation (FreeSurfer, SynthSeg, MUSE).
    mask : str, Path, nibabel image, or (array, affine), optional
        Brain mask of the T1; computed if left out.
    reference : str, optional
        Reference region of the SUVR, such as ``"pons"`` or ``"cerebellum"``; the tracer's own if
        left out, and a PET in SUVR then stays as it is.
    tracer : str, optional
        Such as ``"FDG"``; by the file's name or sidecar if left out.
    aligned : bool
        Whether the PET lies on the T1 (or the labels) already.

    Returns
    -------
    pandas.DataFrame
        A row per region, composite, reference region and, for FDG, region with a z-score: SUVR,
        volume in mL, covered fraction, asymmetry in percent, Centiloids where defined, and a note;
        NaN where there is no value. ``attrs`` says what was done and what the columns mean.

    Raises
    ------
    petsynth.errors.PetsynthError
        If a file cannot be used; one line says why.
    """
    table: DataFrame = importlib.import_module("petsynth.regional.api").regions_of_scan(
        pet,
        t1=t1,
        atlas=atlas,
        labels=labels,
        mask=mask,
        reference=reference,
        tracer=tracer,
        aligned=aligned,
    )
    return table
