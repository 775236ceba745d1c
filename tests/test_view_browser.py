"""``petsynth view`` in Chromium: what is drawn, read, sorted, restored. Screenshots are kept."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.test_browser import KEPT
from tests.viewer.conftest import write_scan

pytestmark = pytest.mark.browser

VALUE = 1.75
"""What the PET has at the place that is read."""
PLACE = (20, 30, 25)
SIZES = {"laptop": (1366, 768), "1920": (1920, 1080)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Return four subjects whose PET has known values, and an evaluation of them."""
    folder = tmp_path_factory.mktemp("view")
    x, y, z = np.indices((40, 50, 45)) - np.array(PLACE).reshape(3, 1, 1, 1)
    head = (x / 18) ** 2 + (y / 23) ** 2 + (z / 20) ** 2 < 1
    affine = np.diag([4.0, 4, 4, 1])
    affine[:3, 3] = -4 * np.array(PLACE)
    rows = ["participant_id\tcompared_with\tmethod\tkind\tbrain_ssim\tbrain_psnr\tbrain_mae"]
    for number in range(1, 5):
        pet = head * (1 + 0.02 * np.clip(x, -10, 10))
        pet[PLACE] = VALUE
        name = f"sub-0{number}"
        write_scan(folder / "bids" / f"{name}_T1w.nii.gz", head * (600 + 8 * z), affine=affine)
        write_scan(folder / "bids" / f"{name}_pet.nii.gz", pet, affine=affine)
        synthetic = folder / "bids" / f"{name}_desc-synth_pet.nii.gz"
        write_scan(synthetic, pet * (1 + 0.1 * number), affine=affine, Synthetic=True)
        rows.append(f"{name}\tn/a\tmodel\tmodel\t{0.9 - 0.1 * number}\t{20 + number}\t0.1")
    (folder / "evaluation").mkdir()
    (folder / "evaluation" / "metrics.tsv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture(scope="module")
def address(folder) -> str:
    """Return the address that ``petsynth view`` prints; it runs meanwhile."""
    command = [sys.executable, "-m", "petsynth", "view", "--no-browser"]
    command += [str(folder / "bids"), str(folder / "evaluation")]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        yield process.stdout.readline().partition(": ")[2].strip()
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def page(browser, address):
    """Return the page, opened by its one-time address."""
    page = browser.new_page(viewport=dict(zip(("width", "height"), SIZES["laptop"], strict=True)))
    page.set_default_timeout(120_000)
    page.complaints = []
    page.on("console", lambda said: page.complaints.append(said.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.goto(address)
    page.wait_for_selector("body[data-shown=sub-01]")
    return page


def read(page, key: str) -> str:
    return page.inner_text(f"#values tr[data-key={key}] td:last-child")


def values_near(page, key: str, wanted: float) -> None:
    page.wait_for_function(
        "([key, wanted]) => Math.abs(Number(document.querySelector(`#values tr[data-key=${key}] "
        "td:last-child`)?.textContent) - wanted) < 0.002",
        arg=[key, wanted],
    )


def test_it_opens_without_a_complaint(page, address):
    assert page.complaints == []
    assert "token" not in page.url
    assert page.is_visible("#mark")
    assert page.request.get(address, max_redirects=0).status == 200  # the cookie, not the token


def test_a_known_value_is_read_under_the_cursor(page):
    """The cross-hairs start in the middle; moving them changes what is read in every pane."""
    page.evaluate("document.activeElement.blur()")
    at = [float(each) for each in read(page, "place").split(",")]
    keys = (("ArrowRight", "ArrowLeft"), ("ArrowUp", "ArrowDown"), ("PageUp", "PageDown"))
    for value, (more, less) in zip(at, keys, strict=True):
        for _ in range(round(abs(value))):
            page.keyboard.press(less if value > 0 else more)
    values_near(page, "reference", VALUE)
    values_near(page, "synthetic", VALUE * 1.1)
    values_near(page, "difference", VALUE * 0.1)
    assert read(page, "place") == "0.0, 0.0, 0.0"


def test_the_wheel_scrolls_through_slices(page):
    page.keyboard.press("a")
    before = read(page, "place")
    page.hover("#pane-1")
    page.mouse.wheel(0, 120)
    page.wait_for_function(
        "before => document.querySelector('#values tr[data-key=place] td:last-child').textContent"
        " !== before",
        arg=before,
    )
    page.keyboard.press("m")
    page.evaluate("document.activeElement.blur()")


def drawn(page) -> bytes:
    return page.locator("#pane-1").screenshot()


def test_window_threshold_colours_and_opacity_change_what_is_drawn(page):
    seen = [drawn(page)]
    for box, value in (("#high", "6"), ("#threshold", "1.05")):
        page.fill(box, value)
        page.press(box, "Tab")
        page.wait_for_timeout(800)
        seen.append(drawn(page))
    page.select_option("#map", "viridis")
    page.wait_for_timeout(800)
    seen.append(drawn(page))
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("-")
    page.wait_for_function("() => document.getElementById('opacity-shown').textContent === '90 %'")
    page.wait_for_timeout(800)
    seen.append(drawn(page))
    assert len(set(seen)) == len(seen)
    page.click("#reset")
    page.select_option("#map", "hot")


def order(page) -> list[str]:
    return page.locator("#list tbody td:first-child").all_inner_texts()


def test_the_list_is_sorted_by_a_metric(page):
    page.click("#list button[data-column=brain_ssim]")
    assert order(page) == ["sub-04", "sub-03", "sub-02", "sub-01"]
    page.click("#list button[data-column=brain_ssim]")
    assert order(page)[0] == "sub-01"
    page.fill("#filter", "03")
    assert order(page) == ["sub-03"]
    page.fill("#filter", "")


def test_the_address_restores_the_view(page):
    page.click("#list tr[data-number='1']")
    page.wait_for_selector("body[data-shown=sub-02]")
    page.fill("#high", "3")
    page.press("#high", "Tab")
    page.click("[data-view=coronal]")
    page.click("[data-count='2']")
    page.wait_for_function(
        "() => /panes=2/.test(location.hash) && /view=coronal/.test(location.hash)"
    )
    page.wait_for_timeout(500)
    before = page.url
    page.reload()
    page.wait_for_selector("body[data-shown=sub-02]")
    page.wait_for_timeout(500)
    assert page.url == before
    assert page.input_value("#high") == "3"
    assert page.is_hidden("#pane-2")
    assert order(page)[0] == "sub-01"
    page.click("[data-count='4']")
    page.click("[data-view=all]")


def test_left_and_right_can_be_exchanged_and_a_picture_is_saved(page, tmp_path):
    page.evaluate("document.activeElement.blur()")
    with page.expect_download() as waiting:
        page.keyboard.press("v")
    path = tmp_path / "picture.png"
    waiting.value.save_as(path)
    KEPT.mkdir(parents=True, exist_ok=True)
    (KEPT / "view-saved.png").write_bytes(path.read_bytes())
    assert waiting.value.suggested_filename == "sub-02_petsynth-view.png"
    before = drawn(page)
    page.keyboard.press("r")
    page.wait_for_timeout(800)
    assert drawn(page) != before
    assert page.is_checked("#radiological")
    page.keyboard.press("r")


def test_help_is_a_sheet(page):
    page.keyboard.press("?")
    assert page.is_visible("#help")
    assert re.search("not for diagnosis", page.inner_text("#help"), re.IGNORECASE)
    page.keyboard.press("Escape")
    assert page.is_hidden("#help")


@pytest.mark.parametrize("size", SIZES)
def test_nothing_is_cut_off(page, size):
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})
    page.wait_for_timeout(1500)
    KEPT.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=KEPT / f"view-{size}.png")
    cut = page.evaluate(
        "Array.from(document.querySelectorAll('body, header, aside, main, .pane-head, td, button'))"
        ".filter((box) => box.scrollWidth > box.clientWidth + 1).map((box) => box.outerHTML)"
    )
    assert cut == []
    assert page.complaints == []
