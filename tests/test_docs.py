"""The documentation is true: its code runs, its links lead somewhere, its lists are complete."""

import doctest
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
RECORDS = sorted((ROOT / "docs" / "decisions").glob("*.md"))


def test_the_path_of_one_image_runs():
    failed, tried = doctest.testfile(
        str(ROOT / "docs" / "path-of-one-image.md"), module_relative=False
    )
    assert tried > 40
    assert failed == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
    local = [target for target in targets if not re.match(r"[a-z]+:", target)]
    missing = [target for target in local if not (page.parent / target).exists()]
    assert missing == []


def test_every_decision_is_listed_and_numbered_once():
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    assert [path.name for path in RECORDS if f"(decisions/{path.name})" not in index] == []
    numbers = [path.name[:4] for path in RECORDS]
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize("record", RECORDS, ids=lambda path: path.name)
def test_a_record_has_its_parts(record):
    text = record.read_text(encoding="utf-8")
    assert text.startswith(f"# {int(record.name[:4])}. ")
    for part in ("Context", "Decision", "Consequences"):
        assert re.search(rf"(\*\*{part}\.?\*\*|^## {part})", text, flags=re.MULTILINE), part
