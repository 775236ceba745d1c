"""The whole evaluation of three untrained runs on two subjects."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from petsynth.data.prepared import PreparedData
from petsynth.errors import InputError
from petsynth.evaluation.comparison import compare_with_baselines
from petsynth.evaluation.domains import MetricSettings, compute_metrics
from petsynth.evaluation.evaluate import evaluate
from petsynth.evaluation.methods import MEAN_PET, NOISE_FREE, OTHER_T1, TRAINING_FORMAT
from petsynth.evaluation.models import load_models
from petsynth.evaluation.summary import build_summary
from petsynth.prepare.records import write_array
from petsynth.report.tables import format_paper_a_table
from petsynth.systems.base import PredictionSettings

SETTINGS = MetricSettings(pet_scale=2.0, data_range=2.5, unit="SUVR", tracer="FDG")
JPEG = TRAINING_FORMAT.format("jpeg")
MODELS = ["pix2pix-axial (axial-0)", "pix2pix-axial (axial-1)", "pix2pix-augmented"]


def evaluate_axial(tiny_prepared, tiny_run, tmp_path, **options):
    data = PreparedData(tiny_prepared)
    models = load_models([tiny_run], data, options.get("split", "test"))
    return evaluate(models, data, tmp_path, settings=SETTINGS, **options)


def test_methods_in_order(tiny_evaluation):
    assert [method.name for method in tiny_evaluation.methods] == [
        *MODELS,
        "baseline-between-subjects",
        "baseline-mean-pet",
        "baseline-population-pet",
        "baseline-tissue-regression",
        *[OTHER_T1.format(name) for name in MODELS],
        "upper-bound-noise-free",
        "upper-bound-jpeg",
    ]


def test_a_row_per_subject_and_method(tiny_evaluation):
    counts = tiny_evaluation.table["method"].value_counts()
    assert counts.pop("baseline-between-subjects") == 4 * 3
    assert set(counts) == {2}
    between = tiny_evaluation.table["method"] == "baseline-between-subjects"
    assert set(tiny_evaluation.table["participant_id"][~between]) == {"sub-006", "sub-007"}
    assert "sub-006" not in set(tiny_evaluation.table["compared_with"])


def test_a_model_is_measured_on_its_prediction(tiny_evaluation, tiny_runs, tiny_prepared):
    data = PreparedData(tiny_prepared)
    (model,) = load_models(tiny_runs[:1], data, "test")
    predicted = model.run.predict(np.asarray(data.mri("sub-007")), PredictionSettings()).mean
    expected = compute_metrics(
        data.static_pet("sub-007"), predicted, data.mask("sub-007"), SETTINGS
    )
    measured = tiny_evaluation.values(MODELS[0], "brain", "mae")[1]
    assert measured == pytest.approx(expected["brain"]["mae"], rel=1e-5)


def test_the_control_is_the_prediction_from_the_other_subjects_t1(tiny_evaluation, tiny_prepared):
    data = PreparedData(tiny_prepared)
    methods = {method.name: method for method in tiny_evaluation.methods}
    model, control = methods[MODELS[0]], methods[OTHER_T1.format(MODELS[0])]
    assert np.array_equal(control.predict("sub-006"), model.predict("sub-007"))
    expected = compute_metrics(
        data.static_pet("sub-006"), model.predict("sub-007"), data.mask("sub-006"), SETTINGS
    )
    measured = tiny_evaluation.values(control.name, "brain", "mae")[0]
    assert measured == pytest.approx(expected["brain"]["mae"])


def test_the_upper_bound_is_closest_and_untrained_models_are_not(tiny_evaluation):
    errors = {
        method.name: tiny_evaluation.values(method.name, "brain", "mae").mean()
        for method in tiny_evaluation.methods
        if method.name != JPEG and method.predict
    }
    assert min(errors, key=errors.get) in (NOISE_FREE, "baseline-tissue-regression")
    assert errors[MODELS[0]] > errors[MEAN_PET]


def test_what_jpeg_costs(tiny_evaluation):
    assert (tiny_evaluation.values(JPEG, "middle_slice", "psnr") > 45).all()


def test_no_jpeg_row_without_a_run_that_saw_jpeg(tiny_run, tiny_prepared, tmp_path):
    evaluation = evaluate_axial(tiny_prepared, tiny_run, tmp_path)
    assert JPEG not in {method.name for method in evaluation.methods}


def test_threads_and_batches_change_nothing_and_seeds_do(tiny_run, tiny_prepared, tmp_path):
    tables = []
    for number, options in enumerate([{}, {"threads": 3, "batch_size": 3}, {"seed": 1}]):
        scratch = tmp_path / str(number)
        scratch.mkdir()
        evaluation = evaluate_axial(tiny_prepared, tiny_run, scratch, **options)
        tables.append(evaluation.values("pix2pix-axial", "brain", "mae"))
    assert tables[0] == pytest.approx(tables[1], rel=1e-6)
    assert tables[0].tolist() != tables[2].tolist()


def test_the_validation_subjects(tiny_run, tiny_prepared, tmp_path):
    evaluation = evaluate_axial(tiny_prepared, tiny_run, tmp_path, split="validation")
    assert evaluation.participants == ["sub-005"]
    assert not evaluation.of_kind("control")
    assert evaluation.example.participant == "sub-005"


def test_dynamic_pet_is_averaged_frame_by_frame(make_prepared, tmp_path):
    from petsynth.evaluation.baselines import mean_training_pet

    data = PreparedData(make_prepared(tmp_path / "p", {"train": 2, "test": 1}, frames=2))
    expected = (data.pet("sub-001") + data.pet("sub-002")) / 2
    assert mean_training_pet(data) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ({"train": 2, "validation": 1}, "no test subjects"),
        ({"train": 1, "test": 1}, "two training"),
    ],
)
def test_splits_that_cannot_be_evaluated(make_prepared, tmp_path, split, message):
    data = PreparedData(make_prepared(tmp_path / "p", split))
    with pytest.raises(InputError, match=message):
        evaluate([], data, tmp_path, settings=SETTINGS)


@pytest.fixture
def run_of_visits(visits, tiny_run, tmp_path):
    """Return a run folder that says that it was trained on `visits`."""
    folder = Path(shutil.copytree(tiny_run, tmp_path / "run"))
    content = json.loads((folder / "data.json").read_text())
    content["training_participants"] = PreparedData(visits).participants("train")
    (folder / "data.json").write_text(json.dumps(content))
    return folder


def test_visits_of_a_subject_are_averaged_before_any_statistic(visits, run_of_visits, tmp_path):
    evaluation = evaluate_axial(visits, run_of_visits, tmp_path)
    table = evaluation.table.set_index(["method", "participant_id"])["brain_mae"]
    rows = table["pix2pix-axial"]
    assert list(rows.index) == ["sub-4_ses-a", "sub-4_ses-b", "sub-5"]
    values = evaluation.values("pix2pix-axial", "brain", "mae")
    assert values == pytest.approx([(rows.iloc[0] + rows.iloc[1]) / 2, rows.iloc[2]], rel=1e-12)
    assert evaluation.subjects == ["sub-4", "sub-5"]
    between = evaluation.values("baseline-between-subjects", "middle_slice", "mse")
    assert len(between) == 2  # sub-1 and sub-2, in both orders
    found = evaluation.describe("baseline-between-subjects", "middle_slice", "mse")
    assert (found["n"], found["std"]) == (2, None)  # one comparison has no spread
    assert found["mean"] == pytest.approx(between[0])
    summary = build_summary(evaluation)
    assert summary["methods"]["pix2pix-axial"]["brain"]["mae"]["n"] == 2
    assert "2 test subjects: sub-4_ses-a, sub-4_ses-b, sub-5" in summary["definitions"]["subjects"]
    assert "visits are averaged first" in summary["definitions"]["subjects"]
    assert "2 test subjects)" in format_paper_a_table(evaluation)
    paired = [each for each in compare_with_baselines(evaluation) if each.difference is not None]
    assert {each.difference.subjects for each in paired} == {2}
    control = {method.name: method for method in evaluation.methods}[
        OTHER_T1.format("pix2pix-axial")
    ]
    model = {method.name: method for method in evaluation.methods}["pix2pix-axial"]
    assert np.array_equal(control.predict("sub-4_ses-b"), model.predict("sub-5"))


def test_an_infinite_value_of_one_visit_stays_infinite(visits, run_of_visits, tmp_path):
    """As without visits: PSNR without any error is infinite, and a missing value is left out."""
    evaluation = evaluate_axial(visits, run_of_visits, tmp_path)
    table = evaluation.table.copy()
    of_model = table["method"] == "pix2pix-axial"
    table.loc[of_model, "brain_psnr"] = [np.inf, 20.0, 30.0]
    table.loc[of_model, "brain_pearson_r"] = [np.nan, 0.5, np.nan]
    changed = dataclasses.replace(evaluation, table=table)
    assert changed.values("pix2pix-axial", "brain", "psnr").tolist() == [np.inf, 30.0]
    assert changed.values("pix2pix-axial", "brain", "pearson_r") == pytest.approx(
        [0.5, np.nan], nan_ok=True
    )


def test_two_visits_of_one_subject_are_too_few_for_baselines(visits, tmp_path):
    table = visits / "split.tsv"
    table.write_text(table.read_text().replace("sub-2\tses-a\ttrain", "sub-2\tses-a\ttest"))
    with pytest.raises(InputError, match="two training"):
        evaluate([], PreparedData(visits), tmp_path, settings=SETTINGS)


def test_a_method_without_values_is_told(tiny_evaluation):
    assert tiny_evaluation.unmeasured() == []
    table = tiny_evaluation.table.copy()
    name = tiny_evaluation.methods[0].name
    table.loc[table["method"] == name, "brain_mae"] = float("nan")
    (line,) = dataclasses.replace(tiny_evaluation, table=table).unmeasured()
    assert line.startswith(f"{name}: the error inside the brain could be measured in 0 of 2 cases")


def test_errors_inside_a_lesion_are_measured_where_the_data_have_one(
    tiny_prepared, tiny_run, tmp_path
):
    prepared = shutil.copytree(tiny_prepared, tmp_path / "prepared")
    lesion = np.zeros(PreparedData(prepared).grid.shape, bool)
    lesion[8:11, 10:13, 9:12] = True
    write_array(prepared, "sub-006", "lesion", lesion)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    evaluation = evaluate_axial(prepared, tiny_run, scratch)
    with_lesion, without = evaluation.values(MEAN_PET, "lesion", "inside_mae")
    assert np.isnan(without)
    data = PreparedData(prepared)
    mean = np.mean([data.static_pet(name) for name in data.participants("train")], axis=0)
    counted = lesion & data.mask("sub-006")
    expected = np.abs(mean - data.static_pet("sub-006"))[counted].mean()
    assert with_lesion == pytest.approx(expected, rel=1e-4)
    method = build_summary(evaluation)["methods"][MEAN_PET]
    assert method["lesion"]["inside_mae"]["n"] == 1
