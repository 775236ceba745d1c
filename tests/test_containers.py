"""The container definitions do the same, with the pinned versions; no daemon builds them here."""

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCKERFILE = (ROOT / "containers" / "Dockerfile").read_text(encoding="utf-8")
DEFINITION = (ROOT / "containers" / "petsynth.def").read_text(encoding="utf-8")


def docker_steps() -> list[str]:
    """Return the commands of the RUN lines, in their order."""
    lines = re.sub(r"\\\n", " ", DOCKERFILE).splitlines()
    runs = [line.removeprefix("RUN ") for line in lines if line.startswith("RUN ")]
    return [" ".join(step.split()) for run in runs for step in run.split(" && ")]


def apptainer_steps() -> list[str]:
    """Return the commands of %post, in their order, spelt as Docker's are."""
    post = DEFINITION.split("%post\n")[1].split("\n%")[0]
    lines = [line.strip() for line in post.splitlines()]
    steps = [line for line in lines if line and not line.startswith("#") and line != "set -e"]
    return [step.replace("{{ torch_index }}", "$TORCH_INDEX") for step in steps]


def test_both_do_the_same():
    assert docker_steps() == apptainer_steps()
    base = re.search(r"^FROM (.*)$", DOCKERFILE, flags=re.MULTILINE)[1]
    assert f"Bootstrap: docker\nFrom: {base}\n" in DEFINITION


def test_torch_is_the_pinned_one_and_comes_first():
    pip = [step for step in docker_steps() if "pip install" in step]
    assert [shlex.split(step)[-1] for step in pip] == ["$torch", "${wheel}[dicom]"]
    assert "-c /tmp/petsynth/constraints.txt" in pip[1]
    assert "grep '^torch=='" in DOCKERFILE
    pins = (ROOT / "constraints.txt").read_text().splitlines()
    assert [pin for pin in pins if re.match(r"^torch==", pin)] == ["torch==2.13.0"]


def test_the_label_names_every_licence():
    (project,) = re.findall(r'^license = "(.*)"$', (ROOT / "pyproject.toml").read_text(), re.M)
    assert f'org.opencontainers.image.licenses="{project}"' in DOCKERFILE


def test_what_is_copied_is_there_after_a_build():
    copied = re.search(r"^COPY (.*)$", DOCKERFILE, flags=re.MULTILINE)[1].split()[:-1]
    assert copied == ["constraints.txt", "dist/petsynth-*.whl"]
    assert all(name in DEFINITION for name in copied)


def test_the_page_has_the_commands_of_both():
    page = (ROOT / "docs" / "containers.md").read_text(encoding="utf-8")
    for text in (DOCKERFILE, DEFINITION):
        commands = re.findall(r"^#   ((?:docker|apptainer) .*)$", text, flags=re.MULTILINE)
        assert len(commands) == 2
        assert [line for line in commands if line not in page] == []
