"""Entities, tracers and participants in BIDS names."""

import pytest

from petsynth.io.bids.names import parse_entities, participant_key, pet_stem


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("sub-01_T1w.nii.gz", "sub-01_trc-18FFDG"),
        ("sub-01_ses-m12_T1w.nii", "sub-01_ses-m12_trc-18FFDG"),
        ("sub-01_ses-bl_acq-mprage_run-2_T1w.nii.gz", "sub-01_ses-bl_trc-18FFDG_acq-mprage_run-2"),
        ("sub-01_space-aligned_desc-preproc_T1w.nii.gz", "sub-01_trc-18FFDG"),
        ("brain.v2.nii.gz", "brain.v2_trc-18FFDG"),
        ("ABC_T1w.nii.gz", "ABC_trc-18FFDG"),
    ],
)
def test_pet_stem(name, stem):
    assert pet_stem(name, "FDG") == stem


def test_pet_stem_of_an_unknown_tracer_uses_its_label():
    assert pet_stem("sub-01_T1w.nii.gz", "11CPIB") == "sub-01_trc-11CPIB"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("sub-0731", "731", True),
        ("0731", "731 ", True),
        ("sub-000", "0", True),
        ("IXI012-HH-1211", "sub-IXI012HH1211", True),
        ("sub-a1", "sub-A1", True),
        ("sub-A0731", "A731", False),
        ("sub-731", "7310", False),
        ("01A", "1A", False),
    ],
)
def test_one_key_per_participant(one, other, same):
    assert (participant_key(one) == participant_key(other)) is same


def test_entities_of_a_name_without_entities():
    assert parse_entities("T1.nii.gz") == {"suffix": "T1", "extension": ".nii.gz"}
