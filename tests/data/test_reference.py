"""Which region prepared PET is relative to."""

import json

import pytest

from petsynth.data.prepared import PreparedData
from petsynth.data.reference import reference_region


@pytest.fixture
def folder(make_prepared, tmp_path):
    return make_prepared(tmp_path / "prepared", {"train": 2, "test": 1})


def record(folder, name, region, **more):
    content = {"qc": {"reference_region": region}, **more}
    (folder / "arrays" / f"{name}.json").write_text(json.dumps(content))


def test_records_name_what_was_divided_by(folder):
    record(folder, "sub-001", "pons")
    record(folder, "sub-002", "pons")
    assert reference_region(PreparedData(folder)) == "pons"
    record(folder, "sub-003", "whole-cerebellum")
    assert reference_region(PreparedData(folder)) == "pons or whole-cerebellum"


def test_a_pet_that_came_as_suvr_has_the_region_of_its_sidecar(folder):
    sidecar = "sub-001/pet/sub-001_trc-18FFDG_space-aligned_desc-preproc_pet.json"
    (folder / sidecar).parent.mkdir(parents=True)
    (folder / sidecar).write_text('{"ReferenceRegion": "pons"}')
    record(folder, "sub-001", None, files=["figures/a.png", sidecar])
    assert reference_region(PreparedData(folder)) == "pons"


def test_nobody_said_it(folder):
    assert reference_region(PreparedData(folder)) is None
    (folder / "arrays" / "sub-001.json").write_text("[1]")
    record(folder, "sub-002", "n/a")
    record(folder, "sub-003", 5)
    assert reference_region(PreparedData(folder)) is None
