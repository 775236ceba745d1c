"""How often do the 95 % intervals of evaluate hold the true difference?

Simulates studies: a model trained with one or three seeds against a baseline, or two models with
three seeds each, on 4, 10 or 25 subjects. A value is the sum of a subject's difference (standard
deviation 1), a run's (``--seed-std``) and what is peculiar to this run on this subject
(``--residual-std``), as large as in the metrics kept in ``docs/results``. Subjects' differences are
normal, or skewed (gamma distributed with skewness 0.8; most differences measured there have less),
or strongly so (exponential, skewness 2). The truth is 0.

For one seed, beside the interval of `petsynth.evaluation.statistics`, the bootstrap's: percentile
and BCa of scipy. Prints one JSON object: coverage by kind, subjects, runs and standard deviations,
and the lowest and highest of each kind.

    python benchmarks/interval_coverage.py --studies 10000
"""

from __future__ import annotations

import argparse
import json
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from petsynth.evaluation.statistics import estimate_paired
from petsynth.log import Progress, messages_on_stderr

SKEWNESS = {"normal": 0.0, "skewed": 0.8, "exponential": 2.0}
SUBJECTS = (4, 10, 25)
RUNS = ((1, 1), (3, 1), (3, 3))
"""Seeds of the first and the second method; a baseline has one run and no seed."""
RESAMPLES = 999


def sample(kind: str, shape: tuple[int, ...], random: np.random.Generator) -> NDArray[np.float64]:
    """Return values of mean 0 and standard deviation 1."""
    if not SKEWNESS[kind]:
        return random.standard_normal(shape)
    shape_parameter = 4 / SKEWNESS[kind] ** 2
    values = random.gamma(shape_parameter, size=shape) - shape_parameter
    return values / np.sqrt(shape_parameter)


def cover(
    kind: str,
    subjects: int,
    runs: tuple[int, int],
    stds: tuple[float, float],
    studies: int,
    random: np.random.Generator,
) -> float:
    """Return the fraction of studies whose interval holds 0."""
    of_seeds, of_residuals = stds
    held = 0
    for _ in range(studies):
        first, second = (
            of_residuals * random.standard_normal((number, subjects))
            + (of_seeds * random.standard_normal((number, 1)) if number > 1 else 0.0)
            for number in runs
        )
        first += sample(kind, (1, subjects), random)
        estimate = estimate_paired(first, second if runs[1] > 1 else np.zeros((1, subjects)))
        held += abs(estimate.mean) <= estimate.half_width()
    return held / studies


def cover_bootstrap(kind: str, subjects: int, studies: int, random: np.random.Generator) -> Any:
    """Return what scipy's bootstrap intervals of one run's mean difference cover."""
    values = sample(kind, (studies, subjects), random)
    found = {}
    for method in ("percentile", "BCa"):
        low, high = stats.bootstrap(
            (values,), np.mean, axis=1, n_resamples=RESAMPLES, method=method, rng=random
        ).confidence_interval
        found[method] = round(float(np.mean((low <= 0) & (high >= 0))), 4)
    return found


@messages_on_stderr()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=4000, help="of each kind")
    parser.add_argument("--seed-std", type=float, nargs="+", default=[0.2, 0.5, 1.0])
    parser.add_argument("--residual-std", type=float, nargs="+", default=[0.5, 1.0])
    args = parser.parse_args()
    random = np.random.default_rng(0)
    cells = []
    wanted = [
        (*each, stds)
        for *each, stds in product(
            SKEWNESS, SUBJECTS, RUNS, product(args.seed_std, args.residual_std)
        )
        if each[2] != (1, 1) or stds == (args.seed_std[0], args.residual_std[0])
    ]
    with Progress("studies", total=len(wanted)) as progress:
        for kind, subjects, runs, stds in wanted:
            cells.append(
                {
                    "differences": kind,
                    "subjects": subjects,
                    "seeds": runs,
                    "seed_std": stds[0] if runs != (1, 1) else None,
                    "residual_std": stds[1],
                    "coverage": round(cover(kind, subjects, runs, stds, args.studies, random), 4),
                }
            )
            progress.advance()
    ends = {
        kind: {
            f"{number} seed{'s' * (number > 1)}": [
                function(
                    cell["coverage"]
                    for cell in cells
                    if cell["differences"] == kind and cell["seeds"][0] == number
                )
                for function in (min, max)
            ]
            for number in (1, 3)
        }
        for kind in SKEWNESS
    }
    bootstrap = {
        kind: {
            subjects: cover_bootstrap(kind, subjects, min(args.studies, 1000), random)
            for subjects in SUBJECTS
        }
        for kind in SKEWNESS
    }
    print(
        json.dumps(
            {
                "studies": args.studies,
                "nominal": 0.95,
                "lowest_and_highest": ends,
                "bootstrap_one_seed": bootstrap,
                "coverage": cells,
            }
        )
    )


if __name__ == "__main__":
    main()
