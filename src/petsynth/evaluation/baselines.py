"""Baselines that a model must beat: predictions that need no network.

The between-subject baseline compares the PETs of training subjects with each other. The mean
training PET is one prediction for everyone. The tissue regression divides the T1, inside its
brain mask, into cerebrospinal fluid, grey and white matter by a mixture of three Gaussians; each
voxel's PET is then a linear function of its T1 intensity, of its class probabilities, and of the
probabilities blurred to the resolution of a PET scanner, with the same coefficients everywhere in
the brain, fitted on the training subjects.

The population's PET is the mean of the training subjects' PETs in MNI space, where a deformation of
their T1s brings them, brought back by the deformation of the subject's own T1. It knows the
subject's anatomy as far as a deformation can tell it, and nothing of the subject's uptake.

References
----------
Paper A, section 2.5: the between-subject baseline. The others are ours.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from petsynth.data.prepared import PreparedData
from petsynth.errors import InputError
from petsynth.evaluation.domains import (
    MetricSettings,
    Scores,
    compute_slice_metrics,
    compute_volume_metrics,
)
from petsynth.evaluation.mni_space import SubjectWarps
from petsynth.io.bids.names import participant_of
from petsynth.metrics.coverage import blank, unmeasured_voxels
from petsynth.preprocessing.grids import model_grid
from petsynth.slicing import middle_slice
from petsynth.volume import FWHM_PER_SIGMA, BoolArray, FloatArray, Volume

BLUR_MM = 6.0
"""Full width at half maximum of the blurred tissue maps, about that of a PET scanner."""
CLASSES = ("cerebrospinal fluid", "grey matter", "white matter")
"""From dark to bright in the T1."""
_MIXTURE_VOXELS = 5_000


def mean_training_pet(
    data: PreparedData, on_subject: Callable[[], None] = lambda: None
) -> NDArray[np.float32]:
    """Average the PET of the training subjects, voxel by voxel and frame by frame, in PET units.

    Each voxel over the subjects whose PET covers it. A running sum: memory does not grow with the
    number of subjects.
    """
    participants = data.participants("train")
    total = np.zeros(data.pet(participants[0]).shape)
    count = np.zeros(total.shape[:3])
    for participant in participants:
        left_out = _unmeasured(data, participant)
        total += blank(data.pet(participant), left_out)
        count += ~left_out
        on_subject()
    shown = np.maximum(count, 1).reshape(*count.shape, *[1] * (total.ndim - 3))
    return (total / shown).astype(np.float32)


def between_subjects(
    data: PreparedData, settings: MetricSettings
) -> Iterator[tuple[str, str, Scores]]:
    """Compare the PET of each training subject with that of the others.

    Middle slices: every subject with every other, N (N - 1) ordered pairs (132 of 12). The
    metrics of a slice do not depend on the order, so each pair is compared once and given twice.
    Volumes and brains: each subject with the next in the split's order, the last with the
    first, since whole volumes of all pairs would take hours for large cohorts. Two visits of one
    subject are never compared.

    Yields
    ------
    participant, other : str
        The pair; ``participant`` stands for the reference PET, and its mask is the brain.
    scores : dict of dict of float
        ``middle_slice`` for every pair, ``volume`` and ``brain`` for neighbours.
    """
    participants = data.participants("train")
    following = derangement(participants)
    levels = [settings.grey_levels(middle_slice(data.static_pet(name))) for name in participants]
    missing = [middle_slice(_unmeasured(data, name)) for name in participants]
    for first, second in combinations(range(len(participants)), 2):
        pair = (participants[first], participants[second])
        if participant_of(pair[0]) == participant_of(pair[1]):
            continue
        counted = ~(missing[first] | missing[second])
        scores = compute_slice_metrics(
            blank(levels[first], ~counted), blank(levels[second], ~counted), counted
        )
        for one, other in (pair, pair[::-1]):
            volumes = _volumes(data, one, other, settings) if following[one] == other else {}
            yield one, other, {"middle_slice": scores, **volumes}


def pairs_of(participants: list[str]) -> int:
    """Return the number of ordered pairs of scans of different subjects.

    Examples
    --------
    >>> pairs_of([f"sub-{number}" for number in range(12)])
    132
    >>> pairs_of(["sub-1_ses-a", "sub-1_ses-b", "sub-2_ses-a"])
    4
    """
    visits = Counter(map(participant_of, participants)).values()
    return len(participants) ** 2 - sum(count**2 for count in visits)


def derangement(participants: list[str]) -> dict[str, str]:
    """Give each subject another one: the next in the list, the first to the last.

    A visit is given one of the next subject's, the first to the first and so on.

    Raises
    ------
    InputError
        If there are not two subjects.

    Examples
    --------
    >>> derangement(["a", "b", "c"])
    {'a': 'b', 'b': 'c', 'c': 'a'}
    >>> derangement(["a_ses-1", "a_ses-2", "b_ses-1"])
    {'a_ses-1': 'b_ses-1', 'a_ses-2': 'b_ses-1', 'b_ses-1': 'a_ses-1'}
    """
    visits: dict[str, list[str]] = {}
    for name in participants:
        visits.setdefault(participant_of(name), []).append(name)
    subjects = list(visits)
    if len(subjects) < 2:
        raise InputError(f"{len(subjects)} subject: nobody else's scan to compare with")
    others = dict(zip(subjects, subjects[1:] + subjects[:1], strict=True))
    return {
        name: visits[others[subject]][number % len(visits[others[subject]])]
        for subject, names in visits.items()
        for number, name in enumerate(names)
    }


class TissueRegression:
    """A linear function from tissue maps to PET, fitted on the training subjects.

    Parameters
    ----------
    data : PreparedData
        Training subjects' T1, brain mask and PET.
    seed : int
        Chooses the voxels from which the tissue classes are found.
    on_subject : function
        Called after each training subject.

    Attributes
    ----------
    coefficients : (8,) float array
        Of the constant, the T1, the three classes and the three blurred classes.
    """

    def __init__(
        self, data: PreparedData, seed: int = 0, on_subject: Callable[[], None] = lambda: None
    ):
        self._data, self._seed = data, seed
        gram, target = np.zeros((8, 8)), np.zeros(8)
        for participant in data.participants("train"):
            counted = ~_unmeasured(data, participant).ravel()
            features = self._features(participant)[:, counted]
            gram += features @ features.T
            target += features @ np.asarray(data.static_pet(participant)).ravel()[counted]
            on_subject()
        # The classes sum to the brain mask, so columns may depend on each other.
        self.coefficients: FloatArray = np.linalg.lstsq(gram, target)[0]

    def predict(self, participant: str) -> NDArray[np.float32]:
        """Return the regression's PET of a subject, (X, Y, Z) in PET units."""
        return self._combine(self._features(participant))

    def infer(self, mri: NDArray[Any], mask: BoolArray) -> NDArray[np.float32]:
        """Return the regression's PET of any T1 on the grid, (X, Y, Z) in PET units.

        Parameters
        ----------
        mri : (X, Y, Z) array
            T1 in [-1, 1].
        mask : (X, Y, Z) bool array
            Brain.
        """
        return self._combine(self._maps(mri, mask))

    def _combine(self, features: FloatArray) -> NDArray[np.float32]:
        return (self.coefficients @ features).reshape(self._data.grid.shape).astype(np.float32)

    def _features(self, participant: str) -> FloatArray:
        mri, mask = self._data.mri(participant), self._data.mask(participant)
        if mask.sum() < len(CLASSES):
            raise InputError(
                f"{self._data.folder}: the brain mask of {participant} holds {mask.sum()} voxels; "
                "prepare this subject again"
            )
        return self._maps(mri, mask)

    def _maps(self, mri: NDArray[Any], mask: BoolArray) -> FloatArray:
        tissues = tissue_maps(mri, mask, self._seed)
        sigma = BLUR_MM / FWHM_PER_SIGMA / np.array(self._data.grid.voxel_mm)
        blurred = [gaussian_filter(tissue, sigma, mode="constant") for tissue in tissues]
        return np.stack([np.ones(mri.shape), mri, *tissues, *blurred]).reshape(8, -1)


