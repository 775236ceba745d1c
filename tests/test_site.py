"""The documentation's site: every page stands in it, and its links lead somewhere."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NAV = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").split("\nnav:\n")[1]


@pytest.fixture(scope="module")
def build_docs():
    spec = importlib.util.spec_from_file_location("build_docs", ROOT / "tools" / "build_docs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pages(build_docs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site") / "docs"
    build_docs.stage(folder)
    return folder


def test_every_page_is_in_the_navigation_and_decision_records_come_last(pages):
    named = re.findall(r"(\S+\.md)$", NAV, flags=re.MULTILINE)
    there = {page.relative_to(pages).as_posix() for page in pages.rglob("*.md")}
    left = {page for page in there if not page.startswith("decisions/0")} - {"README.md"}
    assert set(named) == left
    assert (named[0], named[-1]) == ("index.md", "decisions/README.md")


def test_every_page_is_listed_on_the_start_page():
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    pages = re.findall(r"(\S+\.md)$", NAV, flags=re.MULTILINE)
    assert [page for page in pages[1:] if f"{page})" not in index] == []


def test_links_lead_to_pages_of_the_site(pages):
    broken = []
    for page in pages.rglob("*.md"):
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
            if not re.match(r"[a-z]+:", target) and not (page.parent / target).is_file():
                broken.append((page.name, target))
    assert broken == []


def test_the_site_builds_without_a_warning(build_docs, pages):
    for name in ("mkdocs", "material", "mkdocstrings"):
        pytest.importorskip(name, reason="needs the extra docs")
    site = pages.parent / "site"
    assert build_docs.build(pages, site) == 0
    assert (site / "index.html").is_file()
    assert "petsynth.predict" in (site / "api.html").read_text(encoding="utf-8")


def test_a_link_to_code_becomes_its_name(build_docs, tmp_path):
    page = tmp_path / "index.md"
    text = "[code](../src/petsynth/log.py), [start](../README.md), [web](https://bids.org)"
    found = build_docs.with_links(text, page, ROOT / "docs" / "index.md", tmp_path)
    assert found == "code, [start](README.md), [web](https://bids.org)"
