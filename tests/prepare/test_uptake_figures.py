"""A subject's figures and flags as they stand in ``qc.tsv``."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from petsynth.io.bids.index import Scan
from petsynth.prepare.dataset_files import QC_COLUMNS
from petsynth.prepare.uptake_figures import describe_uptake, flags_of
from petsynth.preprocessing.pet.suvr import RegionMean, Uptake
from petsynth.volume import Volume

SCAN = Scan("sub-1", Path("t1.nii.gz"), Path("pet.nii.gz"), "FDG")


def subject(pet=1.0, unit="SUVR", uptake=None, flags=()):
    """Make a subject whose brain is half of the image; the rest is ten times as bright."""
    mask = np.zeros((2, 2, 2), bool)
    mask[0] = True
    return SimpleNamespace(
        pet=Volume(np.where(mask, pet, 10 * pet), np.eye(4), unit),
        mask=mask,
        uptake=uptake,
        quality=SimpleNamespace(flags=list(flags)),
    )


def test_without_regions_the_brains_mean_is_all_there_is():
    figures = describe_uptake(subject(1.23456789))

    assert (figures["pet_mean"], figures["unit"]) == (1.2346, "SUVR")
    assert {figures[name] for name in set(figures) - {"pet_mean", "unit"}} == {None}


def test_regions_are_told_where_there_are_any():
    place = Volume(np.ones((2, 2, 2), bool), np.eye(4))
    reference = RegionMean("pons", 8123.45678, 15.00004, place)
    figures = describe_uptake(subject(uptake=Uptake(reference, None, 0.98765, abnormal=False)))

    assert figures["reference_region"] == "pons"
    assert (figures["reference_value"], figures["reference_ml"]) == (8123.4568, 15.0)
    assert (figures["target_suvr"], figures["centiloid_like"]) == (None, None)
    assert (figures["warp_correlation"], figures["abnormal"]) == (0.9877, "False")


def test_every_figure_is_explained():
    assert set(describe_uptake(subject())) <= set(QC_COLUMNS)


@pytest.mark.parametrize(
    ("pet", "unit", "flagged"),
    [(1.0, "SUVR", False), (5000.0, "SUVR", True), (0.01, "SUVR", True), (5000.0, "Bq/mL", False)],
)
def test_an_implausible_suvr_is_flagged_and_another_unit_is_not(pet, unit, flagged):
    flags = flags_of(SCAN, subject(pet, unit))

    assert len(flags) == flagged
    assert all("SUVR, plausible are" in flag for flag in flags)


def test_flags_of_quality_come_first_and_are_not_lost():
    uptake = Uptake(None, None, warp_correlation=0.0)
    flags = flags_of(SCAN, subject(5000.0, uptake=uptake, flags=["T1 may be tilted"]))

    assert flags[0] == "T1 may be tilted"
    assert "deformation to MNI space is poor" in flags[1]
    assert len(flags) == 3
