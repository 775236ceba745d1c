"""``petsynth evaluate`` from the command line."""

import json
import shutil
import signal
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from tests.conftest import make_run

from petsynth.cli.main import run
from petsynth.errors import InputError


def evaluate(*words):
    return run(["evaluate", *map(str, words)])


@pytest.fixture(scope="module")
def evaluated(tiny_runs, tiny_prepared, tmp_path_factory):
    out = tmp_path_factory.mktemp("cli") / "evaluation"
    runs = [tiny_runs[0], tiny_runs[2]]
    status = evaluate(*runs, "--data", tiny_prepared, "--out", out, "--margin", "ssim=0.01")
    assert status == 0
    return out


def test_all_files_are_written_and_nothing_else(evaluated):
    assert {path.name for path in evaluated.iterdir()} == {
        "metrics.tsv",
        "summary.json",
        "comparisons.json",
        "regions.tsv",
        "agreement.tsv",
        "figures",
        "report.html",
        "report.pdf",
    }


def test_the_summary_has_the_methods_by_their_plain_names(evaluated):
    summary = json.loads((evaluated / "summary.json").read_text())
    assert {
        "pix2pix-axial",
        "pix2pix-augmented",
        "baseline-between-subjects",
        "baseline-mean-pet",
        "baseline-tissue-regression",
        "pix2pix-axial (other subject's T1)",
        "upper-bound-noise-free",
        "upper-bound-jpeg",
    } <= set(summary["methods"])


def test_table_1_is_printed_and_everything_is_repeatable(
    evaluated, tiny_runs, tiny_prepared, tmp_path, capsys
):
    words = ["--data", tiny_prepared, "--out", tmp_path, "--margin", "ssim=0.01", "--no-figures"]
    assert evaluate(tiny_runs[0], tiny_runs[2], *words) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("Table 1. Middle axial slice of FDG PET (simulated data")
    assert "is undecided on" in captured.out  # of two subjects no interval excludes zero
    assert "report.html" in captured.err
    for name in ("metrics.tsv", "summary.json", "comparisons.json"):
        assert (tmp_path / name).read_bytes() == (evaluated / name).read_bytes(), name
    assert evaluate(tiny_runs[0], *words) == 1
    assert "--overwrite" in capsys.readouterr().err
    more = ["--overwrite", "--split", "validation", "--atlas", "none"]
    assert evaluate(tiny_runs[0], *words, *more) == 0
    assert "1 validation subject" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--margin", "ssim"], "must be METRIC=VALUE"),
        (["--batch-size", "0"], "--batch-size 0"),
        (["--threads", "0"], "--threads 0"),
        (["--seed", "-1"], "--seed -1"),
        (["--data-range", "0"], "--data-range 0"),
    ],
)
def test_impossible_options(tiny_run, tiny_prepared, tmp_path, capsys, words, message):
    out = tmp_path / "out"
    assert evaluate(tiny_run, "--data", tiny_prepared, "--out", out, *words) == 2
    assert message in capsys.readouterr().err
    assert not out.exists()


def test_mistakes_are_one_line_and_write_nothing(tiny_run, tiny_prepared, tmp_path, capsys):
    out = tmp_path / "out"
    other = shutil.copytree(tiny_prepared, tmp_path / "other")
    description = json.loads((other / "prepared.json").read_text()) | {"tracer": "AV45"}
    (other / "prepared.json").write_text(json.dumps(description))
    for words, message in [
        ([tmp_path / "none", "--data", tiny_prepared], "no such run folder"),
        ([tiny_run, "--data", tmp_path / "none"], "no such folder of prepared data"),
        ([tiny_run, "--data", other], "differ in tracer (FDG there, AV45 here)"),
        ([tiny_run, tiny_run, "--data", tiny_prepared], "named twice"),
        ([tiny_run, "--data", tiny_prepared, other], f"--data {tiny_prepared} --data {other}"),
    ]:
        assert evaluate(*words, "--out", out) in (1, 2)
        error = capsys.readouterr().err
        assert message in error
        assert len(error.strip().splitlines()) == 1
        assert not out.exists()


