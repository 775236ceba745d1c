"""Of two commands that write into one folder, one works and the other says so in one line."""

import pytest

from .harness import Run, complete, digest

# On a busy machine the moments of the faults shift; `make faults` and `make test-all` run these.
pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("name", "again"),
    [
        ("train", False),
        ("train", True),
        ("predict", False),
        ("prepare", False),
        ("simulate", True),
        ("evaluate", True),
    ],
)
def test_two_at_once(commands, folder, name, again):
    """The second may be a copy of the first, or what is typed to go on or to overwrite."""
    command, out = commands[name], folder / f"{name}-twice-{again}"
    alone = folder / f"{name}-alone"
    if not alone.exists():
        complete(command.words(alone), folder / f"{name}-alone.log")
    first = Run(command.words(out), folder / f"{name}-first-{again}.log")
    words = command.again(out) if again else command.words(out)
    second = Run(words, folder / f"{name}-second-{again}.log")
    statuses = [run.wait() for run in (first, second)]
    assert 0 in statuses, first.messages() + second.messages()
    for run, status in zip((first, second), statuses, strict=True):
        lines = [line for line in run.messages().splitlines() if "error" in line]
        assert "Traceback" not in run.messages()
        assert len(lines) == (status == 1), run.messages()
        assert status in (0, 1)
        refusals = ("is writing there", "holds a run already", "exists already", "not empty",
                    "holds an evaluation already")  # fmt: skip
        assert not lines or any(refusal in lines[0] for refusal in refusals), lines
    assert digest(out) == digest(alone)


def test_parts_of_one_preparation_run_side_by_side(commands, folder):
    command, out, alone = commands["prepare"], folder / "parts", folder / "prepare-alone-parts"
    words = [*command.words(out)[:3], "participant", *command.words(out)[3:]]
    parts = [
        Run([*words, "--num-parts", "3", "--part-id", str(part)], folder / f"part-{part}.log")
        for part in range(3)
    ]
    assert [part.wait() for part in parts] == [0, 0, 0], [part.messages() for part in parts]
    complete(command.words(out), folder / "group.log")
    complete(command.words(alone), folder / "alone.log")
    assert digest(out) == digest(alone)
