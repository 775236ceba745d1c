"""What was done, as a paragraph that can be pasted into a paper, with references."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Mapping, Sequence
from typing import Any

LIBRARIES = ("petsynth", "SimpleITK", "nibabel", "numpy", "scipy", "nilearn", "deepbet")

_REFERENCES = {
    "itk": "Lowekamp BC, Chen DT, Ibáñez L, Blezek D. The design of SimpleITK. Frontiers in "
    "Neuroinformatics 7:45, 2013.",
    "mattes": "Mattes D, Haynor DR, Vesselle H, Lewellen TK, Eubank W. PET-CT image registration "
    "in the chest using free-form deformations. IEEE Transactions on Medical Imaging 22(1), 2003.",
    "template": "Fonov V, Evans AC, Botteron K, et al. Unbiased average age-appropriate atlases "
    "for pediatric studies. NeuroImage 54(1), 2011.",
    "deepbet": "Fisch L, Zumdick S, Barkhau C, et al. deepbet: Fast brain extraction of "
    "T1-weighted MRI using Convolutional Neural Networks. Computers in Biology and Medicine 179, "
    "2024.",
    "n4": "Tustison NJ, Avants BB, Cook PA, et al. N4ITK: improved N3 bias correction. IEEE "
    "Transactions on Medical Imaging 29(6), 2010.",
    "demons": "Vercauteren T, Pennec X, Perchant A, Ayache N. Diffeomorphic demons: efficient "
    "non-parametric image registration. NeuroImage 45(1), 2009.",
    "centiloid": "Klunk WE, Koeppe RA, Price JC, et al. The Centiloid Project: standardizing "
    "quantitative amyloid plaque estimation by PET. Alzheimer's & Dementia 11(1), 2015.",
}

_BRAINS = {
    "given": "a brain mask that was given",
    "segmentation": "all labels of a segmentation that was given",
    "skull-stripped": "the nonzero voxels of the skull-stripped T1-weighted image",
    "deepbet": "a brain mask computed with deepbet",
}


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that preparing uses."""
    found = {"Python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def boilerplate(
    settings: Mapping[str, Any], qc: Mapping[str, Any], version: str
) -> tuple[str, list[str]]:
    """Return the paragraph on how subjects were prepared, and its references.

    Parameters
    ----------
    settings : mapping
        The fields of `petsynth.preprocessing.subject.PreprocessingSettings`.
    qc : mapping
        A row of ``qc.tsv``; ``mask_source`` may hold several sources, separated by commas.
    version : str
        Of petsynth, when the subjects were prepared.
    """
    sources = str(qc.get("mask_source") or "").split(", ")
    used = [] if settings.get("registration") == "none" else ["itk", "mattes", "template"]
    text = f"Scans were prepared with petsynth {version}. "
    if settings.get("bias_field"):
        text += "The T1-weighted image was corrected for intensity non-uniformity with N4. "
        used.append("n4")
    if "deepbet" in sources:
        used.append("deepbet")
    brain = " or ".join(_BRAINS.get(each, "a brain mask") for each in sources)
    text += _alignment(settings, brain) + _frames(settings, qc)
    if settings.get("psf_mm"):
        text += f"PET was smoothed to a resolution of {settings['psf_mm']:g} mm full width at half "
        text += "maximum. "
    if qc.get("reference_region"):
        used += ["demons", "centiloid"]
        text += (
            "The template was deformed to the subject's brain (affine, then diffeomorphic demons) "
            f"to place the reference region ({qc['reference_region']}), by whose mean the PET was "
            "divided (SUVR). "
        )
    text += (
        "Transforms were composed, and each image was interpolated once (linear), onto voxels of "
        f"{settings.get('voxel_mm', 1.5):g} mm."
    )
    return text, [_REFERENCES[name] for name in used]


def as_markdown(text: str, references: Sequence[str]) -> str:
    """Return paragraph and references as written to ``logs/CITATION.md``."""
    lines = "\n".join(f"- {each}" for each in references)
    return f"# How the scans were prepared\n\n{text}\n\n{lines}\n"


def _alignment(settings: Mapping[str, Any], brain: str) -> str:
    if settings.get("registration") == "none":
        return (
            f"T1-weighted image and PET were centred on their grids and not aligned to each other; "
            f"the brain was found by {brain}. "
        )
    return (
        f"The brain ({brain}) was aligned rigidly to the axes of the ICBM152 2009a symmetric "
        "template, without scaling, and the PET rigidly to the T1-weighted image, both by Mattes "
        "mutual information (SimpleITK) from the best of several hundred starting positions. "
    )


def _frames(settings: Mapping[str, Any], qc: Mapping[str, Any]) -> str:
    minutes = qc.get("time_window_min")
    over = f" over {minutes} min after injection, as far as the data cover it" if minutes else ""
    frames = settings.get("frames", "mean")
    moved = ", after rigid correction of motion between them" if settings.get("motion") else ""
    if frames == "mean":
        return f"Frames of dynamic PET were averaged by duration{over}{moved}. "
    if frames == "keep":
        return f"Frames of dynamic PET were kept{moved}. "
    return f"Frames of dynamic PET were resampled in time to {frames} windows{over}{moved}. "
