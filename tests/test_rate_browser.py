"""``petsynth rate`` in Chromium: two readers side by side, a killed server, two windows."""

import os
import re
import signal
import subprocess
import sys

import pytest
from tests.reader_study.conftest import write_study
from tests.test_browser import KEPT

pytestmark = pytest.mark.browser

SIZES = {"laptop": (1366, 768), "1920": (1920, 1080)}
PATIENCE_MS = 120_000


class Running:
    """A study that can be killed and started again on the same port."""

    def __init__(self, study):
        self.study, self.port, self.tokens = study, 0, {}
        self.start()

    def start(self):
        command = [sys.executable, "-m", "petsynth", "rate", str(self.study)]
        environment = os.environ | {"PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(
            [*command, "--port", str(self.port)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        while not (line := self.process.stdout.readline()).startswith("open: "):
            assert line
            if found := re.fullmatch(r"  (\S+)  (\S+)\n", line):
                self.tokens[found[1]] = found[2]
        self.address = line.removeprefix("open: ").strip()
        self.port = int(self.address.rstrip("/").rpartition(":")[2])

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    running = Running(write_study(tmp_path_factory.mktemp("rate")))
    yield running
    running.kill()


@pytest.fixture(scope="module")
def log_in(browser, running):
    """Return a function that gives a reader's page, in a browser of its own."""
    contexts = []

    def open_page(name: str):
        width, height = SIZES["laptop"]
        context = browser.new_context(viewport={"width": width, "height": height})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.complaints = []
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.goto(running.address)
        page.fill("#token", running.tokens[name])
        page.keyboard.press("Enter")
        page.wait_for_selector("#questions fieldset" if name != "organiser" else "#readers td")
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def ana(log_in):
    return log_in("ana")


@pytest.fixture(scope="module")
def ben(log_in):
    return log_in("ben")


def answer(page, field: str, value: object) -> None:
    page.click(f"label:has(input[name={field}][value='{value}'])")


def saved(page) -> None:
    page.wait_for_function("() => document.getElementById('status').textContent === 'saved'")


def chosen(page, field: str) -> str | None:
    found = page.locator(f"input[name={field}]:checked")
    return found.get_attribute("value") if found.count() else None


def go_to(page, position: int) -> None:
    page.click(f"#cases button:nth-child({position})")
    page.wait_for_function(f"() => document.body.dataset.shown === '{position}'")


def test_a_wrong_token_is_told(browser, running):
    page = browser.new_page()
    page.goto(running.address)
    page.fill("#token", "wrong")
    page.keyboard.press("Enter")
    page.wait_for_function(
        "() => document.getElementById('message').textContent.includes('not known')"
    )
    page.close()


def test_two_readers_side_by_side(ana, ben):
    for page, quality in ((ana, 2), (ben, 5)):
        go_to(page, 3)
        answer(page, "quality", quality)
        answer(page, "diagnosis", "AD")
        saved(page)
    for page, quality in ((ana, "2"), (ben, "5")):
        go_to(page, 2)
        go_to(page, 3)
        assert chosen(page, "quality") == quality
        assert page.complaints == []


def test_a_server_killed_in_the_middle_of_an_answer(ana, running):
    """The page keeps the answer, says so, and sends it when the server is back."""
    go_to(ana, 4)
    running.kill()
    answer(ana, "quality", 4)
    answer(ana, "diagnosis", "FTD")
    ana.wait_for_function(
        "() => /trying again/.test(document.getElementById('status').textContent)"
    )
    running.start()
    saved(ana)
    ana.reload()
    ana.wait_for_function("() => document.body.dataset.shown === '4'")
    assert chosen(ana, "quality") == "4"
    assert chosen(ana, "diagnosis") == "FTD"


def test_what_is_not_saved_outlives_a_closed_window(ana, running):
    go_to(ana, 5)
    running.kill()
    answer(ana, "quality", 1)
    ana.wait_for_function(
        "() => /trying again/.test(document.getElementById('status').textContent)"
    )
    again = ana.context.new_page()
    again.set_default_timeout(PATIENCE_MS)
    running.start()
    again.goto(f"{running.address}#5")
    saved(again)
    go_to(again, 5)
    assert chosen(again, "quality") == "1"
    again.close()
    saved(ana)


def test_of_two_windows_the_later_one_is_told(ana, running):
    other = ana.context.new_page()
    other.set_default_timeout(PATIENCE_MS)
    other.goto(f"{running.address}#6")
    other.wait_for_selector("#questions fieldset")
    go_to(ana, 6)
    answer(other, "quality", 3)
    saved(other)
    answer(ana, "quality", 5)
    ana.wait_for_function(
        "() => /another window/.test(document.getElementById('message').textContent)"
    )
    assert chosen(ana, "quality") == "3"
    answer(ana, "quality", 5)
    saved(ana)
    go_to(ana, 7)
    go_to(ana, 6)
    assert chosen(ana, "quality") == "5"
    other.close()


@pytest.mark.parametrize("size", SIZES)
def test_nothing_is_cut_off(ana, size):
    width, height = SIZES[size]
    ana.set_viewport_size({"width": width, "height": height})
    position = ana.evaluate(
        """async () => { for (let n = 1; ; n += 1) { const shown = await (await fetch(
        `/api/cases/${n}`)).json(); if (shown.parts.length === 2) return n; } }"""
    )
    go_to(ana, position)
    ana.wait_for_timeout(1000)
    KEPT.mkdir(parents=True, exist_ok=True)
    ana.screenshot(path=KEPT / f"rate-{size}.png")
    cut = ana.evaluate(
        "Array.from(document.querySelectorAll('body, header, nav, aside, main, fieldset, button'))"
        ".filter((box) => box.scrollWidth > box.clientWidth + 1).map((box) => box.outerHTML)"
    )
    assert cut == []


def test_the_page_names_no_case(ana, running):
    """Neither its text nor its source, addresses and storage hold a name of the study."""
    text = ana.content() + ana.url + ana.evaluate("JSON.stringify(localStorage)")
    assert not re.search(r"sub-0|_synth|T1w|MRI \+", text)


def test_the_organiser_sees_the_progress(log_in):
    page = log_in("organiser")
    assert "of 14" in page.inner_text("#readers")
    KEPT.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=KEPT / "rate-progress.png")


def test_submitting(ben, running):
    fields = ("real", "real_certainty", "quality", "diagnosis", "diagnosis_certainty")
    values = ("real", 3, 4, "normal", 2)
    ben.evaluate(
        """async ([names, values]) => { for (let n = 1; n <= 14; n += 1) {
        const shown = await (await fetch(`/api/cases/${n}`)).json(); const fields = {};
        names.forEach((name, at) => {
        if (shown.fields.includes(name)) fields[name] = values[at]; });
        await fetch(`/api/cases/${n}`, { method: 'PUT', headers: { 'Content-Type':
        'application/json' }, body: JSON.stringify({ fields, revision: shown.revision }) }); } }""",
        [fields, values],
    )
    ben.reload()
    ben.wait_for_selector("#questions fieldset")
    ben.click("#submit")
    ben.click("#confirm button[value=yes]")
    ben.wait_for_function("() => /Thank you/.test(document.getElementById('message').textContent)")
    assert ben.is_disabled("#submit")
    assert ben.locator("#questions input:enabled").count() == 0
