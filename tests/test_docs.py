"""The documentation is true: its code runs, its links lead somewhere, its lists are complete."""

import ast
import doctest
import importlib
import pkgutil
import re
import shlex
from pathlib import Path

import pytest

from petsynth.cli.main import COMMANDS

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
ROOTS = (ROOT, ROOT / "src" / "petsynth")
RECORDS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
CITING = [
    *PAGES,
    *(
        path
        for folder in ("src", "tests", "configs", "benchmarks", "tools", "experiments")
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in (".py", ".toml", ".md", ".csv")
    ),
]
CITATION = re.compile(
    r"\brecords?\s+((?:\d+(?:,\s+|\s+and\s+|\s+to\s+)?)+)|docs/decisions/(\d{4}(?:, \d{4})*)",
    flags=re.IGNORECASE,
)


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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_named_files_and_modules_exist(page):
    """A path in backticks may start at the repository or at the package."""
    spans = re.findall(r"`([^`\n]+)`", page.read_text(encoding="utf-8"))
    words = [word for span in spans for word in span.split()]
    paths = [word for word in words if re.fullmatch(r"[a-z_]+/[a-z0-9_./-]+\.(py|toml|sh)", word)]
    modules = [word for word in words if re.fullmatch(r"petsynth(\.\w+)+", word)]
    missing = [path for path in paths if not any((root / path).exists() for root in ROOTS)]
    missing += [module for module in modules if not names_something(module)]
    assert missing == []


@pytest.mark.parametrize("folder", ["src", "tests", "benchmarks", "tools", "experiments"])
def test_modules_that_code_names_exist(folder):
    """In comments and docstrings; ``NAME`` stands for any name."""
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / folder).rglob("*.py")]
    named = {name for text in texts for name in re.findall(r"`(petsynth(?:\.\w+)+)`", text)}
    assert [name for name in named if ".NAME" not in name and not names_something(name)] == []


def test_every_package_says_in_which_order_to_read_it():
    """Its docstring names each of its modules; the root's are in the newcomers' table."""
    packages = sorted((ROOT / "src" / "petsynth").glob("*/**/__init__.py"))
    missing = {}
    for package in packages:
        said = ast.get_docstring(ast.parse(package.read_text(encoding="utf-8"))) or ""
        parts = [path.stem for path in package.parent.glob("*.py") if path != package]
        parts += [path.parent.name for path in package.parent.glob("*/__init__.py")]
        if left := sorted(part for part in parts if f"`{part}`" not in said):
            missing[package.parent.name] = left
    assert missing == {}


def names_something(dotted: str) -> bool:
    """Tell whether a dotted name is a module or something in one."""
    try:
        pkgutil.resolve_name(dotted)
    except (ImportError, AttributeError):
        return False
    return True


def commands_of(page: Path) -> list[str]:
    """Return the petsynth commands of a page's blocks, without comments and what shells add."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"```(?:sh|console|bash)\n(.*?)```", text, flags=re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    found = [re.sub(r"^(\$ |\.venv/bin/)", "", line.strip()) for line in lines]
    found += [match for line in found for match in re.findall(r'--wrap "(petsynth [^"]*)"', line)]
    return [line for line in found if re.match(r"petsynth [a-z]", line) and "--help" not in line]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_can_be_typed(page):
    """Every option is there, and nothing that is required is missing; nothing is carried out."""
    for command in commands_of(page):
        words = shlex.split(command.split(" | ")[0].split(" > ")[0], comments=True)[1:]
        if words[0] not in COMMANDS:
            assert words[0].startswith("-"), command
            continue
        module = importlib.import_module(f"petsynth.cli.{words[0].replace('-', '_')}")
        module.parse(words[1:])


def test_every_folder_is_in_the_newcomers_table():
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    package = ROOT / "src" / "petsynth"
    parts = [f"{path.parent.name}/" for path in package.glob("*/__init__.py")]
    parts += [path.name for path in package.glob("*.py") if not path.name.startswith("__")]
    table = "\n".join(line for line in page.splitlines() if line.startswith("| `"))
    assert [part for part in parts if f"`{part}`" not in table] == []
    named = re.findall(r"`(\w+(?:/|\.py))`", table.split("| you want to")[0])
    assert [name for name in named if not (package / name).exists()] == []


def test_messages_are_those_of_the_program():
    """What stands for a name or a number is written as ``...`` in the page's tables."""
    page = (ROOT / "docs" / "preparing.md").read_text(encoding="utf-8")
    tables = page[page.index("| flag |") :]
    messages = re.findall(r"^\| `([^`]+)`", tables, flags=re.MULTILINE)
    said = messages_of_modules()
    parts = [part.strip() for message in messages for part in message.split("...")]
    assert [part for part in parts if part not in said] == []
    assert len(messages) > 12


