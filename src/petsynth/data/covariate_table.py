"""What a table says of people: age, sex, status, ... by the columns that hold them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from petsynth.covariates import CovariateName, covariate_columns, parse_covariates
from petsynth.errors import ArgumentError, InputError
from petsynth.io.bids.names import participant_key
from petsynth.io.text import read_table


def read_covariate_texts(path: str | Path) -> dict[str, dict[CovariateName, str]]:
    """Read what a table of participants says of each, without what is unknown.

    Parameters
    ----------
    path : str or Path
        With ``participant_id`` and columns named as in `petsynth.covariates.COVARIATES`.

    Returns
    -------
    dict of str to dict
        By `petsynth.io.bids.names.participant_key`.

    Raises
    ------
    InputError
        If the table cannot be used, or a cell says nothing of its covariate.
    """
    table = read_table(path)
    if "participant_id" not in table:
        raise InputError(f"{path}: has no column participant_id")
    names = table["participant_id"]
    texts = covariate_texts(table, names, path)
    return dict(zip(map(participant_key, names), texts, strict=True))


def covariate_texts(
    table: pd.DataFrame, names: Iterable[str], path: str | Path
) -> list[dict[CovariateName, str]]:
    """Return what each row of a table says, without what is unknown.

    Parameters
    ----------
    table : DataFrame
        Texts, with columns named as in `petsynth.covariates.COVARIATES`.
    names : iterable of str
        What the rows are called in messages.
    path : str or Path
        Of the table, for messages.

    Raises
    ------
    InputError
        If a cell says nothing of its covariate.
    """
    columns = covariate_columns(table.columns)
    found = []
    for name, row in zip(names, table.to_dict("records"), strict=True):
        texts = {covariate: row[column] for covariate, column in columns.items()}
        try:
            found.append({covariate: texts[covariate] for covariate in parse_covariates(texts)})
        except ArgumentError as error:
            raise InputError(f"{path}: {name}: {error}") from None
    return found
