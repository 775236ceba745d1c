"""The filter of images, as fMRIPrep writes it."""

import json
from pathlib import Path

import pytest

from petsynth.errors import InputError, PetsynthWarning
from petsynth.io.bids.filters import ImageFilter, filter_of
from petsynth.io.bids.images import Image
from petsynth.io.bids.names import parse_entities
from petsynth.io.text import read_json


def image(name: str) -> Image:
    return Image(Path(name), parse_entities(name))


def read_filter(path: Path) -> ImageFilter:
    return filter_of(read_json(path), str(path))


def keeps(name: str, **group) -> bool:
    kind = "pet" if "_pet" in name else "t1w"
    return filter_of({kind: group}, "x")(image(name))


def test_entities_by_long_or_short_name(tmp_path):
    path = tmp_path / "filter.json"
    path.write_text('{"t1w": {"acquisition": "mprage", "ce": null}, "pet": {"rec": ["a", "b"]}}')
    keep = read_filter(path)
    assert keep(image("sub-1_acq-mprage_T1w.nii"))
    assert not keep(image("sub-1_acq-mprage_ce-gd_T1w.nii"))
    assert not keep(image("sub-1_T1w.nii"))
    assert keep(image("sub-1_rec-b_pet.nii"))
    assert not keep(image("sub-1_rec-c_pet.nii"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_as_fmriprep_writes_it(tmp_path, encoding):
    path = tmp_path / "filter.json"
    content = {
        "fmap": {"datatype": "fmap"},
        "bold": {"datatype": "func", "suffix": "bold"},
        "sbref": {"datatype": "func", "suffix": "sbref"},
        "flair": {"datatype": "anat", "suffix": "FLAIR"},
        "t2w": {"datatype": "anat", "suffix": "T2w"},
        "t1w": {"datatype": "anat", "suffix": "T1w", "run": 2, "part": ["mag", None]},
        "roi": {"datatype": "anat", "suffix": "roi"},
    }
    path.write_bytes(json.dumps(content).encode(encoding))
    with pytest.warns(PetsynthWarning, match="fmap, bold, sbref, flair, t2w, roi: only the groups"):
        keep = read_filter(path)
    assert keep(image("sub-1_run-02_T1w.nii.gz"))
    assert keep(image("sub-1_run-2_part-mag_T1w.nii.gz"))
    assert not keep(image("sub-1_run-20_T1w.nii.gz"))
    assert not keep(image("sub-1_T1w.nii.gz"))
    assert keep(image("sub-1_pet.nii.gz"))


@pytest.mark.parametrize(
    ("group", "name", "kept"),
    [
        ({"run": 2}, "sub-1_run-02_T1w.nii", True),
        ({"run": "2"}, "sub-1_run-002_T1w.nii", True),
        ({"run": "02"}, "sub-1_run-2_T1w.nii", True),
        ({"run": [1, 2]}, "sub-1_run-2_T1w.nii", True),
        ({"run": "run-2"}, "sub-1_run-02_T1w.nii", True),
        ({"run": None}, "sub-1_T1w.nii", True),
        ({"run": None}, "sub-1_run-1_T1w.nii", False),
        ({"run": "Query.NONE"}, "sub-1_T1w.nii", True),
        ({"run": "Query.NONE"}, "sub-1_run-1_T1w.nii", False),
        ({"run": "*"}, "sub-1_run-1_T1w.nii", True),
        ({"run": "*"}, "sub-1_T1w.nii", False),
        ({"run": "Query.ANY"}, "sub-1_T1w.nii", False),
        ({"run": "Query.OPTIONAL"}, "sub-1_T1w.nii", True),
        ({"run": "Query.OPTIONAL"}, "sub-1_run-7_T1w.nii", True),
        ({"run": [None, 1]}, "sub-1_T1w.nii", True),
        ({"run": [None, 1]}, "sub-1_run-2_T1w.nii", False),
        ({"session": "01"}, "sub-1_ses-01_T1w.nii", True),
        ({"session": "ses-01"}, "sub-1_ses-01_T1w.nii", True),
        ({"session": ["pre", "post"]}, "sub-1_ses-late_T1w.nii", False),
        ({"subject": "1"}, "sub-1_T1w.nii", True),
        ({"subject": ["2"]}, "sub-1_T1w.nii", False),
        ({"datatype": "anat"}, "sub-1_T1w.nii", True),
        ({"datatype": "func"}, "sub-1_T1w.nii", False),
        ({"suffix": ["T1w", "T2w"]}, "sub-1_T1w.nii", True),
        ({"suffix": "UNIT1"}, "sub-1_T1w.nii", False),
        ({"extension": [".nii", ".nii.gz"]}, "sub-1_T1w.nii.gz", True),
        ({"extension": "nii.gz"}, "sub-1_T1w.nii", False),
        ({"tracer": "FDG"}, "sub-1_trc-18FFDG_pet.nii", True),
        ({"tracer": "[18F]AV45"}, "sub-1_trc-18FFDG_pet.nii", False),
        ({"space": None, "desc": None, "echo": None}, "sub-1_T1w.nii", True),
    ],
)  # fmt: skip
def test_values_mean_what_they_mean_in_pybids(group, name, kept):
    assert keeps(name, **group) is kept


def test_a_label_that_is_named_is_told_from_one_that_is_allowed():
    pet = image("sub-1_rec-nacstat_pet.nii")
    for labels, named in (("nacstat", True), (["acstat", "nacstat"], True), ("*", False)):
        assert filter_of({"pet": {"rec": labels}}, "x").names(pet, "rec") is named
    assert not ImageFilter().names(pet, "rec")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not valid JSON"),
        ("[]", "must be a JSON object"),
        ('{"t1w": []}', "needed is"),
        ('{"pet": {"colour": "red"}}', "entity 'colour'"),
        ('{"pet": {"run": {"a": 1}}}', "run is {'a': 1}, needed is a label"),
    ],
)
def test_mistakes_in_a_filter_are_named(tmp_path, content, message):
    path = tmp_path / "filter.json"
    path.write_text(content)
    with pytest.raises(InputError, match=message):
        read_filter(path)
    with pytest.raises(InputError, match="no such file"):
        read_filter(tmp_path / "none.json")
