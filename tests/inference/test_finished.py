"""Which predictions are finished: files that stand, and sidecars that tell the same origin."""

import json
from types import SimpleNamespace

import pytest

from petsynth.errors import InputError
from petsynth.inference.finished import (
    check_result_names,
    differences,
    fingerprint,
    is_finished,
    origin_of,
)

RUN = SimpleNamespace(
    metadata={"config_hash": "abc", "weights_sha256": "def"},
    system=SimpleNamespace(covariates_used=lambda: ()),
)


@pytest.fixture
def files(tmp_path):
    t1 = tmp_path / "sub-01_T1w.nii"
    t1.write_bytes(b"a T1")
    origin = origin_of(RUN, ("axial",), 1, 0, fingerprint(t1), {})
    paths = [tmp_path / "sub-01_pet.nii.gz", tmp_path / "sub-01_panel.png"]
    for path in paths:
        path.write_bytes(b"")
    (tmp_path / "sub-01_pet.json").write_text(json.dumps(origin | {"Units": "SUVR"}))
    return paths, origin, t1


def test_the_same_origin_is_finished(files):
    paths, origin, _ = files
    assert is_finished(paths, origin)


@pytest.mark.parametrize("change", [{"Seed": 1}, {"Samples": 4}, {"ModelWeightsSHA256": "other"}])
def test_another_seed_sample_or_model_is_not(files, change):
    paths, origin, _ = files
    assert not is_finished(paths, origin | change)
    assert differences(paths[0], origin | change) == list(change)


def test_a_missing_file_is_not_finished(files):
    paths, origin, _ = files
    paths[1].unlink()
    assert not is_finished(paths, origin)


def test_a_damaged_sidecar_is_not_finished(files):
    paths, origin, _ = files
    (paths[0].parent / "sub-01_pet.json").write_text("{")
    assert differences(paths[0], origin) == ["sidecar"]


def test_the_fingerprint_is_that_of_t1_and_mask(files, tmp_path):
    _, _, t1 = files
    mask = tmp_path / "mask.nii"
    mask.write_bytes(b"a mask")
    assert fingerprint(t1) != fingerprint(t1, mask)
    before = fingerprint(t1)
    t1.write_bytes(b"another T1")
    assert fingerprint(t1) != before
    with pytest.raises(InputError, match=r"nothing\.nii"):
        fingerprint(tmp_path / "nothing.nii")


def test_names_that_become_too_long_are_refused(tmp_path):
    t1 = tmp_path / f"{'a' * 240}.nii"
    with pytest.raises(InputError, match="its name is too long"):
        check_result_names(t1, [tmp_path / f"{'a' * 240}_space-T1w_desc-synth_pet.nii.gz"])
    check_result_names(t1, [tmp_path / "short.nii.gz"])
