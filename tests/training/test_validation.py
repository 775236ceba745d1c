"""Validation measures by hand."""

import numpy as np
import pytest

from petsynth.data.prepared import PreparedData, read_array
from petsynth.prepare.records import write_array
from petsynth.training.validation import validate


def test_the_mean_is_over_people_not_over_visits(visits):
    """Errors of 1 and 3 in two visits of one person, 8 in another: (2 + 8) / 2 = 5."""
    table = visits / "split.tsv"
    table.write_text(table.read_text().replace("sub-5\tn/a\ttest", "sub-5\tn/a\tvalidation"))
    for name, value in (("sub-3_ses-a", 1.0), ("sub-3_ses-b", 3.0), ("sub-5", 8.0)):
        shape = read_array(visits, name, "pet").shape
        write_array(visits, name, "pet", np.full(shape, value, np.float32))
    data = PreparedData(visits)
    assert data.participants("validation") == ["sub-3_ses-a", "sub-3_ses-b", "sub-5"]
    measures = validate(lambda name: np.zeros(data.grid.shape, np.float32), data)
    assert measures["mae"] == pytest.approx(5.0)
    assert measures["mse"] == pytest.approx(((1 + 9) / 2 + 64) / 2)