def tissue_maps(mri: NDArray[Any], mask: BoolArray, seed: int = 0) -> FloatArray:
    """Divide a brain into `CLASSES` by its T1 intensities.

    Parameters
    ----------
    mri : (X, Y, Z) array
        T1 in any unit.
    mask : (X, Y, Z) bool array
        Brain.
    seed : int
        Chooses at most 5,000 voxels on which the mixture is fitted.

    Returns
    -------
    (3, X, Y, Z) float array
        Probabilities; they sum to 1 in the brain and are 0 elsewhere.
    """
    values = np.asarray(mri, dtype=float)[mask][:, np.newaxis]
    random = np.random.default_rng(seed)
    sample = random.choice(values, min(_MIXTURE_VOXELS, len(values)), replace=False)
    means = np.percentile(sample, [10, 45, 85])[:, np.newaxis]
    mixture = GaussianMixture(
        len(CLASSES),
        covariance_type="diag",  # of one value: its variance
        means_init=means,
        reg_covar=1e-4,
        max_iter=50,
        random_state=seed,
    )
    with warnings.catch_warnings():
        # Fewer than three intensities, or slow convergence, still give usable classes.
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture.fit(sample)
    from_dark_to_bright = np.argsort(mixture.means_[:, 0])
    maps = np.zeros((len(CLASSES), *mri.shape))
    probabilities = _probabilities(mixture, values)
    for map_, number in zip(maps, from_dark_to_bright, strict=True):
        map_[mask] = probabilities[number]
    return maps


