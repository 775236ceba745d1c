"""``petsynth prepare`` from a BIDS folder to prepared data.

See also ``test_refusals`` and ``test_bad_input``.
"""

import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from petsynth.cli.main import run
from petsynth.data.jpeg import decode
from petsynth.data.prepared import PreparedData
from petsynth.io.nifti import read_grid, read_volume, write_volume
from petsynth.io.text import read_table
from petsynth.prepare import participant_level
from petsynth.preprocessing.grids import conformed_grid, model_grid, pet_grid

SMALL = ("--voxel-mm", "6", "--nprocs", "1", "--skip-bids-validation")


def prepare(bids, out, *options) -> int:
    return run(["prepare", str(bids), str(out), *SMALL, *map(str, options)])


def digest(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".log"
    }


def test_verbose_tells_each_subjects_figures(bids, truth, tmp_path, capsys):
    words = ("--masks", f"truth={truth}", "--participant-label", "001", "--test", "1")
    assert prepare(bids, tmp_path / "out", "participant", *words, "-v") == 0
    told = capsys.readouterr().err
    qc = json.loads((tmp_path / "out" / "arrays" / "sub-001.json").read_text())["qc"]
    volume, ratio = f"{qc['brain_volume_ml']:.0f}", f"{qc['local_correlation_ratio']:.2f}"
    assert re.search(rf"sub-001: \d+\.\d s; brain {volume} mL \(given\); .*ratio {ratio}", told)
    assert prepare(bids, tmp_path / "out", "participant", *words) == 0
    assert "brain" not in capsys.readouterr().err


def test_arrays_on_the_models_grid(prepared):
    data = PreparedData(prepared)
    assert (data.tracer, data.unit, data.frames, data.simulated) == ("FDG", "SUVR", 1, True)
    assert data.grid.matches(model_grid(6))
    for name in ("sub-001", "sub-004"):
        mri, pet, mask = data.mri(name), data.pet(name), data.mask(name)
        assert (
            mri.shape == pet.shape == mask.shape == data.noise_free(name).shape == data.grid.shape
        )
        assert (mri.dtype, pet.dtype, mask.dtype) == (np.float32, np.float32, bool)
        assert (mri.min(), mri.max()) == (-1, 1)
        assert 0.5 < pet[mask].mean() < 2.5


def test_niftis_hold_the_same(prepared):
    data = PreparedData(prepared)
    stem = prepared / "sub-002"
    pet = read_volume(stem / "pet" / "sub-002_trc-18FFDG_space-aligned_desc-preproc_pet.nii.gz")
    mask = stem / "anat" / "sub-002_space-aligned_desc-brain_mask.nii.gz"
    t1 = stem / "anat" / "sub-002_space-aligned_desc-preproc_T1w.nii.gz"
    np.testing.assert_array_equal(pet.data, data.pet("sub-002"))
    np.testing.assert_array_equal(read_volume(mask).data > 0, data.mask("sub-002"))
    assert read_grid(t1).matches(data.grid)
    sidecar = json.loads(Path(str(mask).replace(".nii.gz", ".json")).read_text())
    assert "not in MNI space" in sidecar["SpatialReference"]
    assert "given" in sidecar["Description"]


def test_sidecars_invent_nothing(prepared, bids):
    name = "sub-001/pet/sub-001_trc-18FFDG"
    raw = json.loads((bids / f"{name}_pet.json").read_text())
    path = prepared / f"{name}_space-aligned_desc-preproc_pet.json"
    sidecar = json.loads(path.read_text())
    assert {key: sidecar[key] for key in raw} == raw
    assert set(sidecar) - set(raw) == {
        "Description",
        "SpatialReference",
        "SkullStripped",
        "Sources",
    }
    assert sidecar["Sources"][0] == f"bids:raw:{name}_pet.nii.gz"


def test_transforms_lead_back_to_the_scans(prepared, bids, truth):
    """The written transforms agree with the simulation's truth to a millimetre."""
    path = prepared / "sub-001" / "pet" / "sub-001_trc-18FFDG_from-T1w_to-pet_mode-image_xfm.json"
    found = np.array(json.loads(path.read_text())["matrix"])
    path = truth / "sub-001" / "pet" / "sub-001_trc-18FFDG_from-pet_to-T1w_xfm.json"
    back = np.array(json.loads(path.read_text())["matrix"])
    centre = np.append(read_grid(bids / "sub-001/anat/sub-001_T1w.nii.gz").centre_mm, 1)
    assert np.linalg.norm((back @ found @ centre - centre)[:3]) < 1.5


