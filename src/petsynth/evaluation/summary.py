"""The evaluation as files: ``metrics.tsv``, ``summary.json``, ``comparisons.json``."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from petsynth.data.prepared import PreparedData
from petsynth.evaluation.agreement import DEFINITIONS, summarise_regions
from petsynth.evaluation.comparison import FAMILIES, BaselineComparison, ModelComparison
from petsynth.evaluation.domains import DOMAINS, NEAR_ZERO, SUVR_RANGE
from petsynth.evaluation.evaluate import Evaluation
from petsynth.evaluation.parts import AROUND_MM, DEPTHS_MM, LESION_METRICS
from petsynth.evaluation.statistics import CONFIDENCE
from petsynth.metrics.image import ms_ssim_scales
from petsynth.regional.composites import composites_of
from petsynth.regional.outputs import describe_composite
from petsynth.slicing import middle_slice


def build_summary(evaluation: Evaluation) -> dict[str, Any]:
    """Return ``summary.json``.

    Returns
    -------
    dict
        ``methods``: name -> domain -> metric -> mean, std, min, max, n;
        ``definitions``: what each of these words means; ``simulated``: bool; ``missing``: name ->
        participant -> why there is no prediction; ``audit``: what was compared and found;
        ``external``: models of other tools; ``covariates``: model -> what it used beside the T1;
        ``regions``, where an atlas was wanted: name -> regions, asymmetry, composites.
    """
    content = {
        "methods": {
            method.name: _describe_method(evaluation, method.name) for method in evaluation.methods
        },
        "definitions": build_definitions(evaluation),
        "simulated": evaluation.data.simulated,
        "missing": {
            method.name: dict(method.missing)
            for method in evaluation.of_kind("model")
            if method.missing
        },
        "audit": None if evaluation.audit is None else evaluation.audit.to_dict(),
        "external": [each.name for each in evaluation.of_kind("model") if each.is_external],
        "covariates": {
            each.name: list(each.covariates)
            for each in evaluation.of_kind("model")
            if each.covariates
        },
    }
    if evaluation.regions is not None and evaluation.agreement is not None:
        content["regions"] = summarise_regions(evaluation.regions, evaluation.agreement)
        content["region_definitions"] = _region_definitions(evaluation)
    return content


def _region_definitions(evaluation: Evaluation) -> dict[str, Any]:
    """Return what the words of the regional tables mean, with the composites' sources."""
    data, atlas = evaluation.data, evaluation.atlas
    return {
        **DEFINITIONS,
        "atlas": "none" if atlas is None else atlas.source,
        "unit": "SUVR; each image by its own mean in the reference region where it came in "
        "another unit",
        "composites": {each.name: describe_composite(each) for each in composites_of(data.tracer)},
    }


