"""``petsynth measure`` on files, folders and tables, with bad pairs among them."""

import json
import signal

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from petsynth.cli.main import run
from petsynth.evaluation.measure import PAIR_DOMAINS, PAIR_METRICS

SHAPE = (20, 22, 24)


@pytest.fixture
def folders(tmp_path):
    """Return folders of three references and three synthetic images in SUVR."""
    rng = np.random.default_rng(0)
    for number in range(3):
        reference = rng.random(SHAPE) + 0.5
        for kind, data in (("ref", reference), ("syn", reference + rng.normal(0, 0.1, SHAPE))):
            (tmp_path / kind).mkdir(exist_ok=True)
            path = tmp_path / kind / f"sub-{number}_trc-18FFDG_pet.nii.gz"
            nib.save(nib.Nifti1Image(data.astype(np.float32), np.eye(4)), path)
            path.with_name(path.name.replace(".nii.gz", ".json")).write_text('{"Units": "SUVR"}')
    return tmp_path / "ref", tmp_path / "syn"


def test_two_files(folders, capsys):
    reference, synthetic = (folder / "sub-0_trc-18FFDG_pet.nii.gz" for folder in folders)
    assert run(["measure", str(reference), str(synthetic)]) == 0
    printed = capsys.readouterr().out
    assert "data range 2.5 SUVR (fixed for FDG in SUVR)" in printed
    assert "Lin's concordance" in printed
    assert "middle axial slice: z = 12.0 mm" in printed


def test_folders_give_mean_and_interval(folders, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(["measure", *map(str, folders), "--out", str(out)]) == 0
    assert "95 % from" in capsys.readouterr().out
    table = pd.read_csv(out / "measure.tsv", sep="\t")
    assert len(table) == 3
    assert {f"{d}_{m}" for d in PAIR_DOMAINS for m in PAIR_METRICS} <= set(table.columns)
    content = json.loads((out / "measure.json").read_text())
    (summary,) = content["summaries"]
    found = summary["domains"]["volume"]["mae"]
    values = table["volume_mae"]
    assert found["mean"] == pytest.approx(values.mean())
    half = 4.302653 * values.std() / np.sqrt(3)  # t of 2 degrees of freedom
    assert found["high"] - found["mean"] == pytest.approx(half, rel=1e-5)
    assert r"\toprule" in (out / "measure.tex").read_text()


def test_a_bad_pair_is_told_and_the_others_are_measured(folders, tmp_path, capsys, messages):
    sidecar = folders[1] / "sub-1_trc-18FFDG_pet.json"
    sidecar.write_text('{"Units": "Bq/mL"}')
    (folders[1] / "sub-2_trc-18FFDG_pet.nii.gz").write_bytes(b"nothing")
    assert run(["measure", *map(str, folders), "--out", str(tmp_path / "out")]) == 1
    printed = capsys.readouterr()
    assert printed.err.count("petsynth measure: error:") == 3
    assert "its unit is Bq/mL" in printed.err
    assert "2 of 3 pairs could not be measured, the others are in the table" in printed.err
    assert len(pd.read_csv(tmp_path / "out" / "measure.tsv", sep="\t")) == 1
    assert len(json.loads((tmp_path / "out" / "measure.json").read_text())["failed"]) == 2


def test_there_are_no_others_where_no_pair_could_be_measured(folders, capsys):
    for number in range(3):
        (folders[1] / f"sub-{number}_trc-18FFDG_pet.nii.gz").write_bytes(b"nothing")
    assert run(["measure", *map(str, folders)]) == 1
    assert "3 of 3 pairs could not be measured\n" in capsys.readouterr().err


def test_a_table_of_pairs_and_the_same_file_twice(folders, tmp_path, capsys):
    table = tmp_path / "pairs.tsv"
    name = "ref/sub-0_trc-18FFDG_pet.nii.gz"
    table.write_text(f"name\treference\tsynthetic\nmine\t{name}\t{name}\n")
    assert run(["measure", "--pairs", str(table)]) == 0
    assert "reference and synthetic are the same image" in capsys.readouterr().out


def test_earlier_measurements_are_kept(folders, tmp_path, capsys):
    words = ["measure", *map(str, folders), "--out", str(tmp_path / "out")]
    assert run(words) == 0
    assert run(words) == 1
    assert "give --overwrite to replace it" in capsys.readouterr().err
    assert run([*words, "--overwrite"]) == 0
    (tmp_path / "out" / "mine.txt").write_text("")
    assert run([*words, "--overwrite"]) == 1


def test_one_range_for_all_pairs_where_none_is_declared(folders, tmp_path):
    for path in (*folders[0].glob("*.json"), *folders[1].glob("*.json")):
        path.unlink()
    assert run(["measure", *map(str, folders), "--out", str(tmp_path / "out")]) == 0
    table = pd.read_csv(tmp_path / "out" / "measure.tsv", sep="\t")
    assert table["data_range"].nunique() == 1
    assert table["unit"].tolist() == ["arbitrary"] * 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "name a REFERENCE and a SYNTHETIC image or folder, or give --pairs"),
        (["x.nii", "y.nii"], "x.nii: no such file or folder"),
        (["ref", "x.nii"], "x.nii: no such file or folder"),
        (["ref", "syn", "--data-range", "-1"], "--data-range -1: must be positive"),
        (["ref", "syn", "--t1", "x.nii"], "--t1: is of one pair"),
        (["ref", "syn", "--mask", "x", "--masks", "y"], "give one of them"),
    ],
)
def test_refusals(folders, monkeypatch, capsys, words, message):
    monkeypatch.chdir(folders[0].parent)
    assert run(["measure", *words]) == (1 if "no such file" in message else 2)
    assert message in capsys.readouterr().err


