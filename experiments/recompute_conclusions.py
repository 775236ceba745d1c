"""Compute the conclusions of both papers' result pages again, from the metrics kept beside them.

Reads ``docs/results/paper-a-ixi/*.tsv`` and ``docs/results/paper-b/*.tsv`` and prints, as JSON,
each study's comparisons with the intervals and corrections of `petsynth.evaluation`. Families:

- against the baselines: every model of a table against every baseline of it, all metrics;
- controls (another subject's T1), likewise;
- between models: every two of a study's systems, on the metrics of the page's table;
- ablations: each variant of GANBERT against GANBERT, on PSNR, SSIM and RMSE of all frames.

Runs made with a falling learning rate, and those of one seed of a system that has three, are left
out, as on the pages. The between-subject baseline's pairs were not kept.

    python experiments/recompute_conclusions.py docs/results > conclusions.json
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd

from petsynth.evaluation.comparison import FAMILIES, compare_models, compare_with_baselines
from petsynth.evaluation.domains import DOMAINS, LOWER_IS_BETTER, MetricSettings
from petsynth.evaluation.evaluate import Evaluation
from petsynth.evaluation.findings import list_findings
from petsynth.evaluation.methods import OTHER_T1, Method
from petsynth.evaluation.statistics import adjust_family, estimate_paired

MARGINS = {"ssim": 0.01, "psnr": 0.5}
"""Set before any model was trained: experiments/paper_a_ixi.sh."""

PAGE_METRICS = {
    "paper-a": (
        *(("middle_slice", "ssim"), ("middle_slice", "psnr")),
        *(("axial_slices", "ssim"), ("axial_slices", "psnr")),
        ("brain", "mae"),
    ),
    "paper-b": (("frames", "psnr"), ("frames", "ssim"), ("frames", "rmse")),
}
"""What the pages compare models on."""

STUDIES = {
    "paper-a equal updates": ("paper-a-ixi/metrics-equal-updates.tsv", "SUVR", 1),
    "paper-a equal epochs": ("paper-a-ixi/metrics-equal-epochs.tsv", "SUVR", 1),
    "paper-b FDG original": ("paper-b/metrics-fdg-original.tsv", "original", 2),
    "paper-b AV45 original": ("paper-b/metrics-av45-original.tsv", "original", 2),
    "paper-b FDG SUVR": ("paper-b/metrics-fdg-suvr.tsv", "SUVR", 2),
    "paper-b AV45 SUVR": ("paper-b/metrics-av45-suvr.tsv", "SUVR", 2),
}
SYSTEMS = ("pix2pix3d-tanh", "pix2pix3d-tanhshrink", "ganbert", "ganbert-cnnd")


def read_study(path: Path, unit: str, frames: int) -> Evaluation:
    """Return a study's metrics as the evaluation that wrote them; one group per three seeds."""
    table = pd.read_csv(path, sep="\t", keep_default_na=False, na_values=[""])
    for domain, metrics in DOMAINS.items():
        for metric in metrics:
            column = f"{domain}_{metric}"
            values = table[column] if column in table else float("nan")
            table[column] = pd.to_numeric(values, errors="coerce")
    kinds = dict(zip(table["method"], table["kind"], strict=True))
    methods = [Method(name, kind, "", _group(name)) for name, kind in kinds.items()]
    names = list(dict.fromkeys(table.loc[table["kind"] == "model", "participant_id"]))
    return Evaluation(
        table=table,
        methods=methods,
        data=SimpleNamespace(simulated=True, frames=frames),
        participants=names,
        split="test",
        settings=MetricSettings(pet_scale=1.0, data_range=1.0, unit=unit, tracer=""),
        seed=0,
        example=None,
    )


def choose(evaluation: Evaluation, groups: list[str]) -> Evaluation:
    """Return an evaluation with these groups of models, their controls, and all baselines."""
    kept = {*groups, *map(OTHER_T1.format, groups)}
    methods = [
        method
        for method in evaluation.methods
        if method.group in kept or method.kind in ("baseline", "upper-bound")
    ]
    return dataclasses.replace(evaluation, methods=methods)


def compare(evaluation: Evaluation, metrics: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return a study's findings and comparisons; ``metrics`` are those between models."""
    against_baselines = compare_with_baselines(evaluation)
    between_models = compare_models(evaluation, MARGINS, metrics)
    findings = list_findings(evaluation, against_baselines, between_models)
    return {
        "findings": findings,
        "against_baselines": [dataclasses.asdict(each) for each in against_baselines],
        "between_models": [dataclasses.asdict(each) for each in between_models],
    }


def compare_ablations(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Return each variant of GANBERT minus GANBERT."""
    variants = [
        group
        for group in evaluation.groups("model")
        if group not in SYSTEMS and len(_runs(evaluation, group)) == 3
    ]
    named, estimates = [], []
    for group in variants:
        for domain, metric in PAGE_METRICS["paper-b"]:
            values = (evaluation.runs(name, domain, metric) for name in (group, "ganbert"))
            named.append((group, domain, metric))
            estimates.append(estimate_paired(*values))
    return [
        {
            "variant": group,
            "domain": domain,
            "metric": metric,
            "difference": dataclasses.asdict(difference),
            "conclusion": difference.conclusion(lower_is_better=metric in LOWER_IS_BETTER),
            "equivalence": difference.equivalence(MARGINS[metric]) if metric in MARGINS else None,
        }
        for (group, domain, metric), difference in zip(named, adjust_family(estimates), strict=True)
    ]


def _group(name: str) -> str:
    """Return what is left of ``system (arm-run-seed0)`` without system, arm and seed."""
    found = re.fullmatch(r"\S+ \((?:(?:FDG|AV45)-(?:original|suvr)-)?(.+)-seed\d\)( \(.+\))?", name)
    if not found:
        return name
    run, control = found.groups()
    return OTHER_T1.format(run) if control else run


def _runs(evaluation: Evaluation, group: str) -> list[Method]:
    return [method for method in evaluation.methods if method.group == group]


def main() -> None:
    """Print the conclusions of all studies."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, help="docs/results")
    folder = parser.parse_args().results
    result: dict[str, Any] = {"families": FAMILIES}
    for name, (file, unit, frames) in STUDIES.items():
        evaluation = read_study(folder / file, unit, frames)
        groups = evaluation.groups("model")
        main_groups = [group for group in groups if group in SYSTEMS] or groups
        result[name] = compare(choose(evaluation, main_groups), PAGE_METRICS[name[:7]])
        if name == "paper-b FDG original":
            result[name]["ablations"] = compare_ablations(evaluation)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
