"""Descriptions, and intervals for the difference of two methods, corrected for their number.

The difference of two methods is estimated with subjects and seeds both random: somebody else's
scan, and another run of the same training, would have given other values. Its variance has a term
for each source, found by analysis of variance; each term has its degrees of freedom.

Several comparisons are a family. Their intervals hold together (Bonferroni), and the p-values are
adjusted by Holm's method, so that the chance of one false finding or more in the family is 5 %.
How often the intervals hold the true difference is measured by ``benchmarks/interval_coverage.py``.

References
----------
F. E. Satterthwaite (1946), An approximate distribution of estimates of variance components.
K. S. Banerjee (1961), On confidence interval for two-means problem based on separate estimates of
variances. S. Holm (1979), A simple sequentially rejective multiple test procedure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import optimize, special

from petsynth.volume import FloatArray

CONFIDENCE = 0.95

Conclusion = Literal["better", "worse", "undecided"]
Equivalence = Literal["equivalent", "different", "undecided"]

_BANERJEE = 1 / 3
"""Weight of Banerjee's interval beside Satterthwaite's, chosen by measured coverage."""


def describe(values: Sequence[float] | FloatArray) -> dict[str, float | int | None]:
    """Return mean, std (n - 1), min, max and n of the finite values; None where undefined.

    Infinite PSNR (no error at all) and undefined correlations do not count towards ``n``.

    Examples
    --------
    >>> describe([1.0, 2.0, 6.0, float("nan")])["mean"]
    3.0
    >>> describe([1.0])
    {'mean': 1.0, 'std': None, 'min': 1.0, 'max': 1.0, 'n': 1}
    """
    numbers = np.asarray(values, dtype=float)
    numbers = numbers[np.isfinite(numbers)]
    if not len(numbers):
        return {"mean": None, "std": None, "min": None, "max": None, "n": 0}
    return {
        "mean": float(numbers.mean()),
        "std": float(numbers.std(ddof=1)) if len(numbers) > 1 else None,
        "min": float(numbers.min()),
        "max": float(numbers.max()),
        "n": len(numbers),
    }


@dataclass(frozen=True)
class Estimate:
    """A mean difference, and the sources of its variance.

    Parameters
    ----------
    mean : float
        The first method's mean minus the second's, in the metric's unit.
    variances : tuple of (float, float)
        Variance of the mean from each source, and its degrees of freedom. Empty if nothing is
        known of it, as with one subject.
    subjects : int
        How many subjects were measured.
    """

    mean: float
    variances: tuple[tuple[float, float], ...]
    subjects: int

    def half_width(self, confidence: float = CONFIDENCE) -> float:
        """Return half the width of the interval; infinite where nothing is known.

        One source of variance gives the t interval. Of several, Satterthwaite's interval takes the
        sum of the variances with the degrees of freedom that fit; it is too short where a variance
        rests on few runs. Banerjee's takes each variance with its own t quantile, and is never too
        short. The square of the width is two thirds of the first's and one third of the second's.

        Examples
        --------
        >>> round(Estimate(0.0, ((0.04, 24), (0.09, 2)), 25).half_width(0.95), 4)
        1.1256
        """
        if not self.variances:
            return math.inf
        tail = (1 - confidence) / 2
        variances, freedom = np.array(self.variances).T
        total = float(variances.sum())
        if total == 0:
            return 0.0
        together = total**2 / float((variances**2 / freedom).sum())
        satterthwaite = float(special.stdtrit(together, tail)) ** 2 * total
        banerjee = float((special.stdtrit(freedom, tail) ** 2 * variances).sum())
        return math.sqrt((1 - _BANERJEE) * satterthwaite + _BANERJEE * banerjee)

    def p(self) -> float:
        """Return the smallest 1 - confidence at which the interval does not hold zero."""
        distance = abs(self.mean)
        if distance == 0 or not self.variances:
            return 1.0
        lowest = 1e-12
        if self.half_width(1 - lowest) <= distance:
            return lowest

        def excess(log_p: float) -> float:
            return self.half_width(1 - math.exp(log_p)) - distance

        found = optimize.brentq(excess, math.log(lowest), 0.0, xtol=1e-9)
        return math.exp(float(found))


@dataclass(frozen=True)
class Difference:
    """The first method's mean minus the second's, as a member of a family of comparisons.

    Parameters
    ----------
    mean : float
        Over runs and subjects, in the metric's unit.
    low, high : float
        Ends of the 95 % interval of this comparison alone; infinite if there is one subject.
    simultaneous_low, simultaneous_high : float
        Ends of the interval that holds together with those of the whole family; conclusions go
        by it.
    p, p_holm : float
        Of no difference: of this comparison alone, and adjusted for the family by Holm's method.
    comparisons : int
        How many comparisons are in the family.
    subjects : int
        How many subjects were measured.
    """

    mean: float
    low: float
    high: float
    simultaneous_low: float
    simultaneous_high: float
    p: float
    p_holm: float
    comparisons: int
    subjects: int

    def conclusion(self, *, lower_is_better: bool) -> Conclusion:
        """Say whether the first method is better: only if the interval excludes zero.

        Returns
        -------
        {"better", "worse", "undecided"}
            By the simultaneous interval.
        """
        if self.simultaneous_high < 0:
            return "better" if lower_is_better else "worse"
        if self.simultaneous_low > 0:
            return "worse" if lower_is_better else "better"
        return "undecided"

    def equivalence(self, margin: float) -> Equivalence:
        """Test for equivalence within a margin that was set beforehand.

        Returns
        -------
        {"equivalent", "different", "undecided"}
            equivalent: the simultaneous interval lies within ±margin; different: it lies wholly
            outside.

        Examples
        --------
        >>> difference = adjust_family([Estimate(0.1, ((0.01, 19),), 20)])[0]
        >>> difference.equivalence(0.5), difference.equivalence(0.3)
        ('equivalent', 'undecided')
        """
        low, high = self.simultaneous_low, self.simultaneous_high
        if -margin < low and high < margin:
            return "equivalent"
        return "different" if low > margin or high < -margin else "undecided"


def estimate_paired(first_RS: FloatArray, second_RS: FloatArray) -> Estimate:
    """Estimate the difference of two methods measured on the same subjects.

    With d_s, the subject's difference of the means over runs, and m_r, a run's mean over
    subjects, the variance of the mean difference is

    - var(d_s) / S, with S - 1 degrees of freedom: subjects, with what runs and subjects have
      together;
    - for each method of R runs, var(m_r) / R less what var(d_s) counts already, residual / (R S):
      seeds. The sum over both methods is 0 at least; degrees of freedom by Satterthwaite from
      R - 1 of each.

    A method with one run says nothing about seeds: the difference is then that of this very run.

    Parameters
    ----------
    first_RS, second_RS : (R1, S) and (R2, S) float array
        A value per run and subject; columns are the same subjects. Subjects with a value that
        is not finite are left out.

    Raises
    ------
    ValueError
        If the subjects differ in number, or none has finite values.
    """
    if first_RS.shape[1] != second_RS.shape[1]:
        raise ValueError(f"{first_RS.shape[1]} subjects against {second_RS.shape[1]}")
    usable = np.isfinite(first_RS).all(axis=0) & np.isfinite(second_RS).all(axis=0)
    if not usable.any():
        raise ValueError("no subject with finite values of both methods")
    first, second = first_RS[:, usable], second_RS[:, usable]
    subjects = first.shape[1]
    differences = first.mean(axis=0) - second.mean(axis=0)
    mean = float(differences.mean())
    if subjects == 1:
        return Estimate(mean, (), 1)
    of_subjects = (float(differences.var(ddof=1)) / subjects, subjects - 1.0)
    return Estimate(mean, (of_subjects, *_of_seeds(first, second)), subjects)


def estimate_unpaired(
    first_RS: FloatArray, pairs: Sequence[tuple[str, str]], pair_values: FloatArray
) -> Estimate:
    """Estimate the difference of a method and a mean over pairs of other subjects.

    Pairs that share a subject are not independent: the variance of their mean is the jackknife's,
    over the subjects that make the pairs.

    Parameters
    ----------
    first_RS : (R, S) float array
        The method's values per run and subject.
    pairs : sequence of (str, str)
        Who is compared with whom.
    pair_values : (P,) float array
        The value of each pair. Values that are not finite are left out.

    Raises
    ------
    ValueError
        If there are no finite values of one of them.
    """
    first = estimate_paired(first_RS, np.zeros((1, first_RS.shape[1])))
    finite = np.isfinite(pair_values)
    values = pair_values[finite]
    if not len(values):
        raise ValueError("no pair with a finite value")
    members = [pair for pair, keep in zip(pairs, finite, strict=True) if keep]
    names = sorted({name for pair in members for name in pair})
    without = []
    for name in names:
        kept = [name not in pair for pair in members]
        if any(kept):
            without.append(float(values[kept].mean()))
    mean = first.mean - float(values.mean())
    if not first.variances or len(without) < len(names):
        return Estimate(mean, (), first.subjects)
    spread = (len(names) - 1) * float(np.var(without))
    return Estimate(mean, (*first.variances, (spread, len(names) - 1.0)), first.subjects)


def adjust_family(estimates: Sequence[Estimate]) -> list[Difference]:
    """Give every estimate of a family its interval, alone and together with all others."""
    p = [estimate.p() for estimate in estimates]
    adjusted = adjust_holm(p)
    comparisons = len(estimates)
    result = []
    for estimate, alone, holm in zip(estimates, p, adjusted, strict=True):
        half = estimate.half_width()
        wide = estimate.half_width(1 - (1 - CONFIDENCE) / comparisons)
        result.append(
            Difference(
                estimate.mean,
                estimate.mean - half,
                estimate.mean + half,
                estimate.mean - wide,
                estimate.mean + wide,
                alone,
                holm,
                comparisons,
                estimate.subjects,
            )
        )
    return result


def adjust_holm(p: Sequence[float]) -> list[float]:
    """Adjust p-values for their number by Holm's step-down method.

    Examples
    --------
    >>> [round(each, 3) for each in adjust_holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    adjusted = [1.0] * len(p)
    highest = 0.0
    for rank, number in enumerate(sorted(range(len(p)), key=lambda number: p[number])):
        highest = max(highest, min(1.0, (len(p) - rank) * p[number]))
        adjusted[number] = highest
    return adjusted


def _of_seeds(*methods: FloatArray) -> tuple[tuple[float, float], ...]:
    """Return the variance of the mean difference that comes from seeds; nothing if unknown."""
    terms, counted = [], 0.0
    for values_RS in methods:
        runs, subjects = values_RS.shape
        if runs == 1:
            continue
        terms.append((float(values_RS.mean(axis=1).var(ddof=1)) / runs, runs - 1))
        residuals = values_RS - values_RS.mean(axis=0) - values_RS.mean(axis=1, keepdims=True)
        residual = float(((residuals + values_RS.mean()) ** 2).sum())
        counted += residual / ((runs - 1) * (subjects - 1)) / (runs * subjects)
    total = sum(variance for variance, _ in terms)
    if total <= counted:
        return ()
    freedom = total**2 / sum(variance**2 / degrees for variance, degrees in terms)
    return ((total - counted, freedom),)
