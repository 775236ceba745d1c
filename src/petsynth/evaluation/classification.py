"""Is a synthetic PET of use? Two groups told apart by MRI, reference PET, synthetic PET, and both.

Scores come from nested cross-validation over subjects: a ridge classifier whose penalty is chosen
inside each training part, by leave-one-out. The same folds serve all features, so areas under the
ROC curve are compared on the same subjects. Ridge regression of the groups has a closed form that
permuted diagnoses share, so that the whole is repeated for each permutation at hardly any cost.

References
----------
DeLong et al., Biometrics 44(3), 1988. Ojala and Garriga, Permutation tests for studying classifier
performance. Journal of Machine Learning Research 11, 2010.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from scipy.stats import rankdata
from sklearn.impute import SimpleImputer
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from petsynth.errors import ArgumentError, InputError
from petsynth.evaluation.group_features import BOTH, MRI, REFERENCE, GroupFeatures, synthetic_pet
from petsynth.evaluation.statistics import adjust_holm
from petsynth.metrics.discrimination import Auc, AucDifference, auc, compare_auc
from petsynth.volume import BoolArray, FloatArray

PENALTIES = tuple(float(each) for each in np.logspace(0, 5, 11))
"""Ridge penalties from which the inner cross-validation chooses."""
ALPHA = 0.05
_FEW = 20

DEFINITIONS = {
    "MRI": "of each region of the atlas, which the deformation of the T1 brings to the subject: "
    "the mean probability of grey matter, and the region's fraction of the volume of all regions",
    "reference PET, synthetic PET": "SUVR of each region",
    "MRI + ...": "both together",
    "score": "ridge regression of the group on standardised features (missing ones: the training "
    "subjects' median), fitted without the subject, and without its constant, so that the sizes of "
    "the groups in a fold do not matter; mean over repetitions",
    "cross-validation": "nested, over subjects: stratified folds outside, leave-one-out of the "
    "penalty inside; visits are averaged first; all features have the same folds",
    "auc": "area under the ROC curve of the scores: the chance that a subject of the first group "
    "scores higher than one of the second; 95 % interval by DeLong on the logit scale. It holds "
    "for other subjects and these folds, not for another training",
    "p_permutation": "fraction of repetitions with permuted diagnoses whose area is as large, the "
    "whole cross-validation done again in the same folds; (1 + as large) / (1 + permutations)",
    "difference": "of two areas on the same subjects, with DeLong's 95 % interval and p",
    "p_holm": "p adjusted by Holm's method within its family: primary are each synthetic and the "
    "reference PET added to the MRI, against the MRI alone; the other pairs are another family",
}


@dataclass(frozen=True)
class Settings:
    """How the classifier is validated.

    Parameters
    ----------
    folds : int
        Parts of the outer cross-validation.
    repeats : int
        Other divisions into folds, over which scores are averaged.
    permutations : int
        Of the diagnoses; 0 for no test against chance.
    seed : int
        Of folds and permutations.
    """

    folds: int = 5
    repeats: int = 5
    permutations: int = 1000
    seed: int = 0


@dataclass(frozen=True)
class SetResult:
    """How well one set of features tells the groups apart.

    Parameters
    ----------
    name : str
        Of the features.
    features : int
        How many there are.
    scores : (S,) float array
        By subject.
    area : Auc
        Under the ROC curve.
    p : float
        Of the permutation test; NaN if it was not made.
    """

    name: str
    features: int
    scores: FloatArray
    area: Auc
    p: float


@dataclass(frozen=True)
class SetComparison:
    """Two sets of features, first minus second.

    Parameters
    ----------
    first, second : str
        Names of the sets.
    is_primary : bool
        Whether it says what a PET adds to the MRI.
    difference : AucDifference
        Of the areas.
    p_holm : float
        Adjusted within its family.
    """

    first: str
    second: str
    is_primary: bool
    difference: AucDifference
    p_holm: float

    def reversed(self) -> SetComparison:
        """Return the same with second minus first."""
        found = self.difference
        turned = AucDifference(-found.value, -found.high, -found.low, found.p)
        return replace(self, first=self.second, second=self.first, difference=turned)

    @property
    def is_decided(self) -> bool:
        """Whether the difference is more than chance."""
        return self.p_holm < ALPHA


@dataclass(frozen=True)
class Classification:
    """All results."""

    data: GroupFeatures
    settings: Settings
    results: list[SetResult]
    comparisons: list[SetComparison]

    def result(self, name: str) -> SetResult:
        """Return the result of a set of features by its name."""
        return next(each for each in self.results if each.name == name)


def classify(
    data: GroupFeatures,
    settings: Settings | None = None,
    on_step: Callable[[], object] = lambda: None,
) -> Classification:
    """Classify by every set of features, and compare the sets.

    Parameters
    ----------
    data : GroupFeatures
        From `petsynth.evaluation.group_features.read_group_features`.
    settings : Settings, optional
        The defaults if left out.
    on_step : function
        Called after each fold of each set.

    Raises
    ------
    InputError
        If a group has fewer subjects than there are folds.
    ArgumentError
        If a setting is impossible.
    """
    settings = settings or Settings()
    check(data, settings)
    results = []
    groups_ST = _with_permutations(data.positive, settings)
    for name, features in data.sets.items():
        scores_ST = cross_validated_scores(features, groups_ST, settings, on_step)
        areas = _areas(scores_ST, groups_ST)
        larger = int((areas[1:] >= areas[0]).sum())
        p = (1 + larger) / len(areas) if settings.permutations else float("nan")
        scores = scores_ST[:, 0]
        results.append(SetResult(name, features.shape[1], scores, auc(scores, data.positive), p))
    return Classification(data, settings, results, _compare(results, data))


def cross_validated_scores(
    features: FloatArray,
    groups_ST: BoolArray,
    settings: Settings,
    on_fold: Callable[[], object] = lambda: None,
) -> FloatArray:
    """Return each subject's score by classifiers that were trained without them.

    Parameters
    ----------
    features : (S, F) float array
        NaN where unknown.
    groups_ST : (S, T) bool array
        The groups, and T - 1 permutations of them, each classified on its own. Folds have the
        first one's groups in equal parts.
    settings : Settings
        Folds, repeats and seed.
    on_fold : function
        Called after each fold of each repeat.

    Returns
    -------
    (S, T) float array
        Mean over repeats; higher means rather positive.
    """
    total = np.zeros(groups_ST.shape)
    for repeat in range(settings.repeats):
        folds = StratifiedKFold(settings.folds, shuffle=True, random_state=settings.seed + repeat)
        for training, testing in folds.split(features, groups_ST[:, 0]):
            scaler = make_pipeline(
                SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler()
            )
            wanted = groups_ST[training].astype(float)
            model = RidgeCV(PENALTIES, fit_intercept=False, alpha_per_target=True)
            model.fit(scaler.fit_transform(features[training]), wanted - wanted.mean(axis=0))
            weights = np.reshape(model.coef_, (groups_ST.shape[1], -1))
            total[testing] += scaler.transform(features[testing]) @ weights.T
            on_fold()
    return total / settings.repeats


def list_classification_findings(found: Classification) -> list[str]:
    """Return what follows, in sentences: first whether the synthetic PET adds to the MRI."""
    data = found.data
    sentences = [
        f"{name} was TOLD THE DIAGNOSIS or the MMSE: its synthetic PET holds the answer, so "
        "nothing below says that it is of use (petsynth evaluate --withhold diagnosis mmse)."
        for name in data.told
    ]
    sentences += [_added(found, synthetic_pet(name)) for name in data.synthetic]
    sentences.append(_added(found, REFERENCE))
    sentences.append(
        "A PET that is inferred from the T1 alone holds nothing that the T1 does not hold: where "
        "it helps, it is a summary of the T1 learnt from the training subjects' PET, not a "
        "measurement of this subject's uptake."
    )
    first, second = data.groups
    shown = "; ".join(f"{each.name} {_area(each.area)}" for each in found.results)
    positive = int(data.positive.sum())
    sentences.append(
        f"Areas under the ROC curve, {positive} {first} against {len(data.positive) - positive} "
        f"{second}: {shown}."
    )
    chance = [each.name for each in found.results if each.p > ALPHA]
    if chance:
        sentences.append(
            f"Not better than chance (permutation test, p above {ALPHA}): {', '.join(chance)}."
        )
    return [*sentences, *_decided(found), *_cautions(data)]


def check(data: GroupFeatures, settings: Settings) -> None:
    """Refuse impossible settings and groups that are too small; see `classify`."""
    for name, value, least in (
        ("folds", settings.folds, 2),
        ("repeats", settings.repeats, 1),
        ("permutations", settings.permutations, 0),
        ("seed", settings.seed, 0),
    ):
        if value < least:
            raise ArgumentError(f"--{name} {value}: must be {least} or more")
    counts = int(data.positive.sum()), int((~data.positive).sum())
    for group, count in zip(data.groups, counts, strict=True):
        if count < settings.folds:
            raise InputError(
                f"{group}: {count} subjects in all evaluations, needed are {settings.folds}, one "
                "per fold; name more evaluations, or set --folds"
            )


def _with_permutations(positive: BoolArray, settings: Settings) -> BoolArray:
    """Return the groups and permutations of them, (S, 1 + permutations)."""
    random = np.random.default_rng(settings.seed)
    permuted = [random.permutation(positive) for _ in range(settings.permutations)]
    return np.stack([positive, *permuted], axis=1)


def _areas(scores_ST: FloatArray, groups_ST: BoolArray) -> FloatArray:
    """Return the area under the ROC curve of each column, by Mann and Whitney's statistic."""
    ranks = rankdata(scores_ST, axis=0)
    positive = int(groups_ST[:, 0].sum())
    above = np.where(groups_ST, ranks, 0).sum(axis=0) - positive * (positive + 1) / 2
    return np.asarray(above / (positive * (len(scores_ST) - positive)))


