import numpy as np
import pandas as pd
import pytest

from petsynth.errors import InputError, OutputError
from petsynth.reader_study.answers import save_answer
from petsynth.reader_study.order import presentations
from petsynth.reader_study.ratings import complete, pairs_within, read_ratings
from petsynth.reader_study.results import write_results
from petsynth.reader_study.tables import points


def test_answers_stand_beside_the_truth(ratings, study):
    assert len(ratings) == 28
    assert ratings["is_repeat"].sum() == 4
    assert (ratings["reference_diagnosis"].notna()).all()
    assert len(pairs_within(ratings, "ana", "quality")) == 2
    assert complete(ratings, "quality").shape == (12, 2)


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
