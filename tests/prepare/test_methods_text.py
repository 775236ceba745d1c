"""The paragraph for a paper, from settings and figures that are written by hand."""

import petsynth
from petsynth.prepare.methods_text import as_markdown, boilerplate, versions


def test_the_paragraph_says_what_was_done():
    text, references = boilerplate(
        {"frames": 2}, {"mask_source": "deepbet", "reference_region": "pons"}, "1"
    )
    assert text.startswith("Scans were prepared with petsynth 1. ")
    assert "resampled in time to 2 windows." in text
    assert "reference region (pons)" in text
    assert "N4" not in text
    names = [reference.split()[0] for reference in references]
    assert names == ["Lowekamp", "Mattes", "Fonov", "Fisch", "Vercauteren", "Klunk"]


def test_nothing_is_said_or_cited_that_was_not_done():
    preprocessing = {"frames": "mean", "motion": False, "psf_mm": None, "bias_field": False}
    text, references = boilerplate(preprocessing, {"mask_source": "given"}, "1")
    assert "a brain mask that was given" in text
    assert "averaged by duration. " in text
    for word in ("smoothed", "motion", "deformed", "N4", "deepbet"):
        assert word not in text
    assert len(references) == 3


def test_options_that_add_a_step_add_a_sentence():
    preprocessing = {
        "frames": "keep",
        "motion": True,
        "psf_mm": 8.0,
        "bias_field": True,
        "voxel_mm": 2.0,
    }
    text, references = boilerplate(preprocessing, {}, "1")
    assert "corrected for intensity non-uniformity with N4" in text
    assert "Frames of dynamic PET were kept, after rigid correction of motion" in text
    assert "8 mm full width at half maximum" in text
    assert text.endswith("onto voxels of 2 mm.")
    assert any(reference.startswith("Tustison") for reference in references)


def test_scans_that_were_not_aligned_are_not_called_aligned():
    text, references = boilerplate({"registration": "none"}, {"mask_source": "given"}, "1")
    assert "not aligned to each other" in text
    assert "rigidly" not in text
    assert references == []


def test_a_cohort_whose_brains_were_found_in_several_ways():
    text, _ = boilerplate({}, {"mask_source": "deepbet, skull-stripped"}, "1")
    assert (
        "(a brain mask computed with deepbet or the nonzero voxels of the skull-stripped "
        "T1-weighted image)" in text
    )


def test_markdown_holds_the_paragraph_and_a_list():
    assert as_markdown("Text.", ["One.", "Two."]) == (
        "# How the scans were prepared\n\nText.\n\n- One.\n- Two.\n"
    )


def test_versions_are_those_of_this_machine():
    found = versions()
    assert found["petsynth"] == petsynth.__version__
    assert {"Python", "numpy", "SimpleITK"} <= found.keys()