def test_another_folders_content_is_left_alone(tiny_run, tiny_prepared, tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("mine")
    words = [tiny_run, "--data", tiny_prepared, "--out", tmp_path, "--overwrite"]
    assert evaluate(*words) == 1
    assert "holds notes.txt" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_one_subject_under_two_labels_is_refused_unless_allowed(
    tiny_runs, tiny_prepared, tmp_path, capsys
):
    """The findings then begin with it."""
    data = tmp_path / "prepared"
    shutil.copytree(tiny_prepared, data)
    split = [line.split("\t") for line in (data / "split.tsv").read_text().splitlines()[1:]]
    train, test = (next(row[0] for row in split if row[1] == part) for part in ("train", "test"))
    table = f"participant_id\toriginal_id\n{train}\tP1\n{test}\tP1\n"
    (data / "participants.tsv").write_text(table)
    words = [tiny_runs[0], "--data", data, "--out", tmp_path / "out"]
    words += ["--atlas", "none", "--no-figures"]
    assert evaluate(*words) == 1
    assert "leakage:" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert evaluate(*words, "--allow-leakage", "--planes", "all") == 0
    assert "- LEAKAGE, so the test results say nothing" in capsys.readouterr().out
    (leak,) = json.loads((tmp_path / "out" / "summary.json").read_text())["leakage"]
    assert "are the same subject" in leak


def test_the_audits_result_is_among_the_findings(evaluated, tiny_runs, tiny_prepared, tmp_path):
    """Labels are compared always, images if that is asked for."""
    said = "Leakage audit of 7 scans (labels, participants.tsv): no leak found; images were not"
    assert said in (evaluated / "report.html").read_text()
    data = shutil.copytree(tiny_prepared, tmp_path / "prepared")
    shutil.copy(data / "arrays" / "sub-001_mri.npy", data / "arrays" / "sub-007_mri.npy")
    words = [tiny_runs[0], "--data", data, "--out", tmp_path / "out", "--atlas", "none"]
    words.append("--no-figures")
    assert evaluate(*words, "--audit", "images") == 1
    assert evaluate(*words, "--audit", "images", "--allow-leakage") == 0
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["audit"]["with_images"] is True
    assert "to the last bit" in summary["audit"]["leaks"][0]
    assert "too coarse to tell people apart" in summary["audit"]["remarks"][0]
    assert "Leakage audit: voxels of 9 mm" in (tmp_path / "out" / "report.html").read_text()


@pytest.fixture(scope="module")
def amyloid(tiny_prepared, tmp_path_factory):
    """Return the same phantoms as if they were of AV45, and a run on them."""
    folder = tmp_path_factory.mktemp("amyloid")
    data = shutil.copytree(tiny_prepared, folder / "prepared")
    description = json.loads((data / "prepared.json").read_text()) | {"tracer": "AV45"}
    (data / "prepared.json").write_text(json.dumps(description))
    return data, make_run(folder / "amyloid-run", data)


def test_several_tracers_get_a_folder_each_and_one_report(
    tiny_runs, tiny_prepared, amyloid, tmp_path, capsys
):
    data, run_of_amyloid = amyloid
    out = tmp_path / "out"
    words = [run_of_amyloid, tiny_runs[0], "--data", tiny_prepared, "--data", data, "--out", out]
    words += ["--atlas", "none", "--no-figures"]
    assert evaluate(*words) == 0
    assert {path.name for path in out.iterdir()} == {"FDG", "AV45", "report.html", "report.pdf"}
    for tracer in ("FDG", "AV45"):
        summary = json.loads((out / tracer / "summary.json").read_text())
        assert summary["definitions"]["tracer"] == tracer
    page = (out / "report.html").read_text()
    assert page.index('id="overview"') < page.index('id="fdg"') < page.index('id="av45-findings"')
    printed = capsys.readouterr().out
    assert printed.index("of FDG PET") < printed.index("of AV45 PET")
    single = [tiny_runs[0], "--data", tiny_prepared, "--out", out, "--atlas", "none"]
    assert evaluate(*single, "--no-figures", "--overwrite") == 0
    assert not (out / "FDG").exists()


def test_what_does_not_go_together_of_several_tracers(
    tiny_runs, tiny_prepared, amyloid, tmp_path, capsys
):
    data, run_of_amyloid = amyloid
    both = ["--data", tiny_prepared, "--data", data]
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "sub-006.nii.gz").write_bytes(b"")
    for words, message in [
        ([tiny_runs[0], *both], "no run and no prediction of AV45"),
        ([tiny_runs[0], "--data", tiny_prepared, "--data", tiny_prepared], "one by one"),
        (["petsynth-av1451", tiny_runs[0], *both], "is of AV1451; the data are of FDG, AV45"),
        ([tiny_runs[0], run_of_amyloid, *both, "--data-range", 2], "tracers have their own"),
        ([tiny_runs[0], *both, "--predictions", f"other={bare}"], "does not say of which tracer"),
    ]:
        assert evaluate(*words, "--out", tmp_path / "out") in (1, 2)
        assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_what_jobs_of_an_array_have_predicted_is_used(tiny_runs, tiny_prepared, tmp_path, capsys):
    """By one process and by two, with the same result; another seed has predictions of its own."""
    out = tmp_path / "evaluation"
    words = [tiny_runs[0], tiny_runs[2], "--data", tiny_prepared, "--out", out]
    array = [*words, "--num-parts", "2", "--part-id"]
    assert evaluate(*array, "0", "--nprocs", "2") == 0
    assert len(list(out.rglob("*.npy"))) == 2
    assert evaluate(*array, "1") == 0
    assert "give the same command without --num-parts" in capsys.readouterr().err
    stored = {path.name: np.load(path) for path in out.rglob("*.npy")}
    assert len(stored) == 4

    def found_by(*more):
        """Return what stands where the evaluation would predict."""
        names = []

        def stop(models, data, scratch, **settings):
            names.extend(path.name for path in scratch.iterdir())
            raise InputError("stopped")

        with mock.patch("petsynth.evaluation.evaluate.evaluate", stop):
            assert evaluate(*words, *more) == 1
        return names

    assert sorted(found_by()) == sorted(stored)
    assert found_by("--seed", "1") == []
    one = tmp_path / "one"
    assert evaluate(*words[:-1], one, "--num-parts", "2", "--part-id", "0") == 0
    (folder,) = (one / "predicted").iterdir()
    for path in folder.iterdir():  # another number of threads rounds otherwise
        expected = stored[path.name]
        np.testing.assert_allclose(np.load(path), expected, rtol=0, atol=1e-5 * expected.max())
    assert evaluate(*array, "0", "--overwrite") == 2


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_a_cluster_that_loses_a_worker_evaluates_as_one_process_does(
    evaluated, tiny_runs, tiny_prepared, shrinking_cluster, tmp_path
):
    address, workers = shrinking_cluster
    out = tmp_path / "evaluation"
    words = ["--data", tiny_prepared, "--out", out, "--margin", "ssim=0.01", "--no-figures"]
    assert evaluate(tiny_runs[0], tiny_runs[2], *words, "--scheduler", address) == 0
    assert workers[0].wait() == -signal.SIGKILL
    tables = (pd.read_csv(folder / "metrics.tsv", sep="\t") for folder in (out, evaluated))
    pd.testing.assert_frame_equal(*tables, rtol=1e-4)
