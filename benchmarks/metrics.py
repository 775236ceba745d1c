"""Is whole-volume SSIM five times as fast as scikit-image's, and is it the same number?

Two volumes of the models' grid at 1.5 mm (121 x 145 x 121 voxels): a blurred object on a background
of exact zeros, and the same with blurred noise. SSIM has the Gaussian window of standard deviation
1.5 voxels, K1 = 0.01, K2 = 0.03 and population covariances, the definition of
`petsynth.metrics.image.ssim`; scikit-image is called with the options that mean the same.

What is fair: both get the same float32 volumes, in which scikit-image is faster and as exact as in
the float64 that nibabel gives (`ssim_ratio`); the ratio to scikit-image with float64 is told, too.
MS-SSIM is not in scikit-image. Whoever has scikit-image alone calls its SSIM once per scale, so
that is what it is timed against (`ms_ssim_ratio`); its value is compared with the index made of
scipy's filter in float64, and timed against that in float32.

The object fills a third of the volume's box; where both images have the same background, the
index is 1 and petsynth does not compute it (two thirds are left here). Images with noise
everywhere save nothing by that.

All are run alternately, on one thread, and timed in CPU seconds, so that other programs on the
machine count as little as possible; the ratio is that of the medians. Prints one JSON object as its
last line.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter
from skimage.metrics import structural_similarity

from petsynth.metrics.image import MS_SSIM_WEIGHTS, ms_ssim, ms_ssim_scales, ssim
from petsynth.metrics.similarity import halve
from petsynth.preprocessing.grids import model_grid

DATA_RANGE = 2.5
ROUNDS = 9


def volumes() -> tuple[np.ndarray, np.ndarray]:
    """Return a reference volume and a synthetic one, float32."""
    rng = np.random.default_rng(0)
    shape = model_grid(1.5).shape
    axes = np.meshgrid(*(np.linspace(-1.3, 1.3, n) for n in shape), indexing="ij")
    inside = sum(axis**2 for axis in axes) < 1
    texture = 1 + 12 * (gaussian_filter(rng.random(shape), 3) - 0.5)
    reference = np.where(inside, gaussian_filter(inside * texture, 1), 0)
    error = gaussian_filter(rng.normal(0, 1, shape), 1.5) * inside
    return reference.astype(np.float32), (1.03 * reference + error).astype(np.float32)


def scikit_ssim(first: np.ndarray, second: np.ndarray, **options: Any) -> Any:
    return structural_similarity(
        first,
        second,
        data_range=DATA_RANGE,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        **options,
    )


def scikit_scales(first: np.ndarray, second: np.ndarray) -> float:
    """Return scikit-image's SSIM of the finest scale, after those of all scales."""
    values = []
    for _ in range(ms_ssim_scales(first.shape)):
        values.append(scikit_ssim(first, second))
        first, second = halve(first), halve(second)
    return float(values[0])


def plain_ms_ssim(first: np.ndarray, second: np.ndarray) -> float:
    """Return MS-SSIM made of scipy's filter, in the images' precision."""
    scales = ms_ssim_scales(first.shape)
    weights = np.array(MS_SSIM_WEIGHTS[:scales]) / sum(MS_SSIM_WEIGHTS[:scales])
    c1, c2 = (0.01 * DATA_RANGE) ** 2, (0.03 * DATA_RANGE) ** 2
    result = 1.0
    for scale, weight in enumerate(weights):
        moments = (first, second, first * second, first**2 + second**2)
        a, b, product, squares = (gaussian_filter(x, 1.5, truncate=3.5) for x in moments)
        index = (2 * (product - a * b) + c2) / (squares - a**2 - b**2 + c2)
        if scale == scales - 1:
            index = index * (2 * a * b + c1) / (a**2 + b**2 + c1)
        result *= index[5:-5, 5:-5, 5:-5].mean() ** weight
        first, second = halve(first), halve(second)
    return float(result)


def main() -> None:
    single = volumes()
    double = tuple(volume.astype(np.float64) for volume in single)
    calls: dict[str, Callable[[], Any]] = {
        "ssim": lambda: ssim(*single, DATA_RANGE),
        "scikit_float64": lambda: scikit_ssim(*double),
        "ms_ssim": lambda: ms_ssim(*single, DATA_RANGE),
        "scikit_float32": lambda: scikit_ssim(*single),
        "scikit_scales_float32": lambda: scikit_scales(*single),
        "plain_ms_ssim_float32": lambda: plain_ms_ssim(*single),
    }
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    values: dict[str, float] = {}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            start = time.process_time()
            values[name] = float(call())
            seconds[name].append(time.process_time() - start)
    median = {name: statistics.median(each) for name, each in seconds.items()}
    print(
        json.dumps(
            {
                "shape": single[0].shape,
                "cpu_seconds": {name: round(value, 4) for name, value in median.items()},
                "values": values,
                "ssim_ratio": round(median["scikit_float32"] / median["ssim"], 2),
                "ssim_ratio_to_float64": round(median["scikit_float64"] / median["ssim"], 2),
                "ssim_difference": abs(values["ssim"] - values["scikit_float64"]),
                "ms_ssim_ratio": round(median["scikit_scales_float32"] / median["ms_ssim"], 2),
                "ms_ssim_ratio_to_plain": round(
                    median["plain_ms_ssim_float32"] / median["ms_ssim"], 2
                ),
                "ms_ssim_difference": abs(values["ms_ssim"] - plain_ms_ssim(*double)),
            }
        )
    )


if __name__ == "__main__":
    main()