def _probabilities(mixture: GaussianMixture, values: FloatArray) -> FloatArray:
    """Return what ``predict_proba`` does for one feature, transposed; five times as fast.

    Parameters
    ----------
    mixture : GaussianMixture
        Fitted, of one feature, ``covariance_type="diag"``.
    values : (V, 1) float array

    Returns
    -------
    (C, V) float array
    """
    classes = zip(mixture.weights_, mixture.means_[:, 0], mixture.covariances_[:, 0], strict=True)
    logarithms = np.empty((len(mixture.weights_), len(values)))
    for row, (weight, mean, variance) in zip(logarithms, classes, strict=True):
        np.square(values[:, 0] - mean, out=row)
        row *= -0.5 / variance
        row += np.log(weight) - 0.5 * np.log(variance)
    logarithms -= logarithms.max(axis=0)
    probabilities: FloatArray = np.exp(logarithms, out=logarithms)
    probabilities /= probabilities.sum(axis=0)
    return probabilities


def _volumes(data: PreparedData, participant: str, other: str, settings: MetricSettings) -> Scores:
    left_out = _unmeasured(data, participant) | _unmeasured(data, other)
    brain = data.mask(participant) & ~left_out
    if not brain.any():
        return {}
    pet = blank(data.static_pet(participant), left_out)
    others_pet = blank(data.static_pet(other), left_out)
    return compute_volume_metrics(pet, others_pet, brain, settings, ~left_out)


def _unmeasured(data: PreparedData, participant: str) -> BoolArray:
    return unmeasured_voxels(data.pet(participant), data.mask(participant))


# The baseline that costs nothing on real people: the population's PET deformed to the subject.


class PopulationPet:
    """Mean PET of the training subjects in MNI space, deformed to any subject.

    Parameters
    ----------
    data : PreparedData
        Aligned to MNI axes; see `petsynth.evaluation.mni_space.is_possible`.
    on_subject : function
        Called after each training subject.
    warps : SubjectWarps, optional
        The subjects' deformations, where others use them, too.

    Raises
    ------
    InputError
        If no training subject can be brought to MNI space.
    """

    def __init__(
        self,
        data: PreparedData,
        on_subject: Callable[[], None] = lambda: None,
        warps: SubjectWarps | None = None,
    ):
        self._data, self._warps = data, warps or SubjectWarps(data)
        self._space = model_grid(self._warps.voxel_mm)
        total, weight = None, np.zeros(self._space.shape)
        for participant in data.participants("train"):
            pet, covered = self._to_mni(participant)
            total = pet if total is None else total + pet
            weight += covered
            on_subject()
        if total is None or not weight.any():
            raise InputError(f"{data.folder}: no training subject could be brought to MNI space")
        shown = np.maximum(weight, 1e-6).reshape(*weight.shape, *[1] * (total.ndim - 3))
        self._mean = Volume((total / shown).astype(np.float32), self._space.affine)

    def predict(self, participant: str) -> NDArray[np.float32]:
        """Return the population's PET of a subject, (X, Y, Z[, T]) in PET units.

        Raises
        ------
        InputError
            If the subject's T1 cannot be brought to MNI space.
        """
        return self._warps.find(participant).pull(self._mean, self._data.grid).data

    def _to_mni(self, participant: str) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return a training subject's PET in MNI space, and where it was measured."""
        warp, affine = self._warps.find(participant).inverse(self._space), self._data.grid.affine
        pet = np.asarray(self._data.pet(participant), dtype=np.float32)
        left_out = unmeasured_voxels(pet, self._data.mask(participant))
        measured = Volume((~left_out).astype(np.float32), affine)
        covered = warp.pull(measured, self._space).data
        shown = Volume(blank(pet, left_out), affine)
        return warp.pull(shown, self._space).data.astype(np.float64), covered
