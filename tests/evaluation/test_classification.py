"""Two groups told apart: known orders, chance, what a PET drawn from the T1 alone adds."""

import json

import numpy as np
import pandas as pd
import pytest

from petsynth.cli.main import run
from petsynth.errors import ArgumentError, InputError
from petsynth.evaluation.classification import (
    Settings,
    classify,
    cross_validated_scores,
    list_classification_findings,
)
from petsynth.evaluation.group_features import MRI, REFERENCE, GroupFeatures, read_group_features
from petsynth.io.bids.metadata import write_table

REGIONS = [f"region{number}" for number in range(8)]
QUICK = Settings(folds=3, repeats=1, permutations=199)
SYNTHETIC = "synthetic PET (model)"


def cohort(subjects=80, seed=0):
    """Return the severity of subjects, half of them patients, and both images' regional values.

    The PET follows the severity more closely than the T1; the synthetic PET is made from the T1.
    """
    random = np.random.default_rng(seed)
    patient = np.arange(subjects) % 2 == 0
    severity = np.where(
        patient, random.uniform(0.3, 1, subjects), random.uniform(0, 0.12, subjects)
    )
    pattern = np.linspace(0.2, 1, len(REGIONS))

    def regional(noise):
        return -np.outer(severity, pattern) + random.normal(0, noise, (subjects, len(REGIONS)))

    grey, pet = regional(1.2), regional(0.3)
    mixing = random.normal(size=(len(REGIONS), len(REGIONS))) / np.sqrt(len(REGIONS))
    return patient, grey, pet, grey @ mixing


def features(patient, grey, pet, synthetic):
    sets = {MRI: grey, REFERENCE: pet, SYNTHETIC: synthetic}
    sets |= {f"MRI + {name}": np.hstack([grey, sets[name]]) for name in (REFERENCE, SYNTHETIC)}
    names = [f"sub-{number}" for number in range(len(patient))]
    return GroupFeatures(names, patient, ("AD", "CN"), sets, ["model"], [], [], True, [])


def test_the_known_order_is_recovered():
    """The reference PET is best and adds to the MRI; a PET made from the T1 adds nothing."""
    found = classify(features(*cohort()), QUICK)
    areas = {each.name: each.area.value for each in found.results}
    assert areas[REFERENCE] > 0.9 > areas[MRI] + 0.05
    assert areas[MRI] > 0.6
    assert areas[REFERENCE] > areas[SYNTHETIC]
    findings = list_classification_findings(found)
    assert findings[0].startswith(
        "It is NOT SHOWN that the synthetic PET (model) adds anything to the MRI: the area"
    )
    assert findings[1].startswith("The reference PET adds to the MRI: the area")
    assert "holds nothing that the T1 does not hold" in findings[2]
    better = [each for each in findings if "tells the groups apart better than" in each]
    assert any(each.startswith("reference PET tells") for each in better)
    assert found.result(REFERENCE).p == pytest.approx(1 / 200)


def test_a_pet_that_spoils_the_classification_is_called_worse():
    patient, grey, pet, _ = cohort()
    noise = np.random.default_rng(3).normal(size=(80, 400))
    findings = list_classification_findings(classify(features(patient, pet, grey, noise), QUICK))
    assert findings[0].startswith("With the synthetic PET (model) the classification is WORSE")


def test_without_a_relation_areas_are_those_of_chance():
    """Of 20 cohorts without any effect one or so has a p below 0.05."""
    random = np.random.default_rng(0)
    positive = np.arange(40) < 20
    values, small = [], 0
    for seed in range(20):
        sets = {MRI: random.normal(size=(40, 4)), REFERENCE: random.normal(size=(40, 4))}
        data = GroupFeatures(list("x" * 40), positive, ("AD", "CN"), sets, [], [], [], True, [])
        (first, _) = classify(data, Settings(4, 1, 99, seed)).results
        values.append(first.area.value)
        small += first.p <= 0.05
    assert 0.4 < np.mean(values) < 0.55
    assert small <= 4


