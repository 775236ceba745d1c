"""Which images are looked at."""

from pathlib import Path

import pytest

from petsynth.errors import InputError
from petsynth.io.bids.filters import read_filter
from petsynth.io.bids.names import parse_entities
from petsynth.io.bids.walk import Image


def image(name: str) -> Image:
    return Image(Path(name), parse_entities(name))


def test_entities_by_long_or_short_name(tmp_path):
    path = tmp_path / "filter.json"
    path.write_text('{"t1w": {"acquisition": "mprage", "ce": null}, "pet": {"rec": ["a", "b"]}}')
    keep = read_filter(path)
    assert keep(image("sub-1_acq-mprage_T1w.nii"))
    assert not keep(image("sub-1_acq-mprage_ce-gd_T1w.nii"))
    assert not keep(image("sub-1_T1w.nii"))
    assert keep(image("sub-1_rec-b_pet.nii"))
    assert not keep(image("sub-1_rec-c_pet.nii"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not valid JSON"),
        ("[]", "needed is"),
        ('{"bold": {}}', "kind of image 'bold'"),
        ('{"pet": {"colour": "red"}}', "entity 'colour'"),
    ],
)
def test_mistakes_are_named(tmp_path, content, message):
    path = tmp_path / "filter.json"
    path.write_text(content)
    with pytest.raises(InputError, match=message):
        read_filter(path)
    with pytest.raises(InputError, match="no such file"):
        read_filter(tmp_path / "none.json")
