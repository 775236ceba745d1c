"""Prose uses the field's words, not words that this project coined and has dropped."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MARKDOWN = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "src").rglob("*.md")),
]
CONFIGURATIONS = sorted((ROOT / "configs").rglob("*.toml"))
MODULES = sorted((ROOT / "src").rglob("*.py"))

COINED = {
    r"awkward": "corrupted, unusual",
    r"boxed|in the box(?! around)": "pretrained, bundled",
    r"canvas(es)?": "padded size",
    r"ceilings?": "upper bound",
    r"climb(s|ed|ing)?": "optimise",
    r"desks?": "recorder",
    r"evened[- ]out": "locally normalised",
    r"judge(s|d|ments?)?": "discriminator, discriminator output",
    r"knobs?": "hyperparameter, setting",
    r"likeness": "similarity, input check",
    r"mend(s|ed|ing)?": "fix",
    r"mirrored": "flipped",
    r"oracles?": "upper bound, noise-free PET",
    r"paint(s|ed|ing)?": "simulate",
    r"players?": "networks and their optimisers",
    r"rosters?": "list of subjects",
    r"rulers?": "metric settings",
    r"sceptics?": "baseline",
    r"slope[- ]penalt(y|ies)": "gradient penalty",
    r"step sizes?": "learning rate",
    r"verbs?": "command",
    r"verdicts?": "finding",
}
"""Pattern of a whole word, in any case -> what the field says."""

WORDS = re.compile(
    r"(?<![\w-])(?:" + "|".join(f"(?:{word})" for word in COINED) + r")(?![\w-])",
    flags=re.IGNORECASE,
)


def prose_of_markdown(text: str) -> str:
    """Return a page without code and without the targets of its links."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"`[^`]*`|\]\([^)]*\)", " ", text)


def prose_of_comments(text: str) -> str:
    """Return the comments of a TOML file, without paths and options."""
    comments = "\n".join(re.findall(r"#(.*)$", text, flags=re.MULTILINE))
    return re.sub(r"\S*[/_=.]\S+|--\S+", " ", comments)


def prose_of_module(text: str) -> str:
    """Return docstrings and messages: literals that hold at least two words, without code."""
    literals = [
        node.value
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    prose = "\n".join(literal for literal in literals if re.search(r"\w \w", literal))
    prose = re.sub(r"^\s*(>>>|\.\.\.).*$", "", prose, flags=re.MULTILINE)
    return re.sub(r"``[^`]*``|`[^`]*`|\S*[/_=]\S+|\S+\.\w\S*|--\S+", " ", prose)


def coined(prose: str) -> list[str]:
    """Return the coined words of a text, each once.

    Examples
    --------
    >>> coined("The boxed model's desk mends what the amended deskew broke; DESKS too.")
    ['boxed', 'desk', 'desks', 'mends']
    """
    return sorted({" ".join(found[0].lower().split()) for found in WORDS.finditer(prose)})


@pytest.mark.parametrize("page", MARKDOWN, ids=lambda page: str(page.relative_to(ROOT)))
def test_pages_use_the_fields_words(page):
    assert coined(prose_of_markdown(page.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("file", CONFIGURATIONS, ids=lambda page: str(page.relative_to(ROOT)))
def test_configurations_use_the_fields_words(file):
    assert coined(prose_of_comments(file.read_text(encoding="utf-8"))) == []


def test_modules_use_the_fields_words():
    prose = {path: prose_of_module(path.read_text(encoding="utf-8")) for path in MODULES}
    found = {str(path.relative_to(ROOT)): coined(text) for path, text in prose.items()}
    assert {path: words for path, words in found.items() if words} == {}
