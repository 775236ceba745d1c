"""The folder of predictions is a BIDS derivative dataset, and a page shows all panels."""

import html.parser
import json

import pytest

from petsynth.inference.dataset import finish_dataset, is_dataset, results_folder

MAIN = "{}_trc-18FFDG_space-T1w_desc-synth_pet"
SIDECAR = {"Model": "pix2pix-axial", "Units": "SUVR", "ReferenceRegion": "pons"}


def predict(folder, t1_name, **more):
    """Write what a prediction leaves, without the images' content."""
    stem = t1_name.removesuffix("_T1w.nii.gz")
    pet, figures = (results_folder(folder, t1_name, kind) for kind in ("pet", "figures"))
    for each in (pet, figures):
        each.mkdir(parents=True, exist_ok=True)
    (pet / f"{MAIN.format(stem)}.nii.gz").write_bytes(b"")
    (pet / f"{MAIN.format(stem)}.json").write_text(json.dumps(SIDECAR | more))
    (figures / f"{stem}_trc-18FFDG_desc-synth_panel.png").write_bytes(b"")


@pytest.fixture
def folder(tmp_path):
    predict(tmp_path, "sub-02_ses-bl_T1w.nii.gz", OutOfDistribution=True)
    predict(tmp_path, "sub-01_T1w.nii.gz", StandardDeviationMeaning="spread of <samples>")
    predict(tmp_path, "scan 7_T1w.nii.gz")
    finish_dataset(tmp_path, simulated=True)
    return tmp_path


@pytest.mark.parametrize(
    ("t1_name", "place"),
    [
        ("sub-01_T1w.nii.gz", "sub-01/pet"),
        ("sub-01_ses-bl_run-2_T1w.nii.gz", "sub-01/ses-bl/pet"),
        ("my_T1.nii.gz", "."),
        ("sub-a.b_T1w.nii.gz", "."),
        ("sub-_T1w.nii.gz", "."),
        ("sub-01_ses-_T1w.nii.gz", "."),
    ],
)
def test_results_stand_in_the_folder_of_subject_and_session(tmp_path, t1_name, place):
    assert results_folder(tmp_path, t1_name, "pet").relative_to(tmp_path).as_posix() == place


def test_the_root_says_what_it_is(folder):
    description = json.loads((folder / "dataset_description.json").read_text())
    assert description["DatasetType"] == "derivative"
    assert description["GeneratedBy"][0]["Name"] == "petsynth"
    assert description["SyntheticPET"] is description["SimulatedTraining"] is True
    assert "SYNTHETIC PET – not for diagnosis" in (folder / "README.md").read_text()
    assert "/*_desc-synth*" in (folder / ".bidsignore").read_text().split()


class Links(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        self.found += [(tag, value) for name, value in attributes if name in ("src", "href")]


def test_the_page_shows_every_panel_in_order(folder):
    page = (folder / "index.html").read_text()
    links = Links()
    links.feed(page)
    assert [value for tag, value in links.found if tag == "img"] == [
        "scan%207_trc-18FFDG_desc-synth_panel.png",
        "sub-01/figures/sub-01_trc-18FFDG_desc-synth_panel.png",
        "sub-02/ses-bl/figures/sub-02_ses-bl_trc-18FFDG_desc-synth_panel.png",
    ]
    for tag, value in links.found:
        assert value.startswith("#") or (folder / value.replace("%20", " ")).is_file(), (tag, value)
    assert page.count("UNLIKE the training data") == 1
    assert "spread of &lt;samples&gt;" in page
    assert "not of MNI space" in page
    assert str(folder) not in page


def test_finishing_again_adds_what_is_new_and_nothing_else(folder):
    before = (folder / "index.html").read_bytes()
    finish_dataset(folder, simulated=True)
    assert (folder / "index.html").read_bytes() == before
    predict(folder, "sub-03_T1w.nii.gz")
    finish_dataset(folder, simulated=True)
    assert "sub-03" in (folder / "index.html").read_text()
    assert not list(folder.glob(".*lock"))


def test_a_damaged_prediction_is_not_listed(folder):
    (folder / "sub-01" / "pet" / f"{MAIN.format('sub-01')}.json").write_text("half")
    finish_dataset(folder, simulated=True)
    assert "sub-01" not in (folder / "index.html").read_text()


def test_files_of_others_are_left_alone(tmp_path):
    others = {
        "dataset_description.json": '{"Name": "theirs"}',
        "README.md": "theirs",
        ".bidsignore": "theirs",
        "index.html": "theirs",
    }
    for name, text in others.items():
        (tmp_path / name).write_text(text)
    predict(tmp_path, "sub-01_T1w.nii.gz")
    finish_dataset(tmp_path, simulated=False)
    assert {name: (tmp_path / name).read_text() for name in others} == others


def test_a_folder_is_known_by_its_description_or_its_images(folder, tmp_path_factory):
    assert is_dataset(folder)
    other = tmp_path_factory.mktemp("other")
    assert not is_dataset(other)
    (other / "dataset_description.json").write_text('{"Name": "raw"}')
    assert not is_dataset(other)
    predict(other, "sub-01_T1w.nii.gz")
    assert is_dataset(other)