def test_no_classifier_sees_whom_it_scores():
    """A feature per subject, 1 for that one alone, tells nothing of subjects left out."""
    patient, grey, *_ = cohort(30)
    settings = Settings(folds=5, repeats=1)
    scores = cross_validated_scores(np.eye(30), patient[:, None], settings)
    assert np.ptp(scores[patient]) < 1e-6
    assert scores[patient].mean() == pytest.approx(scores[~patient].mean(), abs=1e-6)
    groups = np.stack([patient, ~patient], axis=1)
    once = cross_validated_scores(grey, groups, settings)
    assert np.array_equal(once, cross_validated_scores(grey, groups, settings))
    assert np.allclose(once[:, 0], -once[:, 1])  # each column is classified on its own


def test_missing_values_and_too_few_subjects():
    patient, grey, pet, synthetic = cohort(20)
    grey[3, 2] = np.nan
    found = classify(features(patient, grey, pet, synthetic), QUICK)
    assert all(np.isfinite(each.scores).all() for each in found.results)
    with pytest.raises(InputError, match="AD: 10 subjects in all evaluations, needed are 11"):
        classify(features(patient, grey, pet, synthetic), Settings(folds=11))
    with pytest.raises(ArgumentError, match="--folds 1: must be 2 or more"):
        classify(features(patient, grey, pet, synthetic), Settings(folds=1))
    unexamined = classify(features(patient, grey, pet, synthetic), Settings(3, 1, 0))
    assert np.isnan(unexamined.results[0].p)


