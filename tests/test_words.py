"""Prose and names are the field's words, not words that this project coined and has dropped."""

import io
import re
import subprocess
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MARKDOWN = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "src").rglob("*.md")),
]
TEMPLATES = sorted((ROOT / "src").rglob("*.j2"))
CONFIGURATIONS = [
    *sorted((ROOT / "configs").rglob("*.toml")),
    *sorted((ROOT / "src").rglob("*.toml")),
]
MODULES = [
    path
    for folder in ("src", "tests", "benchmarks", "tools", "experiments")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if path != Path(__file__)
]

COINED = {
    r"agreement of detail": "local correlation ratio",
    r"augmented[- ]heads?|heads per (?:batch|epoch)|slices per head": "volume, slab",
    r"awkward": "corrupted, unusual",
    r"boxed|in the box(?! around)": "pretrained, bundled",
    r"brain litres": "brain volume in mL",
    r"canvas(es)?": "padded size",
    r"ceilings?": "upper bound",
    r"climb(s|ed|ing)?": "optimise",
    r"defeats?": "is better than",
    r"desks?": "recorder",
    r"dropout draws?": "dropout sample",
    r"evened[- ]out": "locally normalised",
    r"judge(s|d|ments?)?": "discriminator, discriminator output",
    r"knobs?": "hyperparameter, setting",
    r"likeness": "similarity, input check",
    r"mend(s|ed|ing)?": "fix",
    r"mirrored": "flipped",
    r"oracles?": "upper bound, noise-free PET",
    r"paint(s|ed|ing)?": "simulate",
    r"players?": "networks and their optimisers",
    r"real PET \(simulated\)": "reference PET (simulated)",
    r"rosters?": "list of subjects",
    r"rulers?": "metric settings",
    r"sceptics?": "baseline",
    r"shares? of|masked shares?": "fraction, probability",
    r"slope[- ]penalt(y|ies)": "gradient penalty",
    r"stack[- ]unet": "2.5D U-Net",
    r"step sizes?": "learning rate",
    r"template ?score": "mutual information with the template",
    r"turn degrees": "rotation in degrees",
    r"verbs?": "command",
    r"verdicts?": "finding",
}
"""Pattern of a whole word, in any case -> what the field says."""

ANSWERS = {
    "src/petsynth/config.py": {"canvas", "oracle", "slices per head", "slope penalty"},
    "src/petsynth/systems/registry.py": {"stack unet"},
    "tests/cli/test_options.py": {"canvas", "stack unet"},
    "tests/inference/test_run.py": {"canvas"},
    "tests/test_config.py": {"canvas", "oracle", "stack unet"},
    "tests/training/test_run_folder.py": {"canvas"},
}
"""Modules that answer somebody who types a name of before with the new one, and their tests."""

FILES = re.compile(r"(^|[/_])(box|real_or_generated|summarise|people|person)([/_.]|$)")
"""Names of files that are refused, of words that prose may use."""

NAMES_OF_LIBRARIES = ("FigureCanvasAgg",)

WORDS = re.compile(
    r"(?<![\w-])(?:" + "|".join(f"(?:{word})" for word in COINED) + r")(?![\w-])",
    flags=re.IGNORECASE,
)


def prose_of_markdown(text: str) -> str:
    """Return a page without code and without the targets of its links."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"`[^`]*`|\]\([^)]*\)", " ", text)


def words_of_module(text: str) -> str:
    """Return all words of a module: its names, texts and comments.

    Examples
    --------
    >>> words_of_module('brainLitres = table["TemplateScore"]  # of the desk')
    'brain Litres table Template Score of the desk'
    """
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    wanted = (tokenize.NAME, tokenize.STRING, tokenize.COMMENT)
    words = " ".join(token.string for token in tokens if token.type in wanted)
    for foreign in NAMES_OF_LIBRARIES:
        words = words.replace(foreign, "")
    return " ".join(re.sub(r"\W", " ", split_name(words)).split())


def split_name(name: str) -> str:
    """Return the words of a name in snake, camel or kebab case."""
    return re.sub(r"[_/.-]", " ", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name))


def prose_of_comments(text: str) -> str:
    """Return the comments of a TOML file, without paths and options."""
    comments = "\n".join(re.findall(r"#(.*)$", text, flags=re.MULTILINE))
    return re.sub(r"\S*[/_=.]\S+|--\S+", " ", comments)


def coined(prose: str) -> list[str]:
    """Return the coined words of a text, each once.

    Examples
    --------
    >>> coined("The boxed model's desk mends what the amended deskew broke; DESKS too.")
    ['boxed', 'desk', 'desks', 'mends']
    """
    return sorted({" ".join(found[0].lower().split()) for found in WORDS.finditer(prose)})


@pytest.mark.parametrize("page", MARKDOWN + TEMPLATES, ids=lambda page: str(page.relative_to(ROOT)))
def test_pages_use_the_fields_words(page):
    assert coined(prose_of_markdown(page.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("file", CONFIGURATIONS, ids=lambda page: str(page.relative_to(ROOT)))
def test_configurations_use_the_fields_words(file):
    assert coined(prose_of_comments(file.read_text(encoding="utf-8"))) == []


def test_modules_use_the_fields_words():
    """Names, columns, keys, texts and comments, but for the answers to names of before."""
    found = {}
    for path in MODULES:
        name = str(path.relative_to(ROOT))
        words = set(coined(words_of_module(path.read_text(encoding="utf-8"))))
        if left := words - ANSWERS.get(name, set()):
            found[name] = sorted(left)
    assert found == {}


def test_file_names_use_the_fields_words():
    listing = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listing.returncode:
        pytest.skip("not a git checkout")
    names = listing.stdout.splitlines()
    assert {name: found for name in names if (found := coined(split_name(name)))} == {}
    assert [name for name in names if FILES.search(name)] == []
