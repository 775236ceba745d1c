"""``petsynth.regions`` on images in memory gives what it gives on files."""

import nibabel as nib
import pytest

from petsynth.regional.api import regions_of_scan

SETTINGS = {"aligned": True, "reference": "cerebellum", "tracer": "FDG"}


def test_files_and_images_in_memory_give_the_same_table(phantom):
    pet, labels = phantom.write()
    of_files = regions_of_scan(pet, labels=labels, **SETTINGS)
    in_memory = regions_of_scan(nib.load(pet), labels=nib.load(labels), **SETTINGS)
    values = of_files.set_index("region")["suvr"]
    assert values["precuneus_left"] != values["superiorfrontal_left"]
    both = in_memory.set_index("region")["suvr"]
    # The image in memory has no sidecar: its unit is unknown, the ratio is the same.
    assert both["precuneus_left"] == pytest.approx(values["precuneus_left"])
    assert list(of_files["region"]) == list(in_memory["region"])
    assert of_files.attrs["ReferenceRegion"] == "whole-cerebellum"
