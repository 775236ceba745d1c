"""The pages in a browser: nothing cut off at 1200 and 1920 px or in print; screenshots are kept.

They stand in build/screenshots, or where PETSYNTH_SCREENSHOTS says.
"""

import dataclasses
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from petsynth.evaluation.classification import Settings, classify
from petsynth.evaluation.group_features import GroupFeatures
from petsynth.evaluation.methods import Method
from petsynth.figures.panels import draw_panels, pet_panel
from petsynth.figures.save import save_png
from petsynth.inference.dataset import finish_dataset
from petsynth.prepare.pages import write_group_page
from petsynth.prepare.quality_control import QC_COLUMNS
from petsynth.prepare.records import Record, write_record
from petsynth.report.classification import write_classification
from petsynth.report.folder import make_folder, write_evaluation, write_joint_report

pytestmark = pytest.mark.browser

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
KEPT = Path(
    os.environ.get(
        "PETSYNTH_SCREENSHOTS", Path(__file__).resolve().parents[1] / "build" / "screenshots"
    )
)
WIDTHS = (1200, 1920)
HEIGHT = 14_000
# What is wider than the box it stands in, and how high the page is.
MEASURE = """<script>
addEventListener("load", function () {
  var boxes = Array.from(document.querySelectorAll("body, .scroll, figure, dl, section"));
  var cut = boxes.filter(function (box) { return box.scrollWidth > box.clientWidth + 1; });
  var found = {cut: cut.map(function (box) { return box.tagName + ": " + box.scrollWidth + " > " +
    box.clientWidth + " " + box.textContent.trim().slice(0, 40); }),
    height: document.documentElement.scrollHeight,
    unloaded: Array.from(document.images).filter(function (i) { return !i.naturalWidth; }).length};
  var text = document.createElement("pre");
  text.id = "measured";
  text.textContent = JSON.stringify(found);
  document.body.appendChild(text);
});
</script>"""


@pytest.fixture
def chromium(tmp_path):
    """Return a function that starts headless Chromium, or skip."""
    if CHROMIUM is None:
        pytest.skip("needs Chromium")

    def run(*words):
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-quic"]
        flags += ["--disable-background-networking", "--disable-component-update"]
        flags += ["--disable-sync", "--hide-scrollbars", f"--user-data-dir={tmp_path / 'profile'}"]
        command = [CHROMIUM, *flags, "--virtual-time-budget=10000", *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    return run


def measure(chromium, page, width):
    """Return what is cut off in a page, and keep its screenshot."""
    # Beside the page, whose pictures may be files.
    copy = page.with_name(f".measured-{page.name}")
    copy.write_text(page.read_text().replace("</body>", f"{MEASURE}</body>"))
    size = f"--window-size={width},{HEIGHT}"
    found = re.search(
        r'<pre id="measured">(.*?)</pre>', chromium("--dump-dom", size, copy.as_uri())
    )
    copy.unlink()
    KEPT.mkdir(parents=True, exist_ok=True)
    picture = KEPT / f"{page.parent.name}-{page.stem}-{width}.png"
    measured = json.loads(found[1].replace("&gt;", ">").replace("&lt;", "<").replace("&amp;", "&"))
    size = f"--window-size={width},{min(measured['height'], HEIGHT)}"
    chromium(f"--screenshot={picture}", size, page.as_uri())
    assert picture.stat().st_size > 10_000
    return measured


def printed(chromium, page):
    """Return the text of a page in print, and keep the PDF."""
    KEPT.mkdir(parents=True, exist_ok=True)
    path = KEPT / f"{page.parent.name}-{page.stem}-print.pdf"
    chromium(f"--print-to-pdf={path}", "--no-pdf-header-footer", page.as_uri())
    assert path.read_bytes().startswith(b"%PDF-")
    return text_of(path)


def text_of(path):
    """Return a PDF's words in the order in which they are written, so that cells stay whole."""
    if shutil.which("pdftotext") is None:
        pytest.skip("needs pdftotext (Debian's poppler-utils) to look into the PDF")
    done = subprocess.run(
        ["pdftotext", "-raw", path, "-"], capture_output=True, text=True, check=True
    )
    return re.sub(r"\s+", " ", done.stdout)


@pytest.fixture(scope="module")
def report(tiny_evaluation, tmp_path_factory):
    """Return a report of methods with long names."""
    folder = tmp_path_factory.mktemp("report") / "evaluation"
    make_folder(folder, overwrite=False)
    long = "a-model-whose-name-nobody-shortened"
    names = {method.name: method.name for method in tiny_evaluation.methods}
    names["baseline-mean-pet"] = f"baseline-{long}"
    table = tiny_evaluation.table.replace({"method": names})
    methods = [_renamed(method, names) for method in tiny_evaluation.methods]
    renamed = dataclasses.replace(tiny_evaluation, table=table, methods=methods)
    write_evaluation(renamed, folder, {"ssim": 0.01})
    return folder / "report.html"


def _renamed(method: Method, names: dict[str, str]) -> Method:
    return dataclasses.replace(method, name=names[method.name])


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_of_the_report_is_cut_off(chromium, report, width):
    measured = measure(chromium, report, width)
    assert measured["cut"] == []
    assert measured["unloaded"] == 0


def test_nothing_of_the_report_is_missing_in_print(chromium, report):
    text = printed(chromium, report)
    for column in (
        "n",
        "mean not better on",
        "all metrics",
        "equivalence",
        "petsynth",
        "Pearson r",
    ):
        assert column in text
    for heading in re.findall(r"<h2[^>]*>([^<]*)</h2>", report.read_text()):
        assert heading.replace("&#39;", "'") in text


def test_the_pdf_says_what_the_page_says(report):
    KEPT.mkdir(parents=True, exist_ok=True)
    shutil.copy(report.with_name("report.pdf"), KEPT / "report.pdf")
    text = text_of(report.with_name("report.pdf"))
    page = report.read_text()
    for heading in re.findall(r"<h2[^>]*>([^<]*)</h2>", page):
        assert heading.replace("&#39;", "'") in text
    for column in ("mean not better on", "all metrics", "equivalence"):
        assert column in text
    assert "SYNTHETIC PET – not for diagnosis" in text


@pytest.fixture(scope="module")
def joint_report(tiny_evaluation, tmp_path_factory):
    """Return a report on two tracers, without figures."""
    folder = tmp_path_factory.mktemp("joint") / "tracers"
    reports = []
    for tracer in ("FDG", "AV1451"):
        settings = dataclasses.replace(tiny_evaluation.settings, tracer=tracer)
        evaluation = dataclasses.replace(tiny_evaluation, settings=settings)
        reports.append(write_evaluation(evaluation, folder / tracer, figures=False))
    write_joint_report(reports, folder)
    return folder / "report.html"


@pytest.fixture(scope="module")
def classification(tmp_path_factory):
    """Return the report of a classification by random features, one of them with a long name."""
    random, positive = np.random.default_rng(0), np.arange(24) < 12
    pet = "synthetic PET (a-model-whose-name-nobody-shortened)"
    sets = {name: random.normal(size=(24, 3)) for name in ("MRI", "reference PET", pet)}
    sets |= {f"MRI + {name}": sets["MRI"] + sets[name] for name in ("reference PET", pet)}
    data = GroupFeatures(
        list("x" * 24), positive, ("AD", "CN"), sets, [pet[15:-1]], [], [], True, []
    )
    folder = tmp_path_factory.mktemp("classes") / "classification"
    write_classification(classify(data, Settings(3, 1, 9)), folder)
    return folder / "report.html"


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("page", ["joint_report", "classification"])
def test_nothing_of_these_reports_is_cut_off(chromium, request, page, width):
    measured = measure(chromium, request.getfixturevalue(page), width)
    assert (measured["cut"], measured["unloaded"]) == ([], 0)


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("joint_report", ("Overview", "r over subjects", "AV1451", "FDG")),
        ("classification", ("p against chance", "adjusted p", "Differences")),
    ],
)
def test_nothing_of_these_reports_is_missing_in_print(chromium, request, page, words):
    report = request.getfixturevalue(page)
    for text in (printed(chromium, report), text_of(report.with_name("report.pdf"))):
        assert [word for word in words if word not in text] == []