def test_split_is_stratified_and_the_scale_is_of_the_training_set(prepared):
    data = PreparedData(prepared)
    for part in ("train", "test"):
        assert sorted(map(data.diagnosis, data.participants(part))) == ["AD", "CN"]
    pooled = [data.static_pet(name)[data.mask(name)] for name in data.participants("train")]
    assert data.pet_scale == pytest.approx(np.percentile(np.concatenate(pooled), 99.9), rel=0.01)
    assert "training subjects" in data.description["pet_scale_definition"]


def test_quality_control_has_a_row_and_a_picture_each(prepared):
    qc = read_table(prepared / "qc.tsv")
    assert list(qc["participant_id"]) == [f"sub-00{number}" for number in range(1, 5)]
    assert set(qc["mask_source"]) == {"given"}
    assert set(qc["flags"]) == {"none"}
    for name in qc["participant_id"]:
        picture = prepared / name / "figures" / f"{name}_desc-alignment_pet.png"
        assert picture.read_bytes().startswith(b"\x89PNG")
    assert list(read_table(prepared / "exclusions.tsv").columns) == [
        "participant_id",
        "session_id",
        "image",
        "reason",
    ]


def test_every_subject_and_the_group_have_a_page(prepared, copy, bids):
    for name in ("sub-001.html", "sub-004.html", "group_qc.html"):
        assert "SIMULATED DATA" in (prepared / name).read_text()
        (copy / name).unlink()
    assert run(["prepare", str(bids), str(copy), "--reports-only"]) == 0
    assert digest(copy) == digest(prepared)


def test_the_paragraph_alone_is_printed_and_nothing_written(prepared, bids, tmp_path, capfd):
    before = digest(prepared)
    assert run(["prepare", str(bids), str(prepared), "--boilerplate-only"]) == 0
    assert capfd.readouterr().out == (prepared / "logs" / "CITATION.md").read_text()
    assert digest(prepared) == before
    out = tmp_path / "new"
    assert prepare(bids, out, "--boilerplate-only", "--psf-mm", "8", "--frames", "2") == 0
    told = capfd.readouterr().out
    assert "smoothed to a resolution of 8 mm" in told
    assert "resampled in time to 2 windows" in told
    assert not out.exists()