def _compare(results: list[SetResult], data: GroupFeatures) -> list[SetComparison]:
    pairs = [
        (second, first) if second.name.startswith(BOTH.format("")) else (first, second)
        for first, second in combinations(results, 2)
    ]
    primary = [
        second.name == MRI and first.name.startswith(BOTH.format("")) for first, second in pairs
    ]
    differences = [
        compare_auc(first.scores, second.scores, data.positive) for first, second in pairs
    ]
    adjusted: dict[int, float] = {}
    for family in (True, False):
        members = [number for number, is_first in enumerate(primary) if is_first == family]
        holm = adjust_holm([differences[number].p for number in members])
        adjusted |= dict(zip(members, holm, strict=True))
    return [
        SetComparison(
            first.name, second.name, primary[number], differences[number], adjusted[number]
        )
        for number, (first, second) in enumerate(pairs)
    ]


def _added(found: Classification, pet: str) -> str:
    """Return whether a PET adds anything to the MRI."""
    name = BOTH.format(pet)
    pair = next(each for each in found.comparisons if (each.first, each.second) == (name, MRI))
    shown = (
        f"the area under the ROC curve is {found.result(name).area.value:.3f} with it and "
        f"{found.result(MRI).area.value:.3f} by the MRI alone, {_difference(pair)}"
    )
    if not pair.is_decided:
        return f"It is NOT SHOWN that the {pet} adds anything to the MRI: {shown}."
    if pair.difference.value > 0:
        return f"The {pet} adds to the MRI: {shown}."
    return f"With the {pet} the classification is WORSE than by the MRI alone: {shown}."


