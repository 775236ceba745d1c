"""One tracer has many names, and one place decides which it is."""

import pytest

from petsynth.io.bids.tracers import (
    SPELLINGS,
    UNKNOWN,
    known_tracer,
    pet_tracer,
    tracer_key,
    tracer_of,
)
from petsynth.preprocessing.pet.tracers import tracer_profiles

NAMES = {
    "FDG": (
        "FDG", "fdg", "[18F]FDG", "18F-FDG", "F-18 FDG", "F18-FDG", "FDG18", "18FFDG", "18FDG",
        "FDG-F18", "(18F)FDG", "¹⁸F-FDG", "FDG PET", "F 18 FDG", "FDG [18F]", "18F_FDG",
        "fluorodeoxyglucose", "Fluorodeoxyglucose (18F)", "Fluorodeoxyglucose F18",
        "fluorodeoxyglucose[18F]", "Fluorine-18 FDG", "fludeoxyglucose F 18", "Fluorodeoxy-Glucose",
        "2-deoxy-2-[18F]fluoro-D-glucose", "2-[18F]fluoro-2-deoxy-D-glucose",
        "2-18F-fluoro-2-deoxy-D-glucose", "FDG -- fluorodeoxyglucose", "FDG (fluorodeoxyglucose)",
        "F-FDG",
    ),
    "AV45": ("AV45", "AV-45", "[18F]AV45", "18F-AV-45", "18FAV45", "F18-AV45", "AV 45", "Amyvid",
             "florbetapir", "Florbetapir F18", "[18F]florbetapir", "18F-AV-45 (florbetapir)"),
    "AV1451": ("AV1451", "AV-1451", "18FAV1451", "[18F]AV-1451", "T807", "18F-T807", "T-807",
               "flortaucipir", "Flortaucipir F 18", "Tauvid", "[18F]AV-1451 (flortaucipir)",
               "FTP", "[18F]FTP", "18FFTP"),
    "FBB": ("FBB", "18FFBB", "18FBB", "florbetaben", "[18F]Florbetaben", "Neuraceq"),
    "FMM": ("FMM", "18FFMM", "flutemetamol", "FLUTE", "18F-flutemetamol", "Vizamyl"),
    "PIB": ("PIB", "PiB", "11C-PiB", "[11C]PIB", "C11-PIB", "11CPIB", "C-11 PiB", "PIB-C11",
            "Pittsburgh compound B", "[11C]Pittsburgh Compound-B (PiB)", "Pittsburgh compound",
            "N-methyl-[11C]2-(4-methylaminophenyl)-6-hydroxybenzothiazole"),
    "NAV4694": ("NAV4694", "18F-NAV-4694", "NAV 4694", "AZD4694", "flutafuranol"),
    "MK6240": ("MK6240", "MK-6240", "18FMK6240", "[18F]MK-6240"),
    "PI2620": ("PI-2620", "[18F]PI-2620"),
    "RO948": ("RO-948", "[18F]RO948"),
    "APN1607": ("PM-PBB3", "18F-APN-1607"),
    "THK5351": ("THK-5351",),
}  # fmt: skip


@pytest.mark.parametrize(
    ("short", "name"), [(short, each) for short in NAMES for each in NAMES[short]]
)
def test_all_spellings_are_one_tracer(short, name):
    assert tracer_of(name) == short


def test_every_tracer_that_is_known_is_tried_here():
    assert NAMES.keys() == SPELLINGS.keys()
    assert tracer_profiles().keys() <= SPELLINGS.keys()


@pytest.mark.parametrize(
    "name",
    ["static", "dynamic", "dyn", "stat", "nac", "2min", "run1", "p2", "mean", "coreg", "AC", "3D",
     "18F", "11", "listmode", "FDG and AV45", "AV4", "AV145", "PIBX"],
)  # fmt: skip
def test_what_is_no_name_of_a_tracer_is_taken_for_none(name):
    assert known_tracer(name) is None


@pytest.mark.parametrize(
    ("name", "short"),
    [("18FXYZ", "18FXYZ"), ("[18F]X-Y.Z", "18FXYZ"), ("", ""), ("脳", "")],
)
def test_an_unknown_tracer_stays_as_it_is_in_letters_and_digits(name, short):
    assert tracer_of(name) == short


def test_an_unknown_tracer_is_the_same_with_and_without_its_radionuclide():
    keys = {tracer_key(name) for name in ("18FXYZ", "[18F]XYZ", "xyz", "XYZ-F18")}
    assert keys == {"xyz"}
    assert tracer_key("AV45") != tracer_key("AV1451")
    assert tracer_key("[18F]FDG") == tracer_key("fluorodeoxyglucose")


@pytest.mark.parametrize(
    ("sidecar", "entities", "tracer"),
    [
        ({"TracerName": "Flortaucipir"}, {"trc": "18FFDG", "acq": "AV45"}, "AV1451"),
        ({}, {"trc": "18FFDG", "acq": "AV45"}, "FDG"),
        ({}, {"acq": "18FAV45"}, "AV45"),
        ({}, {"acq": "static"}, UNKNOWN),
        ({"TracerName": "脳"}, {}, UNKNOWN),
        ({"TracerName": "[18F]FDG"}, {"acq": "static"}, "FDG"),
        ({"TracerName": "n/a"}, {"trc": "PIB"}, "PIB"),
        ({"TracerName": "F18"}, {"trc": "18FFDG"}, "FDG"),
        ({"TracerName": None, "TracerRadionuclide": "F18"}, {"trc": "18FFDG"}, "FDG"),
        ({"TracerName": ["FDG"]}, {"trc": "18FAV45"}, "AV45"),
        ({"Radiopharmaceutical": "Fluorodeoxyglucose"}, {}, "FDG"),
        ({"Radiopharmaceutical": "Solution"}, {"trc": "FDG18"}, "FDG"),
        ({"TracerRadionuclide": "F18"}, {}, UNKNOWN),
    ],
)
def test_sidecar_then_trc_then_an_acq_that_names_a_tracer(sidecar, entities, tracer):
    assert pet_tracer(sidecar, entities) == tracer
