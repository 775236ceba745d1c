"""PET from T1 without a network: tissue classes and a linear regression.

The T1 alone, inside its brain mask, is divided into cerebrospinal fluid, grey and white matter
by a mixture of three Gaussians. Each voxel's PET is then a linear function of its T1 intensity,
of its class probabilities, and of the probabilities blurred to the resolution of a PET scanner.
The coefficients are fitted on the training subjects; they are the same everywhere in the brain.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from petsynth.data.prepared import PreparedData
from petsynth.errors import InputError
from petsynth.volume import FWHM_PER_SIGMA, BoolArray, FloatArray

BLUR_MM = 6.0
"""Full width at half maximum of the blurred tissue maps, about that of a PET scanner."""
CLASSES = ("cerebrospinal fluid", "grey matter", "white matter")
"""From dark to bright in the T1."""
_SAMPLE = 5_000


class TissueRegression:
    """A linear function from tissue maps to PET, fitted on the training subjects.

    Parameters
    ----------
    data : PreparedData
        Training subjects' T1, brain mask and PET.
    seed : int
        Draws the voxels from which the tissue classes are found.
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
            features = self._features(participant)
            gram += features @ features.T
            target += features @ np.asarray(data.static_pet(participant)).ravel()
            on_subject()
        # The classes sum to the brain mask, so columns may depend on each other.
        self.coefficients: FloatArray = np.linalg.lstsq(gram, target)[0]

    def predict(self, participant: str) -> NDArray[np.float32]:
        """Return the regression's PET of a subject, (X, Y, Z) in PET units."""
        return self._combine(self._features(participant))

    def infer(self, mri: NDArray, mask: BoolArray) -> NDArray[np.float32]:
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

    def _maps(self, mri: NDArray, mask: BoolArray) -> FloatArray:
        tissues = tissue_maps(mri, mask, self._seed)
        sigma = BLUR_MM / FWHM_PER_SIGMA / np.array(self._data.grid.voxel_mm)
        blurred = [gaussian_filter(tissue, sigma, mode="constant") for tissue in tissues]
        return np.stack([np.ones(mri.shape), mri, *tissues, *blurred]).reshape(8, -1)


def tissue_maps(mri: NDArray, mask: BoolArray, seed: int = 0) -> FloatArray:
    """Divide a brain into `CLASSES` by its T1 intensities.

    Parameters
    ----------
    mri : (X, Y, Z) array
        T1 in any unit.
    mask : (X, Y, Z) bool array
        Brain.
    seed : int
        Draws at most 5,000 voxels on which the mixture is fitted.

    Returns
    -------
    (3, X, Y, Z) float array
        Probabilities; they sum to 1 in the brain and are 0 elsewhere.
    """
    values = np.asarray(mri, dtype=float)[mask][:, np.newaxis]
    random = np.random.default_rng(seed)
    sample = random.choice(values, min(_SAMPLE, len(values)), replace=False)
    starts = np.percentile(sample, [10, 45, 85])[:, np.newaxis]
    mixture = GaussianMixture(
        len(CLASSES),
        covariance_type="diag",  # of one value: its variance
        means_init=starts,
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
    maps[:, mask] = mixture.predict_proba(values)[:, from_dark_to_bright].T
    return maps
