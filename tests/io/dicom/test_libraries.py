"""The libraries of the extra dicom: found, or named with what installs them."""

import os
import sys
import warnings

import pytest

from petsynth.errors import InputError
from petsynth.io.dicom.libraries import dcm2niix_path, library, tolerant


def test_what_is_missing_is_told_with_its_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydicom", None)  # as if it were not installed
    with pytest.raises(InputError, match=r"needs pydicom.*pip install 'petsynth\[dicom\]'"):
        library("pydicom")
    monkeypatch.setitem(sys.modules, "pynetdicom.sop_class", None)
    with pytest.raises(InputError, match="needs pynetdicom, which"):
        library("pynetdicom.sop_class")


def test_dcm2niix_is_a_program():
    pytest.importorskip("dcm2niix", reason="needs the extra dicom")
    assert os.access(dcm2niix_path(), os.X_OK)


def test_values_that_break_a_rule_are_read_in_silence():
    pydicom = pytest.importorskip("pydicom", reason="needs the extra dicom")
    with warnings.catch_warnings(record=True) as caught, tolerant():
        warnings.simplefilter("always")
        dataset = pydicom.Dataset()
        dataset.PatientSex = "a word that is far too long for this attribute"
    assert caught == []
