"""The paragraph for a paper, from settings and figures that are written by hand."""

import re

import pytest

import petsynth
from petsynth.prepare.pages import (
    as_markdown,
    boilerplate,
    versions,
    write_all_pages,
    write_subject_page,
)
from petsynth.prepare.records import Record, write_failure, write_record


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


def test_frames_are_told_of_only_where_a_pet_had_several():
    preprocessing = {"frames": "mean", "motion": True}
    assert "rames" not in boilerplate(preprocessing, {"pet_frames": 1}, "1")[0]
    assert "averaged" in boilerplate(preprocessing, {"pet_frames": 6}, "1")[0]


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


SETTINGS = {"voxel_mm": 1.5, "frames": "mean", "bias_field": True, "motion": True, "psf_mm": 8.0}
PNG = b"\x89PNG not really"


@pytest.fixture
def folder(tmp_path):
    """Return a folder of six records; the last one's head moved far."""
    for number in range(1, 7):
        name = f"sub-{number:02}"
        picture = f"{name}/figures/{name}_desc-alignment_pet.png"
        (tmp_path / picture).parent.mkdir(parents=True)
        (tmp_path / picture).write_bytes(PNG)
        qc = {
            "participant_id": name,
            "session_id": None,
            "mask_source": "given",
            "motion_mm": 1.0 + 0.1 * number if number < 6 else 25.0,
            "flags": "none" if number != 2 else "T1 <may> not be aligned",
        }
        inputs = {"t1": [f"/data/{name}_T1w.nii.gz", 10, 0]}
        key = {"petsynth_version": "9.9", "preprocessing": SETTINGS, "inputs": inputs}
        record = Record(name, None, key, [picture], "SUVR", 1, qc, ["an assumption"])
        write_record(tmp_path, name, record)
    write_failure(tmp_path, "sub-07", "PET is constant")
    return tmp_path


def test_a_subjects_page_holds_all_it_shows(folder):
    page = write_subject_page(folder, "sub-02", simulated=True).read_text()
    assert "data:image/png;base64,iVBORyBub3QgcmVhbGx5" in page
    for text in (
        "SIMULATED DATA",
        "T1 &lt;may&gt; not be aligned",
        "an assumption",
        "smoothed to a resolution of 8 mm",
        "petsynth 9.9",
        "sub-02_T1w.nii.gz",
    ):
        assert text in page
    assert not re.search(r'(src|href)="(?!data:|group_qc\.html)', page)


def test_outliers_float_up_and_the_failed_are_named(folder):
    assert write_all_pages(folder, simulated=False) == 6
    page = (folder / "group_qc.html").read_text()
    body = page[page.index("<tbody>") : page.index("</tbody>")]
    assert re.findall(r'href="(sub-\d+)\.html"', body) == [
        *("sub-02", "sub-06", "sub-01", "sub-03", "sub-04", "sub-05")
    ]
    assert re.findall(r'<td class="far">([^<]*)', body) == ["25"]
    assert "sub-07: PET is constant" in page
    assert "Prepared scans: 6 subjects</h1>" in page
    assert "SIMULATED" not in page
    assert "session_id" not in body
    assert "averaged by duration" in (folder / "logs" / "CITATION.md").read_text()


def test_whom_the_group_level_left_out_is_named(folder):
    rows = [
        ("sub-05", "n/a", "n/a", "PET unit is counts, of most others SUVR"),
        ("sub-06", "ses-m12", "n/a", "no FDG PET"),
        ("sub-06", "n/a", "sub-06_run-2_T1w.nii.gz", "another is taken"),
    ]
    lines = ["participant_id\tsession_id\timage\treason", *("\t".join(row) for row in rows)]
    (folder / "exclusions.tsv").write_text("\n".join(lines) + "\n")
    write_all_pages(folder, simulated=False)
    page = (folder / "group_qc.html").read_text()
    assert "Left out: 3</h2>" in page
    for line in ("sub-05: PET unit is counts", "sub-06_ses-m12: no FDG", "sub-07: PET is constant"):
        assert line in page
    assert "another is taken" not in page


def test_an_unfinished_subject_has_no_page(folder):
    assert write_subject_page(folder, "sub-99", simulated=False) is None