def test_slices_as_jpeg(prepared):
    folder = prepared / "slices" / "sub-001"
    x, y, z = model_grid(6).shape
    assert len(list(folder.glob("*.jpg"))) == 2 * (x + y + z)
    data = PreparedData(prepared)
    axial = decode((folder / f"axial_{z // 2:03}_mri.jpg").read_bytes())
    expected = (data.mri("sub-001")[:, :, z // 2].T[::-1] + 1) / 2 * 255
    assert axial.shape == (y, x)
    assert np.abs(axial - expected).max() < 4


def test_bids_validator_accepts_derivatives(prepared):
    validator = Path(sys.executable).parent / "bids-validator-deno"
    if not validator.exists():
        pytest.skip(f"the BIDS validator is not installed ({validator})")
    result = subprocess.run(
        [validator, prepared, "--format", "json"], capture_output=True, text=True, check=False
    )
    issues = json.loads(result.stdout)["issues"]["issues"]
    errors = [(i["code"], i.get("location")) for i in issues if i["severity"] == "error"]
    assert errors == []


def test_a_finished_subject_is_not_redone(bids, truth, copy, monkeypatch, capfd):
    def refuse(*_):
        raise AssertionError("a finished subject was prepared again")

    before = digest(copy)
    monkeypatch.setattr(participant_level, "prepare_subject", refuse)
    assert prepare(bids, copy, "--masks", truth, "--jpeg", "--test", "2") == 0
    assert digest(copy) == before
    (said,) = re.findall(r"finished before and kept: (\d+) of (\d+)", capfd.readouterr().err)
    assert said[0] == said[1]


def test_a_subject_with_a_missing_file_or_a_changed_scan_is_redone(own_bids, copy, monkeypatch):
    done = []
    real = participant_level.prepare_subject
    monkeypatch.setattr(
        participant_level, "prepare_subject", lambda *a: done.append(a[0].t1.name) or real(*a)
    )
    (copy / "sub-001" / "figures" / "sub-001_desc-alignment_pet.png").unlink()
    t1 = own_bids / "sub-002" / "anat" / "sub-002_T1w.nii.gz"
    volume = read_volume(t1)
    write_volume(t1, volume.with_data(volume.data * 2))
    assert (
        prepare(own_bids, copy, "--masks", own_bids / "derivatives" / "truth", "--test", "2") == 0
    )
    assert done == ["sub-001_T1w.nii.gz", "sub-002_T1w.nii.gz"]


def test_participant_then_group_gives_what_both_at_once_give(
    bids, truth, prepared, tmp_path, capfd
):
    out = tmp_path / "out"
    arguments = ["prepare", str(bids), str(out)]
    for part in ("0", "1"):
        parts = ["--num-parts", "2", "--part-id", part]
        assert run([*arguments, "participant", *SMALL, "--masks", str(truth), *parts]) == 0
    assert not (out / "split.tsv").exists()
    assert f"petsynth prepare {bids} {out} group" in capfd.readouterr().err
    assert run([*arguments, "group", "--test", "2"]) == 0
    for name in ("prepared.json", "split.tsv", "qc.tsv", "exclusions.tsv", "participants.tsv"):
        assert (out / name).read_text() == (prepared / name).read_text()


def test_participant_alone_builds_the_cohort_where_it_prepares_everyone(bids, truth, tmp_path):
    words = ["prepare", str(bids), str(tmp_path), "participant", *SMALL, "--masks", str(truth)]
    assert run(words) == 0
    assert len(PreparedData(tmp_path).participants()) == 4


def test_the_group_level_names_who_is_not_prepared(bids, truth, tmp_path, capfd):
    out = tmp_path / "out"
    chosen = ("--participant-label", "001", "002", "--masks", truth)
    arguments = ["prepare", str(bids), str(out)]
    assert run([*arguments, "participant", *SMALL, *map(str, chosen)]) == 0
    assert run([*arguments, "group", "--test", "0"]) == 0
    excluded = read_table(out / "exclusions.tsv")
    assert list(excluded["participant_id"]) == ["sub-003", "sub-004"]
    assert set(excluded["reason"]) == {"not prepared yet: run the participant level for it"}


def test_the_group_level_needs_prepared_subjects(bids, tmp_path, capfd):
    assert run(["prepare", str(bids), str(tmp_path / "out"), "group"]) == 1
    assert "run the participant level first" in capfd.readouterr().err


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(bids, truth, copy, tmp_path, capfd):
    out = tmp_path / "new"
    assert prepare(bids, out, "--masks", truth, "--dry-run") == 0
    assert not out.exists()
    lines = [line.split("\t") for line in capfd.readouterr().out.splitlines()]
    assert lines[0][0] == "participant_id"
    pair = ["sub-001_T1w.nii.gz", "sub-001_trc-18FFDG_pet.nii.gz", "FDG"]
    assert lines[1] == ["sub-001", "n/a", *pair, "n/a", "prepare"]
    before = digest(copy)
    assert prepare(bids, copy, "--masks", truth, "--dry-run") == 0
    assert {line.split("\t")[-1] for line in capfd.readouterr().out.splitlines()[1:]} == {
        "finished"
    }
    assert digest(copy) == before


def test_a_session_that_vanishes_is_left_out(own_bids, truth, tmp_path, monkeypatch):
    def vanish(*_, **__):
        shutil.rmtree(own_bids / "sub-001" / "pet", ignore_errors=True)

    monkeypatch.setattr(participant_level, "write_dataset_files", vanish)
    out, chosen = tmp_path / "out", ("--participant-label", "001", "002")
    assert prepare(own_bids, out, "--masks", truth, *chosen, "--test", "0") == 0
    excluded = read_table(out / "exclusions.tsv")
    assert list(excluded["participant_id"]) == ["sub-001"]
    assert "has vanished since" in excluded["reason"][0]


def test_more_subjects_extend_what_is_there(bids, truth, tmp_path):
    out, chosen = tmp_path / "out", ("--participant-label", "001")
    assert prepare(bids, out, "--masks", truth, "--test", "0", *chosen) == 0
    chosen = ("--participant-label", "2")
    assert prepare(bids, out, "--masks", truth, "--test", "0", *chosen, "--nprocs", "2") == 0
    assert PreparedData(out).participants("train") == ["sub-001", "sub-002"]


def test_a_split_file_may_use_original_ids(own_bids, truth, copy, tmp_path, capfd):
    participants = read_table(own_bids / "participants.tsv")
    participants["original_id"] = ["IXI012-HH-1211", "x_2", "n/a", "n/a"]
    rows = [("ixi012hh1211", "train"), ("X-2", "test"), ("3", "validation")]
    table = tmp_path / "split.tsv"
    pd.DataFrame(rows, columns=["participant_id", "split"]).to_csv(table, sep="\t", index=False)
    participants.to_csv(own_bids / "participants.tsv", sep="\t", index=False)
    out = tmp_path / "new"
    assert prepare(own_bids, out, "--masks", truth, "--split", table) == 0
    data = PreparedData(out)
    assert {name: data.split(name) for name in data.participants()} == {
        "sub-001": "train",
        "sub-002": "test",
        "sub-003": "validation",
    }
    assert "left out: sub-004: not in" in capfd.readouterr().err
    assert list(read_table(out / "exclusions.tsv")["participant_id"]) == ["sub-004"]
    assert read_table(out / "participants.tsv")["original_id"][0] == "IXI012-HH-1211"


def test_one_damaged_subject_is_reported_and_the_others_finish(own_bids, truth, tmp_path, capfd):
    pet = own_bids / "sub-002" / "pet" / "sub-002_trc-18FFDG_pet.nii.gz"
    pet.write_bytes(pet.read_bytes()[:5000])
    out, chosen = tmp_path / "out", ("--participant-label", "001", "002")
    assert prepare(own_bids, out, "--masks", truth, *chosen, "--test", "0") == 0
    excluded = read_table(out / "exclusions.tsv")
    assert list(excluded["participant_id"]) == ["sub-002"]
    assert "truncated or damaged" in excluded["reason"][0]
    assert PreparedData(out).participants() == ["sub-001"]
    lines = [line for line in capfd.readouterr().err.splitlines() if "left out" in line]
    assert len(lines) == 1


def test_it_stops_at_the_first_crash_where_that_is_wanted(own_bids, truth, tmp_path, capfd):
    (own_bids / "sub-001" / "anat" / "sub-001_T1w.nii.gz").write_bytes(b"no image")
    out, chosen = tmp_path / "out", ("--participant-label", "001", "002")
    assert prepare(own_bids, out, "--masks", truth, *chosen, "--stop-on-first-crash") == 1
    last = capfd.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("petsynth prepare: error: sub-001: ")
    assert "stopped there" in last
    assert not (out / "arrays" / "sub-002.json").exists()
    assert not (out / "split.tsv").exists()


def test_all_damaged_is_a_failure(own_bids, truth, tmp_path, capfd):
    t1 = own_bids / "sub-001" / "anat" / "sub-001_T1w.nii.gz"
    t1.write_bytes(b"no image")
    chosen = ("--participant-label", "001")
    assert prepare(own_bids, tmp_path / "out", "--masks", truth, *chosen) == 1
    assert "no subject could be prepared; the first: " in capfd.readouterr().err


def test_a_strangers_pet_is_flagged_and_kept(own_bids, truth, tmp_path, capfd):
    pet = "sub-{0}/pet/sub-{0}_trc-18FFDG_pet.nii.gz"
    shutil.copy(own_bids / pet.format("003"), own_bids / pet.format("001"))
    out, chosen = tmp_path / "out", ("--participant-label", "001")
    assert prepare(own_bids, out, "--masks", truth, *chosen, "--test", "0") == 0
    assert "different people" in read_table(out / "qc.tsv")["flags"][0]
    assert "sub-001: check its picture" in capfd.readouterr().err


def test_what_was_assumed_is_said(own_bids, truth, tmp_path, capfd):
    """Scans stored as LAS lose their place in the world, but not left and right."""
    path = own_bids / "sub-001" / "anat" / "sub-001_T1w.nii.gz"
    mask = own_bids / "masks" / "sub-001" / "anat" / "sub-001_desc-brain_mask.nii.gz"
    mask.parent.mkdir(parents=True)
    shutil.copy(truth / "sub-001" / "anat" / "sub-001_desc-brain_mask.nii.gz", mask)
    for file in (path, mask):
        image = nib.as_closest_canonical(nib.load(file))
        bare = nib.Nifti1Image(np.asanyarray(image.dataobj)[::-1], None)
        bare.header.set_zooms(image.header.get_zooms())
        bare.set_sform(None, code=0)
        bare.set_qform(None, code=0)
        nib.save(bare, file)
    nib.save(nib.Nifti1Image(nib.load(mask).get_fdata(), nib.load(path).affine), mask)
    chosen = ("--participant-label", "001", "--test", "0", "--masks", own_bids / "masks")
    assert prepare(own_bids, tmp_path / "out", *chosen) == 0
    lines = capfd.readouterr().err.splitlines()
    said = [line for line in lines if line.startswith("sub-001: ") and "neither sform" in line]
    assert len(said) == 1


def test_a_segmentation_gives_the_same_brain_as_a_mask(bids, truth, prepared, tmp_path):
    mask = read_volume(truth / "sub-001" / "anat" / "sub-001_desc-brain_mask.nii.gz")
    labels = np.where(mask.data > 0, 3.0, 0.0)
    labels[labels.shape[0] // 2 :] *= 14
    path = tmp_path / "seg" / "sub-001" / "anat" / "sub-001_dseg.nii.gz"
    write_volume(path, mask.with_data(labels), dtype=np.int16)
    out, chosen = tmp_path / "out", ("--participant-label", "001", "--test", "0")
    assert prepare(bids, out, "--masks", tmp_path / "seg", *chosen) == 0
    assert list(read_table(out / "qc.tsv")["mask_source"]) == ["segmentation"]
    np.testing.assert_array_equal(
        PreparedData(out).mask("sub-001"), PreparedData(prepared).mask("sub-001")
    )
    assert "all labels of a segmentation" in (out / "sub-001.html").read_text()


def test_other_units_than_most_are_left_out(copy, bids, truth):
    path = copy / "arrays" / "sub-003.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {"unit": "Bq/mL"}))
    assert prepare(bids, copy, "--masks", truth, "--test", "1") == 0
    excluded = read_table(copy / "exclusions.tsv")
    assert excluded["reason"][0] == (
        "PET unit: Bq/mL, of most others SUVR; correct Units in its sidecar, or give all subjects "
        "one unit with --units suvr"
    )
    assert "sub-003" not in PreparedData(copy).participants()


def test_paper_b_gets_a_conformed_t1_and_its_own_boxes(bids, truth, tmp_path):
    out = tmp_path / "out"
    words = ["prepare", str(bids), str(out), "participant", "group", "--masks", str(truth)]
    words += ["--grid", "paper-b", "--voxel-mm", "12", "--skip-bids-validation", "--test", "2"]
    assert run(words) == 0
    data = PreparedData(out)
    assert data.grid.matches(pet_grid(12))
    assert data.t1_grid is not None
    assert data.t1_grid.matches(conformed_grid(12))
    t1, pet = data.t1("sub-001"), data.pet("sub-001")
    assert (t1.shape, pet.shape) == ((43, 43, 43), (13, 16, 13))
    assert (t1.min(), t1.max()) == (0, 255)
    # T1 and PET are in one space: the brain's middle lies at the same place in both.
    mask = data.mask("sub-001")
    middle = data.grid.affine @ [*np.argwhere(mask).mean(axis=0), 1]
    on_t1 = np.linalg.inv(data.t1_grid.affine) @ middle
    x, y, z = on_t1[:3].round().astype(int)
    around = t1[x - 3 : x + 4, y - 3 : y + 4, z - 3 : z + 4]
    assert around.mean() > 2 * t1[:4, :4, :4].mean()


def test_paper_bs_own_setting_keeps_everyone_and_flags_nobody(bids, truth, tmp_path):
    """Without registration some were left out for not being registered."""
    out = tmp_path / "out"
    words = ["prepare", str(bids), str(out), "--masks", str(truth), "--skip-bids-validation"]
    words += [
        "--grid",
        "paper-b",
        "--voxel-mm",
        "12",
        "--registration",
        "none",
        "--test",
        "1",
        "-v",
    ]
    assert run(words) == 0
    assert len(read_table(out / "exclusions.tsv")) == 0
    qc = read_table(out / "qc.tsv")
    assert set(qc["flags"]) == {"none"}
    for column in ("local_correlation_ratio", "pet_reproducible", "pet_coverage", "pet_mean"):
        assert set(qc[column]) == {"n/a"}


def test_flagged_subjects_are_left_out_where_that_is_wanted(own_bids, truth, tmp_path, capfd):
    pet = "sub-{0}/pet/sub-{0}_trc-18FFDG_pet.nii.gz"
    shutil.copy(own_bids / pet.format("003"), own_bids / pet.format("001"))
    out, chosen = tmp_path / "out", ("--participant-label", "001", "002", "--test", "0")
    assert prepare(own_bids, out, "--masks", truth, *chosen, "--exclude-flagged", "pair") == 0
    assert PreparedData(out).participants() == ["sub-002"]
    assert "flagged, left out by --exclude-flagged pair" in capfd.readouterr().err
    assert prepare(own_bids, out, "group", "--test", "0", "--exclude-flagged", "motion") == 0
    assert PreparedData(out).participants() == ["sub-001", "sub-002"]
    assert prepare(own_bids, out, "group", "--test", "0", "--exclude-flagged") == 0
    assert PreparedData(out).participants() == ["sub-002"]
