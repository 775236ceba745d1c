"""Fields by the inheritance principle."""

import pytest

from petsynth.errors import InputError
from petsynth.io.bids.metadata import read_metadata


def test_what_stands_closer_wins(tmp_path):
    image = tmp_path / "sub-1" / "ses-a" / "pet" / "sub-1_ses-a_trc-18FFDG_pet.nii.gz"
    image.parent.mkdir(parents=True)
    (tmp_path / "pet.json").write_text('{"Units": "Bq/mL", "Scanner": "A", "Body": "brain"}')
    (tmp_path / "trc-18FFDG_pet.json").write_text('{"Scanner": "B"}')
    (tmp_path / "trc-18FAV45_pet.json").write_text('{"Scanner": "C"}')
    (tmp_path / "T1w.json").write_text('{"Scanner": "D"}')
    assert read_metadata(image) == {"Units": "Bq/mL", "Scanner": "B", "Body": "brain"}
    image.with_name("sub-1_ses-a_trc-18FFDG_pet.json").write_text('{"Units": "SUVR"}')
    assert read_metadata(image)["Units"] == "SUVR"
    (tmp_path / "sub-1" / "sub-1_pet.json").write_text("[]")
    with pytest.raises(InputError, match="must be a JSON object"):
        read_metadata(image)


def test_outside_a_dataset_only_the_own_sidecar_counts(tmp_path):
    (tmp_path / "pet.json").write_text('{"Units": "Bq/mL"}')
    assert read_metadata(tmp_path / "x_pet.nii.gz") == {}