def build_definitions(evaluation: Evaluation) -> dict[str, Any]:
    """Return the definition of everything that the tables name, as sentences."""
    settings, data = evaluation.settings, evaluation.data
    height, width = middle_slice(evaluation.example.pet).shape
    scale, unit = f"{settings.pet_scale:.6g}", settings.unit
    scale_definition = data.description.get("pet_scale_definition", "not stated")
    return {
        "subjects": f"{len(evaluation.subjects)} {evaluation.split} subjects: "
        f"{', '.join(evaluation.participants)}" + _visits(evaluation),
        "tracer": settings.tracer,
        "unit": unit,
        "grid": str(data.grid),
        "middle_slice": f"axial slice with index N // 2 ({data.grid.shape[2] // 2}), {height} x "
        f"{width} pixels, not padded to the network's size; both PETs in grey levels: 0 {unit} is "
        f"0, the training set's PET scale of {scale} {unit} is 255, values outside are clipped, "
        "none are rounded; data range 255",
        "axial_slices": "as the middle axial slice, for every axial slice that holds brain; the "
        "mean over the subject's slices counts as one value",
        "volume": f"all voxels, in {unit}, unclipped; {_range(evaluation)}",
        "brain": f"voxels of the brain mask of the reference PET's subject, in {unit}, unclipped; "
        f"{_range(evaluation)}",
        "left_out_voxels": "voxels of the brain that the reference PET does not cover (it is 0 "
        "there in all frames): they count in no domain; of pairs, also those of the other PET",
        "frames": f"all voxels of {_frames(data)}, in {unit}, unclipped; SSIM is the "
        f"mean over frames; {_range(evaluation)} (paper B's tables 1 and 2)",
        "mean over frames": _weights(data),
        "intensities": "all voxels; of all frames where the method infers them, else of the mean",
        "depth": "voxels of the brain by their distance from its surface",
        "lesion": "of subjects with a lesion map: brain voxels where the T1 shows the lesion, and "
        f"those up to {AROUND_MM:g} mm from it",
        **{
            name: f"{title} the lesion, in {unit}; MAE: mean absolute error, difference of means: "
            "absolute difference of the mean uptake"
            for name, title in LESION_METRICS.items()
        },
        "out_of_range": "fraction of synthetic voxels below the lowest or above the highest "
        "reference value of the subject",
        "distance": f"1-Wasserstein distance of reference and synthetic intensities, in {unit}",
        "near_zero": f"mean absolute error, in {unit}, where the reference PET is within "
        f"{NEAR_ZERO:.0%} of the data range of zero",
        **{
            name: f"mean absolute error, in {unit}, "
            + (f"{low:g} to {high:g} mm" if math.isfinite(high) else f"more than {low:g} mm")
            + " below the brain's surface"
            for name, (low, high) in DEPTHS_MM.items()
        },
        "pet_scale": f"{scale} {unit}: {scale_definition}",
        "mse": "mean squared error, in grey levels squared",
        "psnr": "peak signal-to-noise ratio, 10 log10(data range² / MSE), in dB",
        "ssim": "structural similarity (Wang 2004): Gaussian window of standard deviation 1.5 "
        "pixels cut off at 3.5 (11 pixels), K1 0.01, K2 0.03, population covariances; 2D in "
        "slices, 3D in volumes; mean over pixels whose window lies inside the image, in the brain "
        "the mean of the 3D map there",
        "ms_ssim": f"multi-scale structural similarity (Wang 2003) with "
        f"{ms_ssim_scales(data.grid.shape)} of 5 scales, as the smallest side allows, weights "
        "scaled to a sum of 1",
        "mae": f"mean absolute error, in {unit}",
        "rmse": f"root of the mean squared error, in {unit}",
        "nrmse": "RMSE divided by the data range",
        "pearson_r": "Pearson's correlation over voxels",
        "std": "sample standard deviation over subjects (n - 1); null for one",
        "n": "number of subjects (pairs, for the between-subject baseline) with a finite value",
        "interval": f"{CONFIDENCE:.0%} interval of a mean difference, paired by subject, with "
        "subjects and seeds both random: variances of subjects and of runs that differ only in "
        "seed by analysis of variance, t quantiles with degrees of freedom by Satterthwaite and "
        "Banerjee; of a model trained once, the interval holds for that run only. Pairs of the "
        "between-subject baseline: jackknife over training subjects",
        "simultaneous_interval": "as interval, but all of a family together hold with "
        f"{CONFIDENCE:.0%} (Bonferroni: each alone at 1 - {1 - CONFIDENCE:.2f} / comparisons)",
        "conclusion": "better, worse, equivalent and different go by the simultaneous interval; "
        "undecided is what it leaves open",
        "p_holm": "two-sided p-value of no difference, adjusted for the family by Holm's method; "
        "it can be below 0.05 where the simultaneous interval, which is wider, still holds 0",
        "families": FAMILIES,
        "seed": str(evaluation.seed),
        "example": f"{evaluation.example.participant}: the subject of the figures, whose brain "
        "MAE averaged over models is the median",
        "methods": {method.name: method.description for method in evaluation.methods},
    }


def build_comparisons(
    against_baselines: list[BaselineComparison],
    between_models: list[ModelComparison],
    findings: list[str],
) -> dict[str, Any]:
    """Return ``comparisons.json``: comparisons with intervals, their families, and the findings.

    An interval without ends, as of one subject, has null for them.
    """
    return {
        "families": FAMILIES,
        "against_baselines": [_comparison(each) for each in against_baselines],
        "between_models": [_comparison(each) for each in between_models],
        "findings": findings,
    }


def _comparison(comparison: BaselineComparison | ModelComparison) -> dict[str, Any]:
    content = dataclasses.asdict(comparison)
    content["difference"] = {
        name: value if math.isfinite(value) else None
        for name, value in content["difference"].items()
    }
    return content


def _describe_method(evaluation: Evaluation, method: str) -> dict[str, dict[str, Any]]:
    summary = {
        domain: {name: evaluation.describe(method, domain, name) for name in names}
        for domain, names in DOMAINS.items()
    }
    return {
        domain: metrics
        for domain, metrics in summary.items()
        if any(each["n"] for each in metrics.values())
    }


def _frames(data: PreparedData) -> str:
    return "the static PET" if data.frames == 1 else f"all {data.frames} frames"


def _weights(data: PreparedData) -> str:
    if data.frames == 1:
        return "static PET: there is one frame"
    if data.frame_durations is None:
        return "all frames count the same, since the prepared data state no durations"
    shown = ", ".join(f"{each:g}" for each in data.frame_durations)
    return f"frames count by their durations of {shown} s; all but frames and intensities"


def _visits(evaluation: Evaluation) -> str:
    if len(evaluation.participants) == len(evaluation.subjects):
        return ""
    return "; a subject's visits are averaged first and count as one value"


def _range(evaluation: Evaluation) -> str:
    settings = evaluation.settings
    shown = f"data range {settings.data_range:.6g} {settings.unit}"
    if settings.data_range == settings.pet_scale:
        return f"{shown}, the training set's PET scale"
    if settings.data_range == SUVR_RANGE.get(settings.tracer):
        return f"{shown}, fixed for {settings.tracer} in SUVR"
    return f"{shown}, given on the command line"
