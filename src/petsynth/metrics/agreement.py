"""Agreement of two measurements of the same things: voxels, or one region in several subjects.

References
----------
L. I.-K. Lin. A concordance correlation coefficient to evaluate reproducibility. Biometrics 45(1),
1989, 255-268.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def concordance(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Lin's concordance correlation coefficient: correlation to the line of equal values.

    It is Pearson's r, lowered by a difference of the means or of the standard deviations; 1 only
    where all pairs are equal.

    Parameters
    ----------
    first, second : array of one shape
        Values of the same voxels, regions or subjects, in one unit.

    Returns
    -------
    float
        From -1 to 1; NaN where all values of both are one and the same number, or where there
        are none.

    Raises
    ------
    ValueError
        If the shapes differ.

    References
    ----------
    Lin 1989, with variances and covariance divided by n, as there.

    Examples
    --------
    Means 2 and 3, variances 2/3 and 2/3, covariance 2/3: (4/3) / (4/3 + 1).

    >>> round(concordance(np.array([1.0, 2.0, 3.0]), np.array([2.0, 3.0, 4.0])), 4)
    0.5714
    """
    if first.shape != second.shape:
        raise ValueError(f"values of different shapes: {first.shape} and {second.shape}")
    if not first.size:
        return float("nan")
    a, b = np.asarray(first, dtype=float).ravel(), np.asarray(second, dtype=float).ravel()
    mean_a, mean_b = a.mean(), b.mean()
    a, b = a - mean_a, b - mean_b
    spread = (a @ a + b @ b) / len(a) + (mean_a - mean_b) ** 2
    return float(2 * (a @ b) / len(a) / spread) if spread > 0 else float("nan")
