from petsynth.reader_study.tables import ALL, agreements, diagnoses, kinds_compared, points
from petsynth.reader_study.tables import real_or_synthetic as tell_apart


def row(table, **wanted):
    for column, value in wanted.items():
        table = table[table[column] == value]
    assert len(table) == 1
    return table.iloc[0]


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


def test_one_reader_is_compared_with_nobody(ratings):
    table = agreements(ratings[ratings["reader"] == "ben"])
    assert set(table["where"]) == {"within"}