def _decided(found: Classification) -> list[str]:
    """Return a sentence on the pairs other than the primary ones that differ."""
    sentences = []
    for pair in found.comparisons:
        if pair.is_primary or not pair.is_decided:
            continue
        pair = pair if pair.difference.value > 0 else pair.reversed()
        better, other = pair.first, pair.second
        sentences.append(
            f"{better} tells the groups apart better than {other}: {_difference(pair)}."
        )
    others = [each for each in found.comparisons if not each.is_primary]
    left = sum(not each.is_decided for each in others)
    if left:
        sentences.append(f"Of the {len(others)} other pairs of features, {left} are undecided.")
    return sentences


def _cautions(data: GroupFeatures) -> list[str]:
    sentences = [f"{note}." for note in data.notes]
    if data.external:
        sentences.append(
            f"{', '.join(data.external)}: images of another tool. petsynth cannot tell whether it "
            "was trained on these subjects, or told the diagnosis."
        )
    least = min(int(data.positive.sum()), int((~data.positive).sum()))
    if least < _FEW:
        sentences.append(
            f"Only {least} subjects in the smaller group: intervals are wide, and undecided does "
            "not mean equal."
        )
    if data.simulated:
        sentences.append(
            "All scans' PET is simulated: these figures say how the simulation couples MRI, PET "
            "and diagnosis, and nothing about patients."
        )
    return sentences


def _area(area: Auc) -> str:
    return f"{area.value:.3f} [{area.low:.3f}, {area.high:.3f}]"


def _difference(pair: SetComparison) -> str:
    found = pair.difference
    return (
        f"difference {found.value:+.3f} [{found.low:+.3f}, {found.high:+.3f}], p {pair.p_holm:.2g} "
        "(DeLong, adjusted by Holm)"
    )