def test_troubleshooting_lists_messages_of_the_program():
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    messages = re.findall(r"^\| `([^`]+)`", page, flags=re.MULTILINE)
    said = messages_of_modules()
    parts = [part for message in messages for part in message.strip().split("...")]
    assert [part for part in parts if part.strip() not in said] == []
    assert len(messages) > 15


def test_every_key_of_a_sidecar_is_explained():
    page = (ROOT / "docs" / "outputs.md").read_text(encoding="utf-8")
    keys = set()
    for name in ("outputs.py", "finished.py"):
        text = (ROOT / "src" / "petsynth" / "inference" / name).read_text(encoding="utf-8")
        keys |= set(re.findall(r'"([A-Z][A-Za-z0-9]+)"(?::|\] = )', text))
    assert {"Synthetic", "SpatialReference", "InputsSHA256"} <= keys
    assert sorted(key for key in keys if f"`{key}`" not in page) == []


def messages_of_modules() -> str:
    """Return all string literals of the package."""
    return "\n".join(
        node.value
        for path in (ROOT / "src").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def numbers_of_records() -> set[int]:
    """Return the numbers of the decision records; none is used twice."""
    numbers = [int(path.name[:4]) for path in RECORDS]
    assert len(set(numbers)) == len(numbers)
    return set(numbers)


def cited_records(text: str) -> list[int]:
    """Return the numbers of the decision records that a text names.

    Examples
    --------
    >>> cited_records("(decision record 0053), records 2, 20 and 31; docs/decisions/0020, 0023")
    [53, 2, 20, 31, 20, 23]
    """
    prose = re.sub(r"\n[ #|*-]*", " ", text)
    found = [first or second for first, second in CITATION.findall(prose)]
    return [int(number) for numbers in found for number in re.findall(r"\d+", numbers)]


def test_every_decision_is_listed_with_its_title():
    index = (ROOT / "docs" / "decisions" / "README.md").read_text(encoding="utf-8")
    titles = {path: path.read_text(encoding="utf-8").split("\n")[0][2:] for path in RECORDS}
    lines = [f"- [{title}]({path.name})" for path, title in titles.items()]
    assert [line for line in lines if line not in index] == []


def test_cited_decisions_exist():
    known = numbers_of_records()
    cited = {path: cited_records(path.read_text(encoding="utf-8")) for path in CITING}
    missing = {
        str(path.relative_to(ROOT)): sorted(set(numbers) - known)
        for path, numbers in cited.items()
        if set(numbers) - known
    }
    assert missing == {}
    assert sum(map(len, cited.values())) > 50


def test_every_decision_that_is_gone_is_accounted_for():
    text = (ROOT / "docs" / "decisions" / "README.md").read_text(encoding="utf-8")
    gone = {int(number) for number in re.findall(r"^- (\d{4}): ", text, flags=re.MULTILINE)}
    successors = {int(number) for number in re.findall(r"now part of (\d{4})", text)}
    assert successors <= numbers_of_records()
    assert gone.isdisjoint(numbers_of_records())


@pytest.mark.parametrize("record", RECORDS, ids=lambda path: path.name)
def test_a_record_has_its_parts(record):
    text = record.read_text(encoding="utf-8")
    assert text.startswith(f"# {int(record.name[:4])}. ")
    for part in ("Context", "Decision", "Consequences"):
        assert re.search(rf"(\*\*{part}\.?\*\*|^## {part})", text, flags=re.MULTILINE), part
