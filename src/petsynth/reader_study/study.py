"""What an organiser writes: a TOML file with cases, questions and readers."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from petsynth.errors import ConfigError
from petsynth.io.text import check_file, read_rows, read_toml

Question = Literal["real", "quality", "diagnosis", "comment"]
MISTAKES_TOLD = 5
"""Of a study with many mistakes; one wrong column is one per case."""


def _check_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}", name):
        raise ValueError(
            "a name begins with a letter or digit and has up to 64 letters, digits, spaces, "
            "'.', '_' and '-'"
        )
    return name


Name = Annotated[str, AfterValidator(_check_name)]
ORGANISER = "organiser"
"""Who sees the progress; no reader can be called so."""


class Case(BaseModel):
    """Images that a reader sees together.

    Parameters
    ----------
    name : str
        Known to the organiser alone.
    subject : str
        Whose images they are; the same in cases that are compared.
    kind : str
        What is compared, such as ``"MRI"``, ``"MRI + synthetic PET"``, ``"real PET"``.
    truth : {"real", "synthetic"} or None
        What the PET is.
    diagnosis : str or None
        The reference diagnosis.
    mri, pet, mask : Path or None
        Images in one space; outside the mask the images are not shown.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    subject: str
    kind: str = "PET"
    truth: Literal["real", "synthetic"] | None = None
    diagnosis: str | None = None
    mri: Path | None = None
    pet: Path | None = None
    mask: Path | None = None

    @model_validator(mode="after")
    def _has_what_is_told(self) -> Case:
        if self.mri is None and self.pet is None:
            raise ValueError(f"case {self.name} has neither mri nor pet")
        if self.pet is None and self.truth is not None:
            raise ValueError(f"case {self.name} has a truth ({self.truth}) but no pet")
        return self


class Study(BaseModel):
    """A reader study.

    Parameters
    ----------
    title, introduction : str
        What readers see first.
    readers : tuple of str
        Each gets a token.
    questions : tuple
        Which are asked.
    diagnoses : tuple of str
        What can be answered.
    repeats : int
        Cases that each reader sees twice.
    seed : int
        Of the order.
    voxel_mm : float
        Of the one grid on which all images are shown.
    scale : {"image", "study"}
        Whether each image's colours reach to its own maximum or to that of all PETs, which needs
        one unit.
    database : str
        SQLAlchemy's URL; if empty, an SQLite file beside the study.
    cases : tuple of Case
        In any order.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    introduction: str = ""
    readers: tuple[Name, ...] = Field(min_length=1)
    questions: tuple[Question, ...] = ("real", "quality", "diagnosis", "comment")
    diagnoses: tuple[Name, ...] = ("AD", "FTD", "normal", "other")
    repeats: int = Field(0, ge=0)
    seed: int = 0
    voxel_mm: float = Field(2.0, ge=1, le=4)
    scale: Literal["image", "study"] = "image"
    database: str = ""
    cases: tuple[Case, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _fits_together(self) -> Study:
        for what, names in (
            ("reader", self.readers),
            ("question", self.questions),
            ("diagnosis", self.diagnoses),
            ("case", [each.name for each in self.cases]),
        ):
            twice = [name for name, count in Counter(names).items() if count > 1]
            if twice:
                raise ValueError(f"{what} {twice[0]} is named twice")
        if ORGANISER in self.readers:
            raise ValueError(f"no reader can be called {ORGANISER}")
        if self.repeats > len(self.cases):
            raise ValueError(f"repeats is {self.repeats}, but there are {len(self.cases)} cases")
        known = set(self.diagnoses)
        for case in self.cases:
            if case.diagnosis is not None and case.diagnosis not in known:
                raise ValueError(
                    f"case {case.name}: diagnosis {case.diagnosis} is none of "
                    f"{', '.join(self.diagnoses)}"
                )
        return self

    @property
    def fingerprint(self) -> str:
        """What decides which case stands at which position: answers belong to it."""
        said = [
            self.seed,
            self.repeats,
            self.readers,
            self.questions,
            self.diagnoses,
            [[each.name, each.subject, each.kind] for each in self.cases],
        ]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]


def read_study(path: str | Path) -> Study:
    """Read a study; relative paths start at its folder.

    Parameters
    ----------
    path : str or Path
        TOML; ``cases`` is an array of tables or the name of a TSV with the same columns.

    Raises
    ------
    ConfigError
        If there are unknown keys or impossible values; all are named.
    InputError
        If a file is missing.
    """
    path = Path(path)
    content = read_toml(path)
    if isinstance(content.get("cases"), str):
        content["cases"] = _read_cases(path.parent / content["cases"])
    try:
        study = Study.model_validate(content)
    except ValidationError as error:
        raise ConfigError(f"{path}: {_mistakes(error)}") from None
    return study.model_copy(
        update={"cases": tuple(_with_paths(each, path.parent) for each in study.cases)}
    )


def data_folder(path: str | Path) -> Path:
    """Return where a study's database and images are kept."""
    path = Path(path)
    return path.parent / f"{path.stem}_answers"


def _read_cases(table: Path) -> list[dict[str, Any]]:
    rows = read_rows(table)
    return [
        {key: cell for key, cell in row.items() if key is not None and cell not in ("", "n/a")}
        for row in rows
    ]


def _with_paths(case: Case, folder: Path) -> Case:
    paths = {
        key: check_file(folder / value)
        for key in ("mri", "pet", "mask")
        if (value := getattr(case, key)) is not None
    }
    return case.model_copy(update=paths)


def _mistakes(error: ValidationError) -> str:
    """Return the first mistakes and the number of others, each with its place and value."""
    told = []
    found_in_cases = any(
        each["loc"][0] == "cases" and len(each["loc"]) > 1 for each in error.errors() if each["loc"]
    )
    for each in error.errors():
        if found_in_cases and each["loc"] == ("cases",):
            continue  # "at least 1 item, not 0": pydantic counts what is left
        where = list(map(str, each["loc"]))
        if where[:1] == ["cases"] and len(where) > 1:
            where[:2] = [f"case {int(where[1]) + 1}"]
        what = each["msg"].removeprefix("Value error, ")
        found = each["input"]
        if each["type"] != "missing" and isinstance(found, str | int | float):
            what += f" (found {found!r})"
        told.append(f"{', '.join(where)}: {what}" if where else what)
    more = len(told) - MISTAKES_TOLD
    return "; ".join(told[:MISTAKES_TOLD]) + (f"; and {more} more" if more > 0 else "")
