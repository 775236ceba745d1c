"""Quality-control pages of ``prepare``: one per subject, one for the group; the methods as text.

They are made from the records and pictures in the folder, so they can be made again at any time.
Each file holds all it shows; nothing is loaded from anywhere. The group's page says what was done
as a paragraph that can be pasted into a paper, with references.
"""

from __future__ import annotations

import base64
import importlib.metadata
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from petsynth.io.atomic import write_text
from petsynth.prepare.group_level import read_left_out
from petsynth.prepare.quality_control import OUTLIER, QC_COLUMNS, outliers
from petsynth.prepare.records import Record, finished_subjects, read_failures, read_record
from petsynth.version import __version__

# What was done, as a paragraph that can be pasted into a paper, with references.

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
    if qc.get("pet_frames") == 1:
        return ""  # every PET came as one frame: nothing was done
    moved = ", after rigid correction of motion between them" if settings.get("motion") else ""
    if frames == "mean":
        return f"Frames of dynamic PET were averaged by duration{over}{moved}. "
    if frames == "keep":
        return f"Frames of dynamic PET were kept{moved}. "
    return f"Frames of dynamic PET were resampled in time to {frames} windows{over}{moved}. "


# Quality-control pages of ``prepare``: one per subject, one for the group.

GROUP_PAGE = "group_qc.html"
CITATION = "logs/CITATION.md"
_CAPTIONS = {
    "alignment": "PET as contours on the T1, before and after registration; brain mask in cyan",
    "regions": "Reference and target regions on the PET",
    "histograms": "Intensities in the brain and in the whole image",
}


def write_subject_page(folder: str | Path, name: str, *, simulated: bool) -> Path | None:
    """Write ``sub-X.html``, or ``sub-X_ses-Y.html``; None if the subject is not finished.

    Parameters
    ----------
    folder : str or Path
        Of the prepared data.
    name : str
        Of the subject, or of one of several visits; see `petsynth.io.bids.index.Scan`.
    simulated : bool
        Whether the scans are simulated.

    Raises
    ------
    OutputError
        If the disk is full or the folder cannot be written.
    """
    root = Path(folder)
    record = read_record(root, name)
    if record is None:
        return None
    text, references = _describe(record)
    page = _environment().get_template("subject_qc.html.j2")
    path = root / f"{name}.html"
    write_text(
        path,
        page.render(
            record=record,
            simulated=simulated,
            pictures=_pictures(root, record),
            meanings=QC_COLUMNS,
            boilerplate=text,
            references=references,
            versions=versions(),
            group_page=GROUP_PAGE,
        ),
    )
    return path


def write_group_page(folder: str | Path, *, simulated: bool) -> Path:
    """Write ``group_qc.html``, a row per subject that sorts by every figure, and the citation.

    Raises
    ------
    OutputError
        If the disk is full or the folder cannot be written.
    """
    root = Path(folder)
    records = _records(root)
    page = _environment().get_template("group_qc.html.j2")
    write_text(
        root / GROUP_PAGE,
        page.render(
            columns=_columns(list(records.values())),
            meanings=QC_COLUMNS,
            rows=_rows(records),
            subjects=len({record.participant for record in records.values()}),
            left_out=read_failures(root) | read_left_out(root),
            simulated=simulated,
            outlier=OUTLIER,
            version=__version__,
        ),
    )
    methods = describe_group(root)
    if methods is not None:
        write_text(root / CITATION, as_markdown(*methods))
    return root / GROUP_PAGE


def describe_group(folder: str | Path) -> tuple[str, list[str]] | None:
    """Return the paragraph on how all finished subjects were prepared, and its references.

    None if no subject is finished. Settings are the same for all of a folder; where brains were
    found in several ways, the paragraph names them all.
    """
    records = list(_records(Path(folder)).values())
    if not records:
        return None
    sources = {str(record.qc.get("mask_source")) for record in records}
    qc: dict[str, Any] = {"mask_source": ", ".join(sorted(sources))}
    for column in ("reference_region", "time_window_min"):
        named = (record.qc.get(column) for record in records)
        qc[column] = " or ".join(sorted({str(each) for each in named if each is not None}))
    if all(record.qc.get("pet_frames") == 1 for record in records):
        qc["pet_frames"] = 1
    return boilerplate(records[0].key["preprocessing"], qc, records[0].key["petsynth_version"])


def write_all_pages(folder: str | Path, *, simulated: bool) -> int:
    """Write every page of a folder of prepared data; return how many subjects there are."""
    names = finished_subjects(Path(folder))
    for name in names:
        write_subject_page(folder, name, simulated=simulated)
    write_group_page(folder, simulated=simulated)
    return len(names)


def _records(root: Path) -> dict[str, Record]:
    """Return the records of all finished subjects that did not fail later, by name."""
    failures = read_failures(root)
    names = [name for name in finished_subjects(root) if name not in failures]
    found = {name: read_record(root, name) for name in names}
    return {name: record for name, record in found.items() if record is not None}


def _describe(record: Record) -> tuple[str, list[str]]:
    return boilerplate(record.key["preprocessing"], record.qc, record.key["petsynth_version"])


def _columns(records: Sequence[Record]) -> list[str]:
    """Return the figures that at least one subject has."""
    return [name for name in QC_COLUMNS if any(each.qc.get(name) is not None for each in records)]


def _rows(records: Mapping[str, Record]) -> list[dict[str, Any]]:
    """Return a row per subject, those with most marks first."""
    marks: dict[str, list[bool]] = {}
    for name in QC_COLUMNS:
        values = [record.qc.get(name) for record in records.values()]
        numeric = [value for value in values if isinstance(value, int | float)]
        if numeric:
            plain = [float(v) if isinstance(v, int | float) else None for v in values]
            marks[name] = outliers(plain)
    rows = []
    for number, (name, record) in enumerate(records.items()):
        far = {figure for figure, column in marks.items() if column[number]}
        flagged = record.qc.get("flags", "none") != "none"
        rows.append({"name": name, "record": record, "far": far, "marks": len(far) + 10 * flagged})
    return sorted(rows, key=lambda row: (-row["marks"], row["name"]))


def _pictures(root: Path, record: Record) -> list[tuple[str, str]]:
    found = []
    for kind, caption in _CAPTIONS.items():
        for name in record.files:
            if name.endswith(f"_desc-{kind}_pet.png") and (root / name).exists():
                content = base64.b64encode((root / name).read_bytes()).decode("ascii")
                found.append((caption, f"data:image/png;base64,{content}"))
    return found


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("petsynth.prepare"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["figure"] = _figure
    environment.filters["wrappable"] = _wrappable
    return environment


def _wrappable(name: str) -> Markup:
    """Let the name of a column break at its underscores, so that the column is no wider than it."""
    return Markup("<wbr>").join(escape(part) for part in name.replace("_", "_\0").split("\0"))


def _figure(value: Any) -> str:
    if value is None:
        return "n/a"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
