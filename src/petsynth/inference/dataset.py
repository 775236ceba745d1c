"""The folder of predictions as a BIDS derivative dataset, with a page of all panels.

::

    OUT/dataset_description.json, README.md, .bidsignore
    OUT/index.html                          all panels on one page
    OUT/sub-01/[ses-bl/]pet/                images and sidecars
    OUT/sub-01/[ses-bl/]figures/            panels
    OUT/dicom/STEM_desc-synth/              the same as a DICOM series, if that is asked for
    OUT/STEM_...                            of a T1 whose name is not BIDS: images and panel

Files of these names that something else wrote are left alone.

References
----------
BIDS 1.10, "Derivatives dataset" and "dataset_description.json".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from petsynth.errors import InputError
from petsynth.figures.panels import SYNTHETIC_LABEL
from petsynth.io.atomic import write_text
from petsynth.io.bids.metadata import sidecar_path, write_dataset_description
from petsynth.io.text import exists, read_json, read_text
from petsynth.version import __version__

DESCRIPTION, README_FILE, IGNORED_FILE, INDEX = (
    "dataset_description.json",
    "README.md",
    ".bidsignore",
    "index.html",
)
FILES = (
    DESCRIPTION,
    README_FILE,
    IGNORED_FILE,
    INDEX,
    *(
        f"{folder}{name}"
        for folder in ("", "sub-*/pet/", "sub-*/ses-*/pet/")
        for name in ("*_desc-synth*_pet.nii.gz", "*_desc-synth*_pet.json")
    ),
    *(f"{folder}*_desc-synth_panel.png" for folder in ("", "sub-*/figures/",
                                                        "sub-*/ses-*/figures/")),
)  # fmt: skip
"""Names of everything that predictions write, and of the flat folders of earlier versions."""
_BIDS_NAME = re.compile(
    r"(sub-[A-Za-z0-9]+)(?:_(ses-[A-Za-z0-9]+))?(?:_(?!ses-)[a-z]+-[A-Za-z0-9]+)*_[A-Za-z0-9]+\.nii(?:\.gz)?"
)
_MAIN = "_space-T1w_desc-synth_pet.nii.gz"
_MARK = "petsynth predict"
_IGNORED = "/*_desc-synth*\n/dicom\n/index.html\n/logs\n**/figures\n"

README = f"""# Synthetic PET, written by {_MARK}

**{SYNTHETIC_LABEL}.** Every PET image here was inferred from a T1-weighted MRI by a neural network.
It is a guess from anatomy and no measurement. Research software, not a medical device.

- `index.html`: the panels of all subjects on one page. Look at them before you use the images.
- `*_space-T1w_desc-synth_pet.nii.gz`: the synthetic PET on the grid of the T1 file.
- `*_space-aligned_desc-synth_pet.nii.gz` (or `space-centred`): the same on the model's grid;
  `aligned` is the subject's own brain, rigidly aligned to MNI axes, and **not** MNI space.
- `*_desc-synthstd_pet.nii.gz`: a standard deviation, where the model gives one. Its sidecar says of
  what (`StandardDeviationMeaning`).
- Sidecars name the model, unit, reference region, voxel size and what the image was made from.
  `bids:raw:` stands for the root of the dataset that holds the T1; its place is not written down.
- `dicom/`, if it is there, holds the same as DICOM **with the patient's name and ID**: for the
  archive that the T1 came from, not to be shared.
- Files of a T1 whose name is not BIDS stand in this folder itself, and `.bidsignore` names them.
"""


@dataclass(frozen=True)
class _Entry:
    """One T1 on the index page; names relative to the folder."""

    name: str
    panel: str
    images: list[str]
    sidecar: dict[str, Any]


def results_folder(folder: str | Path, t1_name: str, kind: str) -> Path:
    """Return where the results of a T1 stand.

    Parameters
    ----------
    folder : str or Path
        Of the dataset.
    t1_name : str
        Name of the T1 file; the folder itself where it is not BIDS.
    kind : {"pet", "figures"}
        What is written.

    Examples
    --------
    >>> results_folder("out", "sub-01_ses-bl_T1w.nii.gz", "pet").as_posix()
    'out/sub-01/ses-bl/pet'
    >>> results_folder("out", "scan 7.nii", "pet").as_posix()
    'out'
    """
    found = _BIDS_NAME.fullmatch(t1_name)
    return Path(folder, *filter(None, found.groups()), kind) if found else Path(folder)


def finish_dataset(folder: str | Path, *, simulated: bool, with_page: bool = True) -> None:
    """Write the files at the root of the dataset and the page of all panels.

    Those that something else wrote are left alone. Several processes may predict into one folder:
    whoever ends last lists all.

    Parameters
    ----------
    folder : str or Path
        That predictions were written into.
    simulated : bool
        Whether the model was trained on simulated PET.
    with_page : bool
        Whether the page is written; the many jobs of an array need not list what all have done.

    Raises
    ------
    OutputError
        If the disk is full or the folder cannot be written.
    """
    root = Path(folder)
    _write_root(root, simulated)
    path = root / INDEX
    if not with_page or (exists(path) and _MARK not in read_text(path)):
        return
    shown: list[_Entry] | None = None
    while shown != (shown := _entries(root)):  # until nobody has finished another one meanwhile
        _write_index(path, shown)


def is_dataset(folder: str | Path) -> bool:
    """Whether a folder holds predictions, finished or not."""
    root = Path(folder)
    try:
        if read_json(root / DESCRIPTION).get("SyntheticPET") is True:
            return True
    except InputError:
        pass
    return any(True for pattern in FILES[4:] for _ in root.glob(pattern))


def _write_root(root: Path, simulated: bool) -> None:
    if not exists(root / DESCRIPTION):
        write_dataset_description(
            root,
            "Synthetic PET inferred from T1-weighted MRI",
            derivative=True,
            SyntheticPET=True,
            SimulatedTraining=simulated,
        )
    if not exists(root / README_FILE):
        write_text(root / README_FILE, README)
    if not exists(root / IGNORED_FILE):
        write_text(root / IGNORED_FILE, _IGNORED)


def _write_index(path: Path, entries: list[_Entry]) -> None:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("petsynth.inference"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("index.html.j2").render(
        entries=entries, label=SYNTHETIC_LABEL, mark=_MARK, version=__version__
    )
    write_text(path, page)


def _entries(root: Path) -> list[_Entry]:
    found = []
    for pattern in ("", "sub-*/pet/", "sub-*/ses-*/pet/"):
        for image in sorted(root.glob(f"{pattern}*{_MAIN}")):
            try:
                sidecar = read_json(sidecar_path(image))
            except InputError:
                continue  # being written, or damaged: no finished prediction
            stem = image.name.removesuffix(_MAIN)
            figures = image.parent.parent / "figures" if pattern else root
            panel = figures / f"{stem}_desc-synth_panel.png"
            images = sorted(image.parent.glob(f"{_escaped(stem)}_space-*_desc-synth*_pet.nii.gz"))
            found.append(
                _Entry(
                    stem,
                    panel.relative_to(root).as_posix() if panel.is_file() else "",
                    [each.relative_to(root).as_posix() for each in images],
                    sidecar,
                )
            )
    return sorted(found, key=lambda each: each.name)


def _escaped(text: str) -> str:
    """Return a name as a pattern that is that name alone."""
    return re.sub(r"([*?[])", r"[\1]", text)
