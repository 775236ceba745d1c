import math

import pandas as pd

from petsynth.reader_study.printed import printed
from petsynth.reader_study.tables import ALL


def texts(table):
    return [[line for cell in row.cells for line in cell.lines] for row in table.rows]


def proportion(measure, reader, value, **more):
    return {
        "measure": measure, "reader": reader, "value": value, "low": value - 0.1,
        "high": value + 0.1, "answers": 20, "chance": 0.5, "p": 0.04, **more,
    }  # fmt: skip


def test_a_reader_is_a_row_and_all_readers_come_last():
    rows = [proportion(m, r, 0.6) for m in ("accuracy", "sensitivity") for r in (ALL, "ana")]
    (table,) = printed("real_or_synthetic", pd.DataFrame(rows))
    assert texts(table) == [
        ["ana", "20", "0.600 (0.500 to 0.700)", "0.040", "0.600 (0.500 to 0.700)", "n/a"],
        [ALL, "20", "0.600 (0.500 to 0.700)", "0.040", "0.600 (0.500 to 0.700)", "n/a"],
    ]
    assert [row.is_strong for row in table.rows] == [False, True]


def test_diagnoses_have_a_table_of_readers_and_one_of_diagnoses():
    rows = [
        proportion("accuracy", reader, 0.8, kind="MRI", diagnosis="any") for reader in ("ana", ALL)
    ]
    rows += [
        proportion(measure, ALL, 0.7, kind="MRI", diagnosis="AD")
        for measure in ("sensitivity", "specificity")
    ]
    readers, each = printed("diagnoses", pd.DataFrame(rows))
    assert texts(readers)[0] == ["MRI", "ana", "20", "0.800 (0.700 to 0.900)", "0.500", "0.040"]
    assert texts(each) == [["MRI", "AD", "0.700 (0.600 to 0.800)", "0.700 (0.600 to 0.800)"]]


def test_one_answer_has_no_standard_deviation():
    row = {"field": "quality", "by": "truth", "value": "real", "mean": 4.0, "std": math.nan}
    (table,) = printed("points", pd.DataFrame([row | {"median": 4.0, "answers": 1}]))
    assert texts(table) == [["quality", "real PET", "4.00", "n/a", "4.0", "1"]]
