import numpy as np
import pandas as pd
import pytest

from petsynth.errors import InputError, OutputError
from petsynth.reader_study.answers import save_answer, submit
from petsynth.reader_study.order import presentations
from petsynth.reader_study.ratings import complete, pairs_within, read_ratings
from petsynth.reader_study.results import write_results
from petsynth.reader_study.tables import ALL, agreements, diagnoses, kinds_compared, points
from petsynth.reader_study.tables import real_or_synthetic as tell_apart


@pytest.fixture
def answers(engine, study, tokens):
    """Let ana know everything, and ben nothing: real, normal, three points, always."""
    for each in presentations(study, "ana"):
        case = each.case
        real = {"real": case.truth, "real_certainty": 5} if case.truth else {}
        points = 5 if case.truth == "real" else 3
        fields = {"quality": points, "diagnosis": case.diagnosis, "diagnosis_certainty": 4, **real}
        save_answer(engine, "ana", each, fields, 0)
    for each in presentations(study, "ben"):
        real = {"real": "real", "real_certainty": 1} if each.case.truth else {}
        fields = {"quality": 3, "diagnosis": "normal", "diagnosis_certainty": 1, **real}
        save_answer(engine, "ben", each, {**fields, "comment": "a, b\n=1+1"}, 0)
    submit(engine, "ana")
    return engine


@pytest.fixture
def ratings(answers, study):
    return read_ratings(study, answers)


def row(table, **wanted):
    for column, value in wanted.items():
        table = table[table[column] == value]
    assert len(table) == 1
    return table.iloc[0]


def test_answers_stand_beside_the_truth(ratings, study):
    assert len(ratings) == 28
    assert ratings["is_repeat"].sum() == 4
    assert (ratings["reference_diagnosis"].notna()).all()
    assert len(pairs_within(ratings, "ana", "quality")) == 2
    assert complete(ratings, "quality").shape == (12, 2)


def test_real_or_synthetic(ratings):
    table = tell_apart(ratings)
    assert row(table, measure="accuracy", reader="ana")["value"] == 1
    ben = row(table, measure="accuracy", reader="ben")
    assert (ben["value"], ben["answers"], ben["p"]) == (0.5, 8, 1)
    assert row(table, measure="sensitivity", reader="ben")["value"] == 0
    assert row(table, measure="specificity", reader="ben")["value"] == 1
    assert row(table, measure="accuracy", reader=ALL)["value"] == 0.75


def test_diagnoses_by_kind(ratings):
    table = diagnoses(ratings)
    for kind in ("MRI", "MRI + synthetic PET", "MRI + real PET"):
        assert row(table, kind=kind, measure="accuracy", reader="ana")["value"] == 1
        ben = row(table, kind=kind, measure="accuracy", reader="ben")
        assert (ben["value"], ben["chance"]) == (0.25, 0.5)
        ben = row(table, kind=kind, measure="specificity", diagnosis="normal", reader="ben")
        assert ben["value"] == 0


def test_kinds_do_not_differ_where_answers_do_not(ratings):
    table = kinds_compared(ratings)
    assert len(table) == 3
    assert (table["p"] == 1).all()
    assert (table["subjects"] == 4).all()
    assert kinds_compared(ratings[ratings["reader"] == "ana"]).empty


def test_agreement_and_points(ratings):
    table = agreements(ratings)
    assert row(table, field="diagnosis", where="between")["measure"] == "Fleiss' kappa"
    assert row(table, field="quality", where="between")["measure"] == "ICC(2,1)"
    assert set(table[table["where"] == "within"]["cases"]) <= {1, 2}
    quality = points(ratings)
    real = row(quality, field="quality", by="truth", value="real")
    assert (real["mean"], real["answers"]) == (4, 8)


def test_everything_is_written(answers, study, tmp_path):
    out = tmp_path / "results"
    lines = write_results(study, answers, out, overwrite=False)
    assert lines[0].startswith("real or synthetic: right in 0.750")
    names = {path.name for path in out.rglob("*") if path.is_file()}
    assert {"answers.csv", "results.html", "diagnoses.tsv", "comparison.tsv"} <= names
    assert {"real_or_synthetic.png", "diagnosis.png", "quality.png", "confusion-3.png"} <= names
    raw = pd.read_csv(out / "answers.csv")
    assert len(raw) == 28
    assert raw["comment"].dropna().iloc[0] == "a, b\n=1+1"
    text = (out / "results.html").read_text()
    assert "1 of 2 have submitted" in text
    assert "<script" not in text
    with pytest.raises(OutputError, match="holds results already"):
        write_results(study, answers, out, overwrite=False)
    write_results(study, answers, out, overwrite=True)


def test_without_answers_there_are_no_results(engine, study, tmp_path):
    with pytest.raises(InputError, match="no answer has been saved yet"):
        write_results(study, engine, tmp_path / "out", overwrite=False)
    assert not (tmp_path / "out").exists()


def test_a_study_that_asks_little_has_fewer_tables(engine, study, tokens, tmp_path):
    for each in presentations(study, "ana"):
        save_answer(engine, "ana", each, {"quality": int(each.position % 5) + 1}, 0)
    write_results(study, engine, tmp_path / "out", overwrite=False)
    names = {path.name for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert "diagnoses.tsv" not in names
    assert "points.tsv" in names
    assert np.isfinite(points(read_ratings(study, engine))["mean"]).all()
