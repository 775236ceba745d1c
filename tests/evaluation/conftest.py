"""Evaluations made by hand, so that what follows from the numbers can be tested in no time."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from petsynth.evaluation.domains import DOMAINS, MetricSettings
from petsynth.evaluation.evaluate import Evaluation
from petsynth.evaluation.methods import BETWEEN_SUBJECTS, Method

COLUMNS = [f"{domain}_{name}" for domain, names in DOMAINS.items() for name in names]


@pytest.fixture
def make_evaluation():
    """Return a function that makes an evaluation of values by kind, method and column."""
    return _make_evaluation


def _make_evaluation(kinds, *, groups=None, simulated=False):
    """Make an evaluation; what is not given was not measured.

    Parameters
    ----------
    kinds : dict of dict of dict of list
        Kind -> method -> column such as ``brain_mae`` -> a value per subject.
    groups : dict of str to str, optional
        Method -> the group that it belongs to; its own name if left out.
    simulated : bool
        Whether the data are.
    """
    rows, methods = [], []
    for kind, named in kinds.items():
        for name, columns in named.items():
            methods.append(Method(name, kind, "By hand.", (groups or {}).get(name, name)))
            for number in range(max(map(len, columns.values()))):
                other = f"sub-{number + 2}" if name == BETWEEN_SUBJECTS else ""
                row = dict.fromkeys(COLUMNS, np.nan)
                row |= {column: values[number] for column, values in columns.items()}
                rows.append(
                    {"participant_id": f"sub-{number + 1}", "compared_with": other, "method": name}
                    | row
                )
    table = pd.DataFrame(rows)
    tested = table[table["method"] != BETWEEN_SUBJECTS]
    return Evaluation(
        table=table,
        methods=methods,
        data=SimpleNamespace(simulated=simulated, frames=1),
        participants=list(dict.fromkeys(tested["participant_id"])),
        split="test",
        settings=MetricSettings(pet_scale=2.0, data_range=2.5, unit="SUVR", tracer="FDG"),
        seed=0,
        example=None,
    )
