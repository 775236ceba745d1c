"""The table of a dry run."""

from pathlib import Path

import pandas as pd

from petsynth.io.bids.index import Exclusion, Index, Scan
from petsynth.prepare.plan import plan
from petsynth.prepare.preparation import Preparation
from petsynth.preprocessing.subject import PreprocessingSettings


def test_a_row_for_each_pair_each_person_and_each_image_left_out(tmp_path):
    scans = []
    for name in ("sub-1", "sub-3"):
        t1, pet = (tmp_path / f"{name}_{suffix}.nii.gz" for suffix in ("T1w", "pet"))
        if name == "sub-1":
            t1.touch()
            pet.touch()
        scans.append(Scan(name, t1, pet, "FDG", "bl", 12))
    unused = [
        Exclusion("sub-1", "further away", "sub-1_run-2_T1w.nii.gz"),
        Exclusion("sub-1", "later", "sub-1_ses-m12_pet.nii.gz"),
    ]
    index = Index(scans, {"sub-2": "no FDG PET"}, unused)
    table = plan(Preparation(tmp_path, tmp_path / "out", PreprocessingSettings()), index)
    assert list(table["participant_id"]) == ["sub-1", "sub-1", "sub-1", "sub-2", "sub-3"]
    assert list(table["what"][:4]) == [
        "prepare",
        "left out: further away",
        "left out: later",
        "left out: no FDG PET",
    ]
    assert table["what"].iloc[4].startswith("left out: [Errno 2] No such file")
    first = table.iloc[0]
    assert (first["session_id"], first["tracer"], first["interval_days"]) == ("ses-bl", "FDG", 12)
    assert table["t1"].iloc[1] == "sub-1_run-2_T1w.nii.gz"
    assert pd.isna(table["t1"].iloc[2])
    assert table["pet"].iloc[2] == "sub-1_ses-m12_pet.nii.gz"
    assert not Path(tmp_path / "out").exists()