def measured(folder):
    """Return the table, and the JSON without what says how it was made."""
    return pd.read_csv(folder / "measure.tsv", sep="\t"), json.loads(
        (folder / "measure.json").read_text()
    )


def test_processes_and_parts_give_what_one_process_gives(folders, tmp_path, capsys):
    """A pair that is identical (infinite PSNR) and one that fails are among them."""
    name = "sub-0_trc-18FFDG_pet.nii.gz"
    (folders[1] / name).write_bytes((folders[0] / name).read_bytes())
    (folders[1] / "sub-2_trc-18FFDG_pet.nii.gz").write_bytes(b"nothing")
    words = ["measure", *map(str, folders), "--out"]
    assert run([*words, str(tmp_path / "one")]) == 1
    assert run([*words, str(tmp_path / "two"), "--nprocs", "2"]) == 1
    array = [*words, str(tmp_path / "parts"), "--num-parts", "3", "--part-id"]
    statuses = [run([*array, str(part)]) for part in (2, 1, 0)]
    assert statuses == [1, 0, 0]
    assert "tables of all 3 parts" in capsys.readouterr().err
    table, content = measured(tmp_path / "one")
    assert np.isinf(table["volume_psnr"]).sum() == 1
    for other in ("two", "parts"):
        other_table, other_content = measured(tmp_path / other)
        pd.testing.assert_frame_equal(other_table, table)
        assert other_content == content
    assert run([*array, "1"]) == 0
    assert "part 1 of 3 is measured already" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_a_cluster_that_loses_a_worker_gives_what_one_process_gives(
    folders, shrinking_cluster, tmp_path
):
    address, workers = shrinking_cluster
    words = ["measure", *map(str, folders), "--out"]
    assert run([*words, str(tmp_path / "one")]) == 0
    assert run([*words, str(tmp_path / "cluster"), "--scheduler", address]) == 0
    assert workers[0].wait() == -signal.SIGKILL
    table, content = measured(tmp_path / "one")
    other_table, other_content = measured(tmp_path / "cluster")
    pd.testing.assert_frame_equal(other_table, table)
    assert other_content == content


def test_a_part_of_other_pairs_is_refused(folders, tmp_path, capsys):
    array = ["measure", *map(str, folders), "--out", str(tmp_path / "o"), "--num-parts"]
    assert run([*array, "2", "--part-id", "0"]) == 0
    assert run([*array, "3", "--part-id", "1"]) == 1
    assert "holds parts of other pairs" in capsys.readouterr().err
    assert run([*array, "2", "--part-id", "1", "--overwrite"]) == 2
    assert run([*array[:3], "--num-parts", "2"]) == 2
    assert "name it with --out" in capsys.readouterr().err
