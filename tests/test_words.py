"""Prose and names are the field's words, not words that this project coined and has dropped."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("src", "tests", "benchmarks", "configs", "docs", "experiments", "tools", ".ci")
KINDS = (".csv", ".j2", ".md", ".py", ".sh", ".toml", ".txt", ".yaml")
TEXTS = [
    *sorted(ROOT.glob("*.md")),
    *(
        path
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in KINDS and path != Path(__file__)
    ),
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

OLD_NAMES = {
    "CHANGELOG.md": {"canvas", "oracle", "slices per head", "slope penalty"},
    "benchmarks/train_step.py": {"share of"},
    "docs/results/paper-a-ixi.md": {"ceiling", "oracle"},
    "src/petsynth/config.py": {"canvas"},
    "src/petsynth/systems/registry.py": {
        "canvas",
        "oracle",
        "slices per head",
        "slope penalty",
        "stack unet",
    },
    "tests/cli/test_options.py": {"canvas", "stack unet"},
    "tests/inference/test_run.py": {"canvas"},
    "tests/test_config.py": {"canvas", "oracle", "stack unet"},
    "tests/training/test_run_folder.py": {"canvas"},
}
"""Where a name of an earlier version stands beside the new one."""

FILES = re.compile(r"(^|[/_])(box|real_or_generated|summarise|people|person)([/_.]|$)")
"""Names of files that are refused, of words that prose may use."""

NAMES_OF_LIBRARIES = ("FigureCanvasAgg",)

WORDS = re.compile(
    r"(?<![\w-])(?:" + "|".join(f"(?:{word})" for word in COINED) + r")(?![\w-])",
    flags=re.IGNORECASE,
)


def words_of(text: str) -> str:
    """Return a text with names in snake, camel or kebab case taken apart.

    Examples
    --------
    >>> words_of("brainLitres = table['template-score']  # desk/start_size.py")
    "brain Litres = table['template score'] # desk start size py"
    """
    for foreign in NAMES_OF_LIBRARIES:
        text = text.replace(foreign, "")
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text)
    return " ".join(re.sub(r"(?<=\w)[_/.-](?=\w)", " ", apart).split())


def coined(text: str) -> list[str]:
    """Return the coined words of a text, each once.

    Examples
    --------
    >>> coined("The boxedModel of desk.py mends what the amended deskew broke; DESKS too.")
    ['boxed', 'desk', 'desks', 'mends']
    """
    return sorted({found[0].lower() for found in WORDS.finditer(words_of(text))})


def test_texts_use_the_fields_words():
    """Pages, modules, configurations, templates, tables: prose, names, columns and keys."""
    found = {}
    for path in TEXTS:
        name = path.relative_to(ROOT).as_posix()
        words = set(coined(path.read_text(encoding="utf-8")))
        if left := words - OLD_NAMES.get(name, set()):
            found[name] = sorted(left)
    assert found == {}
    assert len(TEXTS) > 400


def test_file_names_use_the_fields_words():
    listing = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listing.returncode:
        pytest.skip("not a git checkout")
    names = listing.stdout.splitlines()
    assert {name: found for name in names if (found := coined(name))} == {}
    assert [name for name in names if FILES.search(name)] == []
