"""BIDS names: entities, labels of tracers, participants.

References
----------
BIDS 1.10, "Common principles", "Positron Emission Tomography" and "BIDS Derivatives".
"""

from __future__ import annotations

import re

TRACER_LABELS = {
    "FDG": "18FFDG",
    "AV45": "18FAV45",
    "AV1451": "18FAV1451",
    "FBB": "18FFBB",
    "FMM": "18FFMM",
    "PIB": "11CPIB",
}
"""Short name of a tracer -> ``trc-`` label as clinica writes ADNI."""

SPACES = {"rigid": "aligned", "none": "centred"}
"""What the spaces of prepared images are called, by the kind of registration."""
SPATIAL_REFERENCES = {
    "rigid": "The participant's own brain, rigidly aligned to the axes of MNI152NLin2009aSym "
    "without scaling; not in MNI space",
    "none": "Each image's own middle and axes; T1w and PET are not aligned to each other",
}


def parse_entities(name: str) -> dict[str, str]:
    """Split a BIDS file name into its entities, suffix and extension.

    Examples
    --------
    >>> parse_entities("sub-01_trc-18FFDG_pet.nii.gz")
    {'sub': '01', 'trc': '18FFDG', 'suffix': 'pet', 'extension': '.nii.gz'}
    """
    stem, dot, extension = name.partition(".")
    *pairs, suffix = stem.split("_")
    entities = dict(pair.split("-", 1) for pair in pairs if "-" in pair)
    return {**entities, "suffix": suffix, "extension": dot + extension}


def pet_stem(t1_name: str, tracer: str) -> str:
    """Return the start of the names of PET images made from a T1.

    The T1's entities stay, except those that say in which space and how processed it is; the
    tracer takes its place behind subject and session. A name that is not BIDS stays whole.

    Examples
    --------
    >>> pet_stem("sub-01_ses-bl_run-2_T1w.nii.gz", "FDG")
    'sub-01_ses-bl_trc-18FFDG_run-2'
    >>> pet_stem("sub-01_space-aligned_desc-preproc_T1w.nii.gz", "AV45")
    'sub-01_trc-18FAV45'
    >>> pet_stem("scan 7.nii", "FDG")
    'scan 7_trc-18FFDG'
    """
    stem = t1_name.removesuffix(".gz").removesuffix(".nii")
    label = f"trc-{TRACER_LABELS.get(tracer, tracer)}"
    if not stem.startswith("sub-"):
        return f"{stem.removesuffix('_T1w')}_{label}"
    pairs = stem.removesuffix("_T1w").split("_")
    kept = [pair for pair in pairs if not pair.startswith(("space-", "desc-", "res-", "trc-"))]
    front = [pair for pair in kept if pair.startswith(("sub-", "ses-"))]
    return "_".join([*front, label, *(pair for pair in kept if pair not in front)])


def participant_key(name: str) -> str:
    """Return one spelling of a participant: no ``sub-``, case, punctuation or leading zeros.

    Labels are compared by it wherever two tables or datasets may write the same participant in
    different ways.

    Examples
    --------
    >>> participant_key("sub-IXI012HH1211") == participant_key("IXI012-HH-1211")
    True
    >>> participant_key("sub-0731") == participant_key("731")
    True
    """
    bare = re.sub(r"[^0-9a-z]", "", name.strip().lower().removeprefix("sub-"))
    return re.sub(r"^0+(?=\d+$)", "", bare)


def session_key(label: str) -> str:
    """Return one spelling of a session: without ``ses-`` and quotes, case or leading zeros.

    Examples
    --------
    >>> session_key("ses-M06") == session_key("m6")
    True
    """
    bare = label.strip().strip("'\"").lower().removeprefix("ses-")
    return re.sub(r"\d+", lambda digits: str(int(digits[0])), bare)


def participant_of(name: str) -> str:
    """Return whose scan it is, by the name of a participant or of one of their sessions.

    Examples
    --------
    >>> participant_of("sub-01_ses-m12"), participant_of("sub-01")
    ('sub-01', 'sub-01')
    """
    return name.partition("_")[0]
