"""Of two commands that write into one folder, one works and the other says so in one line."""

import numpy as np
import pytest

from .harness import FAULTS, SEED, Run, compare, complete, count_failure, digest, stop_at_lock

REFUSALS = (
    "is writing there",
    "holds a run already",
    "exists already",
    "not empty",
    "holds an evaluation already",
)
CASES = [
    ("train", False),
    pytest.param("train", True, marks=pytest.mark.slow),
    ("prepare", False),
    pytest.param("simulate", True, marks=pytest.mark.slow),
    pytest.param("evaluate", True, marks=pytest.mark.slow),
]


def check_refusal(run, name):
    assert "Traceback" not in run.messages()
    *_, last = run.messages().strip().splitlines()
    assert last.startswith(f"petsynth {name}: error: "), run.messages()
    assert any(refusal in last for refusal in REFUSALS), run.messages()


@pytest.mark.parametrize(("name", "again"), CASES)
def test_the_second_is_refused_while_the_first_works(commands, folder, tally, name, again):
    """The second may be a copy of the first, or what is typed to go on or to overwrite."""
    command, out = commands[name], folder / f"{name}-twice-{again}"
    alone = folder / f"{name}-alone"
    if not alone.exists():
        complete(command.words(alone), folder / f"{name}-alone.log")
    first = Run(command.words(out), folder / f"{name}-first-{again}.log", stop_at_lock())
    first.wait_until_stopped()
    words = command.again(out) if again else command.words(out)
    second = Run(words, folder / f"{name}-second-{again}.log")
    status = second.wait()
    first.go_on()
    tally.faults += 1
    count_failure(second, status, tally, (1,))
    count_failure(first, first.wait(), tally, (0,))
    compare(out, digest(alone), tally)
    tally.check(first.messages() + second.messages())
    check_refusal(second, name)
    assert "is writing there" in second.messages()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["train", "predict", "prepare", "simulate", "evaluate"])
def test_both_start_at_the_same_time(commands, folder, tally, name):
    """Whoever comes first works; two predictions may share the work."""
    command, alone = commands[name], folder / f"{name}-alone"
    if not alone.exists():
        complete(command.words(alone), folder / f"{name}-alone.log")
    random = np.random.default_rng([SEED, 77])
    for number in range(max(1, FAULTS // 100)):
        out = folder / f"{name}-race-{number}"
        again = bool(random.integers(2))
        words = [command.words(out), command.again(out) if again else command.words(out)]
        runs = [Run(each, folder / f"{name}-race-{number}-{i}.log") for i, each in enumerate(words)]
        statuses = [run.wait() for run in runs]
        tally.faults += 1
        for run, status in zip(runs, statuses, strict=True):
            count_failure(run, status, tally, (0, 1))
            if status == 1:
                check_refusal(run, name)
        if 0 not in statuses:  # each held what the other needed: nothing is lost
            complete(command.again(out), folder / f"{name}-race-{number}-third.log", tally)
        compare(out, digest(alone), tally)
        tally.check("".join(run.messages() for run in runs))


def test_a_prediction_leaves_alone_what_another_one_writes(commands, folder, tally):
    command, out, alone = commands["predict"], folder / "predict-twice", folder / "predict-alone"
    complete(command.words(alone), folder / "predict-alone.log")
    # Predictions share the folder's lock; the second is that of one T1.
    first = Run(command.words(out), folder / "predict-first.log", stop_at_lock(2))
    first.wait_until_stopped()
    second = Run(command.words(out), folder / "predict-second.log")
    status = second.wait()
    first.go_on()
    tally.faults += 1
    count_failure(second, status, tally, (1,))
    count_failure(first, first.wait(), tally, (0,))
    compare(out, digest(alone), tally)
    tally.check(first.messages() + second.messages())
    check_refusal(second, "predict")


@pytest.mark.slow
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