def write_evaluation(folder, patient, grey, pet, synthetic, start=0, **summary):
    """Write the tables of an evaluation as far as they are read."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"sub-{start + number:03}" for number in range(len(patient))]
    rows = [
        {
            "participant_id": name,
            "method": "model",
            "kind": "region",
            "region": region,
            "reference": pet[number, place],
            "synthetic": synthetic[number, place],
            "volume_ml": 10.0,
            "grey_fraction": grey[number, place],
        }
        for number, name in enumerate(names)
        for place, region in enumerate(REGIONS)
    ]
    write_table(folder / "regions.tsv", pd.DataFrame(rows))
    diagnosis = ["AD" if each else "CN" for each in patient]
    metrics = {"participant_id": names, "diagnosis": diagnosis, "method": "model", "kind": "model"}
    write_table(folder / "metrics.tsv", pd.DataFrame(metrics))
    content = {"simulated": True, "external": [], "covariates": {}} | summary
    (folder / "summary.json").write_text(json.dumps(content))
    return folder


@pytest.fixture
def evaluations(tmp_path):
    """Return two evaluations of 40 different subjects each."""
    patient, *images = cohort()
    halves = [slice(0, 40), slice(40, 80)]
    return [
        write_evaluation(
            tmp_path / f"e{n}", patient[half], *[i[half] for i in images], start=40 * n
        )
        for n, half in enumerate(halves)
    ]


def test_features_of_several_evaluations(evaluations):
    found = read_group_features(evaluations, ("AD", "CN"))
    assert list(found.sets) == [
        MRI,
        REFERENCE,
        SYNTHETIC,
        "MRI + reference PET",
        "MRI + synthetic PET (model)",
    ]
    assert [each.shape for each in found.sets.values()] == [
        (80, 16), (80, 8), (80, 8), (80, 24), (80, 24),
    ]  # fmt: skip
    _, grey, pet, _ = cohort()
    assert np.allclose(found.sets[REFERENCE], pet)
    assert np.allclose(found.sets[MRI][:, 8:], grey)
    assert np.allclose(found.sets[MRI][:, :8], 1 / 8)  # of the volume of all regions
    assert found.positive.sum() == 40


def test_visits_are_averaged(tmp_path, evaluations):
    table = pd.read_csv(evaluations[0] / "regions.tsv", sep="\t")
    metrics = pd.read_csv(evaluations[0] / "metrics.tsv", sep="\t")
    both = []
    for visit, shift in (("ses-1", -0.1), ("ses-2", 0.1)):
        one = table.assign(
            participant_id=table["participant_id"] + f"_{visit}",
            reference=table["reference"] + shift,
        )
        both.append((one, metrics.assign(participant_id=metrics["participant_id"] + f"_{visit}")))
    write_table(evaluations[0] / "regions.tsv", pd.concat([each for each, _ in both]))
    write_table(evaluations[0] / "metrics.tsv", pd.concat([each for _, each in both]))
    found = read_group_features(evaluations[:1], ("AD", "CN"))
    assert len(found.participants) == 40
    assert np.allclose(found.sets[REFERENCE], cohort()[2][:40])


def test_a_model_that_was_told_the_diagnosis_is_named_first(tmp_path):
    told = {"covariates": {"model": ["age", "diagnosis"]}}
    folder = write_evaluation(tmp_path / "e", *cohort(20), **told)
    data = read_group_features([folder], ("AD", "CN"))
    findings = list_classification_findings(classify(data, QUICK))
    assert findings[0].startswith("model was TOLD THE DIAGNOSIS")


def test_the_command_writes_tables_and_says_it_first(evaluations, tmp_path, capsys):
    out = tmp_path / "out"
    words = ["classify", *map(str, evaluations), "--out", str(out), "--repeats", "1"]
    assert run([*words, "--permutations", "9"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("- It is NOT SHOWN that the synthetic PET (model) adds anything")
    assert "AD against CN" in printed
    assert {path.name for path in out.iterdir()} == {
        "auc.tsv", "differences.tsv", "scores.tsv", "classification.json", "report.html",
        "report.pdf", "figures",
    }  # fmt: skip
    areas = pd.read_csv(out / "auc.tsv", sep="\t")
    assert list(areas["features"])[:2] == [MRI, REFERENCE]
    assert (areas["auc_low"] < areas["auc"]).all()
    differences = pd.read_csv(out / "differences.tsv", sep="\t")
    assert len(differences) == 10
    primary = differences[differences["primary"] == "yes"]
    assert list(primary["first"]) == ["MRI + reference PET", "MRI + synthetic PET (model)"]
    assert (primary["second"] == MRI).all()
    content = json.loads((out / "classification.json").read_text())
    assert content["findings"][0] in printed
    assert content["settings"]["folds"] == 5
    assert len(pd.read_csv(out / "scores.tsv", sep="\t")) == 80
    assert run(words) == 1
    assert "--overwrite" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["--groups", "AD", "AD"], 2, "name two different diagnoses"),
        (["--groups", "AD", "MCI"], 1, "no test subject has the diagnosis MCI"),
        (["--folds", "1"], 2, "--folds 1"),
        (["--folds", "41"], 1, "AD: 40 subjects in all evaluations"),
    ],
)
def test_mistakes_are_one_line(evaluations, tmp_path, capsys, words, status, message):
    out = tmp_path / "out"
    assert run(["classify", *map(str, evaluations), "--out", str(out), *words]) == status
    error = capsys.readouterr().err
    assert message in error
    assert len(error.strip().splitlines()) == 1
    assert not out.exists()


def test_folders_that_cannot_be_used(evaluations, tmp_path):
    with pytest.raises(InputError, match=r"stands in .*, too"):
        read_group_features([evaluations[0], evaluations[0]], ("AD", "CN"))
    with pytest.raises(InputError, match=r"metrics\.tsv is missing"):
        read_group_features([tmp_path], ("AD", "CN"))
    (evaluations[0] / "summary.json").write_text("{}")
    with pytest.raises(InputError, match="evaluate again"):
        read_group_features(evaluations, ("AD", "CN"))