@pytest.fixture(scope="module")
def group_page(tmp_path_factory):
    """Return the group page of subjects with every figure that there is, and long flags."""
    folder = tmp_path_factory.mktemp("group") / "prepared"
    for number in range(1, 7):
        name = f"sub-{number:03}"
        qc = {column: round(1.23456 * number, 4) for column in QC_COLUMNS}
        qc |= {"participant_id": name, "session_id": "ses-m012", "mask_source": "skull-stripped"}
        qc |= {"unit": "SUVR", "reference_region": "inferior-cerebellar-grey"}
        flag = "PET may not belong to the T1: the local correlation ratio is 0.21, flipped 0.22"
        qc |= {"flags": flag if number == 2 else "none", "flagged_checks": "none"}
        key = {"petsynth_version": "9.9", "preprocessing": {}, "inputs": {}}
        write_record(folder, name, Record(name, None, key, [], "SUVR", 1, qc, []))
    return write_group_page(folder, simulated=True)


def test_the_group_page_shows_its_flags_at_1920_px(chromium, group_page):
    assert measure(chromium, group_page, 1920)["cut"] == []
    measure(chromium, group_page, 1200)  # wider than the window: it scrolls, flags come first
    head = re.findall(r"<th[^>]*><button[^>]*>(.*?)</button>", group_page.read_text())
    assert head[:3] == ["subject", "marks", "flags"]
    text = printed(chromium, group_page)
    for words in ("PET may not belong", "sub-006", "inferior-"):
        assert words in text


@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_of_predictions_shows_every_panel(chromium, tmp_path, width):
    folder = tmp_path / "predictions"
    for name in ("sub-01", "sub-02"):
        stem = f"{name}_trc-18FFDG"
        pet = folder / name / "pet" / f"{stem}_space-T1w_desc-synth_pet"
        pet.parent.mkdir(parents=True)
        pet.with_suffix(".nii.gz").write_bytes(b"")
        pet.with_suffix(".json").write_text('{"Model": "petsynth-fdg", "Units": "SUVR"}')
        image = np.random.default_rng(0).random((40, 60))
        row = [pet_panel(image, 1, "SUVR", synthetic=True)] * 3
        figures = folder / name / "figures"
        save_png(draw_panels([("axial", row)]), figures / f"{stem}_desc-synth_panel.png")
    finish_dataset(folder, simulated=True)
    measured = measure(chromium, folder / "index.html", width)
    assert (measured["cut"], measured["unloaded"]) == ([], 0)
