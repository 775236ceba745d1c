"""The documentation's site: every page stands in it, and its links lead somewhere."""

import importlib.util
import itertools
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

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
    left = {page for page in there if not page.startswith("decisions/0")}
    assert set(named) == left
    assert (named[0], named[-1]) == ("index.md", "decisions/README.md")


def test_every_page_is_listed_on_the_start_page():
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    pages = re.findall(r"(\S+\.md)$", NAV, flags=re.MULTILINE)
    assert [page for page in pages[1:] if f"{page})" not in index] == []


def test_the_first_page_has_a_picture_and_three_ways_in():
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    ways = index.split("## Three ways in")[1].split("\n## ")[0]
    assert re.search(r"^!\[.+\]\(images/.+\.png\)$", index.split("## ")[0], flags=re.MULTILINE)
    assert len(re.findall(r"^\*\*I ", ways, flags=re.MULTILINE)) == 3


@pytest.fixture(scope="module")
def site(build_docs, pages):
    for name in ("mkdocs", "material", "mkdocstrings"):
        pytest.importorskip(name, reason="needs the extra docs")
    site = pages.parent / "site"
    assert build_docs.build(pages, site) == 0  # mkdocs is strict: a warning is an error
    return site


class Links(HTMLParser):
    """What a page refers to, and what can be referred to in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        self.targets += [named[key] for key in ("href", "src") if named.get(key)]
        self.anchors |= {named[key] for key in ("id", "name") if named.get(key)}


def broken_links(site: Path) -> list[tuple[str, str]]:
    """Return (page, target) of whatever leads to no file of the site, or to no place in one."""
    pages = {path: Links(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    del pages[site / "404.html"]  # of a server: its links start at the root
    found = []
    for page, links in pages.items():
        for target in links.targets:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            file = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            file = file / "index.html" if file.is_dir() else file
            anchor = unquote(parts.fragment)
            is_there = not anchor or file not in pages or anchor in pages[file].anchors
            if not file.is_file() or not is_there:
                found.append((page.relative_to(site).as_posix(), target))
    return found


def test_every_link_of_the_site_leads_somewhere(site):
    assert broken_links(site) == []
    assert "petsynth.predict" in (site / "api.html").read_text(encoding="utf-8")


def test_examples_of_the_python_api_are_code(site):
    """A doctest outside a section of examples would be a quotation in a quotation."""
    text = (site / "api.html").read_text(encoding="utf-8")
    assert text.count("<blockquote>") == 0
    assert "doctest: +SKIP" not in text


def test_the_site_asks_no_other_server(site):
    """Links may lead elsewhere; scripts, styles, pictures and fonts come from the site."""
    asked = []
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        tags = re.findall(r"<(?:script|img|iframe)[^>]* src=\S+|<link[^>]*>", text)
        asked += [(page.name, tag) for tag in tags if re.search(r"""["'=](?:https?:)?//""", tag)]
    assert asked == []


def test_the_search_works_without_a_server(site):
    """Its index is a script, and what stands for a worker in files comes with the site."""
    assert (site / "search" / "search_index.js").is_file()
    (shim,) = re.findall(r'src="(\S+/shim\.js)"', (site / "results" / "paper-b.html").read_text())
    assert (site / "results" / shim).is_file()


def test_a_line_does_not_end_after_the_dashes_of_an_option(build_docs):
    marked = '<span class="option">--mem-mb</span>'
    found = build_docs.on_page_content("<p><code>--mem-mb 4</code>, -- and <code>a--b</code></p>")
    assert found == f"<p><code>{marked} 4</code>, -- and <code>a--b</code></p>"
    block = "<pre><code>--x</code></pre>"
    assert build_docs.on_page_content(block) == block


def test_a_picture_opens_at_full_size(build_docs):
    picture = '<img alt="T1 and PET" src="images/demo.png" />'
    found = build_docs.on_page_content(f"<p>{picture}</p>")
    assert found == f'<p><a href="images/demo.png">{picture}</a></p>'


def test_headings_leave_out_no_level(site):
    for page in site.rglob("*.html"):
        article = page.read_text(encoding="utf-8").partition("<article")[2]
        levels = [int(level) for level in re.findall(r"<h([1-6])[ >]", article)]
        assert all(b <= a + 1 for a, b in itertools.pairwise(levels)), page.name


def test_every_picture_has_a_caption(pages):
    """A paragraph in italics below it; of pictures one below the other, each."""
    missing = []
    for page in pages.rglob("*.md"):
        blocks = page.read_text(encoding="utf-8").split("\n\n")
        for block, below in zip(blocks, [*blocks[1:], ""], strict=True):
            if block.startswith("![") and not below.startswith("*"):
                missing.append((page.name, block))
    assert missing == []


def test_a_link_that_leads_nowhere_is_found(tmp_path):
    page = '<a href="b.html#here">b</a> <a href="no.html">c</a> <a href="b.html#not">d</a>'
    (tmp_path / "index.html").write_text(page)
    (tmp_path / "b.html").write_text('<h1 id="here">b</h1>')
    (tmp_path / "404.html").write_text("")
    assert broken_links(tmp_path) == [("index.html", "no.html"), ("index.html", "b.html#not")]


def test_a_link_to_code_becomes_its_name(build_docs, tmp_path):
    page = tmp_path / "index.md"
    text = "[code](../src/petsynth/log.py), [start](../README.md), [web](https://bids.org), "
    text += "[help](../CONTRIBUTING.md)"
    found = build_docs.with_links(text, page, ROOT / "docs" / "index.md", tmp_path)
    assert found == "code, start, [web](https://bids.org), [help](CONTRIBUTING.md)"
