"""A subject's figures and flags as they stand in ``qc.tsv``, and outliers among subjects."""

import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from petsynth.io.bids.index import Scan
from petsynth.io.text import read_table
from petsynth.prepare.quality_control import (
    QC_COLUMNS,
    flags_of,
    outliers,
    qc_row,
    uptake_figures,
    write_qc,
)
from petsynth.preprocessing.flags import CHECKS, Flag
from petsynth.preprocessing.pet.suvr import RegionMean, Uptake
from petsynth.preprocessing.pet.time_window import TimeWindow
from petsynth.preprocessing.quality import Quality
from petsynth.volume import Volume

SCAN = Scan("sub-1", Path("t1.nii.gz"), Path("pet.nii.gz"), "FDG")


def subject(pet=1.0, unit="SUVR", uptake=None, flags=()):
    """Make a subject whose brain is half of the image; the rest is ten times as bright."""
    mask = np.zeros((2, 2, 2), bool)
    mask[0] = True
    image = Volume(np.where(mask, pet, 10 * pet), np.eye(4), unit)
    return SimpleNamespace(
        pet=image,
        static_pet=lambda: image,
        mask=mask,
        covered=np.ones_like(mask),
        aligned=True,
        time_window=None,
        uptake=uptake,
        quality=SimpleNamespace(flags=list(flags)),
    )


def test_a_row_has_the_columns_that_are_explained():
    figures = Quality(1412.34567, 0.4, 0.5, 0.3, 0.1, 3.0, 2.0, 1.0, pet_reproducible=False)
    one = subject()
    one.quality, one.mask_source = figures, "given"
    row = qc_row(dataclasses.replace(SCAN, session="m12", interval_days=7), one)
    assert list(row) == ["participant_id", *QC_COLUMNS]
    assert (row["participant_id"], row["session_id"], row["interval_days"]) == (
        *("sub-1", "ses-m12"),
        7,
    )
    assert (row["brain_volume_ml"], row["pet_reproducible"]) == (1412.3457, "no")
    assert "registration of the PET is not reproducible" in row["flags"]
    assert row["flagged_checks"] == "registration"


def test_checks_that_did_not_run_are_n_a_and_the_brains_mean_too():
    """Without registration the mask is not the brain in the PET."""
    one = subject(5000.0)
    one.quality = Quality(1400, *[None] * 7, t1_reproducible=None, pet_reproducible=None)
    one.mask_source, one.aligned = "given", False
    row = qc_row(SCAN, one)
    assert (row["pet_mean"], row["t1_reproducible"], row["pet_coverage"]) == (None, None, None)
    assert (row["flags"], row["flagged_checks"]) == ("none", "none")


def test_the_brains_mean_is_over_what_the_pet_covers():
    one = subject(2.0)
    one.pet.data[0, 0, 0] = 0
    one.covered[0, 0, 0] = False
    assert uptake_figures(one)["pet_mean"] == 2.0


def test_the_time_window_is_told_and_flagged():
    one = subject()
    one.quality, one.mask_source = Quality(1400, 0.45, 0.5, 0.3, 0.1, 3.0, 2.0, 1.0), "given"
    one.time_window = TimeWindow((30.0, 60.0), (40.0, 60.0), 2 / 3, 1.0)
    row = qc_row(SCAN, one)
    assert (row["time_window_min"], row["time_window_covered"]) == ("30-60", 0.6667)
    assert row["flagged_checks"] == "time-window"
    assert set(row["flagged_checks"].split()) <= set(CHECKS)


def test_without_regions_the_brains_mean_is_all_there_is():
    figures = uptake_figures(subject(1.23456789))

    assert (figures["pet_mean"], figures["unit"]) == (1.2346, "SUVR")
    assert {figures[name] for name in set(figures) - {"pet_mean", "unit"}} == {None}


def test_regions_are_told_where_there_are_any():
    place = Volume(np.ones((2, 2, 2), bool), np.eye(4))
    reference = RegionMean("pons", 8123.45678, 15.00004, place, 0.87654)
    figures = uptake_figures(subject(uptake=Uptake(reference, None, 0.98765, abnormal=False)))

    assert figures["reference_region"] == "pons"
    assert (figures["reference_value"], figures["reference_ml"]) == (8123.4568, 15.0)
    assert figures["reference_covered_fraction"] == 0.8765
    assert (figures["target_suvr"], figures["centiloid_like"]) == (None, None)
    assert (figures["warp_correlation"], figures["abnormal"]) == (0.9877, "False")


def test_every_figure_is_explained():
    assert set(uptake_figures(subject())) <= set(QC_COLUMNS)


@pytest.mark.parametrize(
    ("pet", "unit", "flagged"),
    [(1.0, "SUVR", False), (5000.0, "SUVR", True), (0.01, "SUVR", True), (5000.0, "Bq/mL", False)],
)
def test_an_implausible_suvr_is_flagged_and_another_unit_is_not(pet, unit, flagged):
    flags = flags_of(SCAN, subject(pet, unit))

    assert len(flags) == flagged
    assert all("SUVR, plausible are" in flag.text for flag in flags)


def test_flags_of_quality_come_first_and_are_not_lost():
    uptake = Uptake(None, None, warp_correlation=0.0)
    flags = flags_of(
        SCAN, subject(5000.0, uptake=uptake, flags=[Flag("t1-alignment", "T1 may be tilted")])
    )

    assert flags[0].text == "T1 may be tilted"
    assert "deformation to MNI space is poor" in flags[1].text
    assert len(flags) == 3


def test_unknown_figures_are_n_a_and_columns_are_explained(tmp_path):
    rows = [
        {"participant_id": "sub-01", "pet_mean": 1.25, "abnormal": None},
        {"participant_id": "sub-02", "pet_mean": None, "abnormal": "True"},
    ]
    write_qc(tmp_path, rows)
    table = read_table(tmp_path / "qc.tsv")
    meanings = json.loads((tmp_path / "qc.json").read_text())

    assert table.to_numpy().tolist() == [["sub-01", "1.25", "n/a"], ["sub-02", "n/a", "True"]]
    assert set(table.columns) - {"participant_id"} <= set(meanings)
    assert all(meaning["Description"] for meaning in meanings.values())


def test_every_figure_of_quality_has_a_meaning():
    assert {field.name for field in dataclasses.fields(Quality)} <= set(QC_COLUMNS)


def test_equal_values_are_no_outliers():
    assert outliers([2.0] * 6) == [False] * 6
    assert outliers([1.0, 2.0, 300.0]) == [False] * 3
