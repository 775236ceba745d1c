"""The documentation is true: its code runs, its links lead somewhere, its lists are complete."""

import ast
import doctest
import importlib
import inspect
import pkgutil
import re
import shlex
import tomllib
from fnmatch import fnmatch
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
        typed = command.split(" | ")[0].split(" > ")[0].replace("$SLURM_ARRAY_TASK_ID", "0")
        words = shlex.split(typed, comments=True)[1:]
        if words[0] not in COMMANDS:
            assert words[0].startswith("-"), command
            continue
        module = importlib.import_module(f"petsynth.cli.{words[0].replace('-', '_')}")
        module.parse(words[1:])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_says_what_language_it_is_in(page):
    """So that one of the tests of this file, or of the page itself, takes it up."""
    fences = re.findall(r"^ *```(.*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert set(fences[::2]) <= {"sh", "console", "python", "toml", "text"}
    assert set(fences[1::2]) <= {""}


def blocks_of(page: Path, language: str) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_python_can_be_typed(page):
    """What is imported exists, and petsynth's functions take the arguments that they are given."""
    blocks = [text for text in blocks_of(page, "python") if ">>> " not in text]
    for node in ast.walk(ast.parse("\n".join(blocks))):
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(str(node.module))
            assert all(hasattr(module, each.name) for each in node.names), node.module
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("petsynth."):
            function = pkgutil.resolve_name(ast.unparse(node.func))
            named = {str(each.arg): None for each in node.keywords}
            inspect.signature(function).bind(*node.args, **named)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_toml_can_be_used(page, tmp_path):
    """As a reader study, or as settings of a training run."""
    from petsynth.config import parse_config
    from petsynth.reader_study.study import read_study

    for text in blocks_of(page, "toml"):
        content = tomllib.loads(text)
        if "readers" not in content:
            parse_config({"system": "unet25d", **content})
            continue
        rows = "".join(f"case-{n}\tsub-{n}\tn/a\tpet.nii\n" for n in range(8))
        (tmp_path / content["cases"]).write_text(f"name\tsubject\ttruth\tpet\n{rows}")
        (tmp_path / "pet.nii").touch()
        (tmp_path / "study.toml").write_text(text)
        assert read_study(tmp_path / "study.toml").questions == tuple(content["questions"])


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


def files_of_commands() -> dict[str, tuple[str, ...]]:
    """Return what each command may write, as the program itself knows it.

    The others' files are compared where all commands have run (`tests/test_whole_path.py`).
    """
    from petsynth.report.classification import FILES as CLASSIFY
    from petsynth.report.folder import FILES as EVALUATE
    from petsynth.report.measurements import FILES as MEASURE
    from petsynth.training.run_folder import FILES as TRAIN

    return {"train": TRAIN, "evaluate": EVALUATE, "measure": MEASURE, "classify": CLASSIFY}


@pytest.mark.parametrize("command", files_of_commands())
def test_every_file_of_a_command_is_on_the_page_of_outputs(command):
    """And the page promises none that the command does not write."""
    known, listed = files_of_commands()[command], files_on_page(command)

    def left_out(names, patterns):
        written = [name.replace("*", f"{command}-1") for name in names]
        return [name for name in written if not any(fnmatch(name, each) for each in patterns)]

    assert left_out(known, listed) == []
    assert left_out(listed, known) == []


def files_on_page(command: str) -> list[str]:
    """Return the patterns in the first column of a command's table of files."""
    page = (ROOT / "docs" / "outputs.md").read_text(encoding="utf-8")
    section = re.split(rf"^## Of `petsynth {command}`.*$", page, flags=re.MULTILINE)[1]
    tables = section.split("\n## ")[0].split("\n### ")[0]
    cells = re.findall(r"^\| (`.*?) \|", tables, flags=re.MULTILINE)
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


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
