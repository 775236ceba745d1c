"""What ``petsynth measure`` prints and writes: text, TSV, JSON and LaTeX of pairs of images."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from petsynth.errors import InputError, OutputError
from petsynth.evaluation.domains import DOMAIN_TITLES, METRIC_TITLES
from petsynth.evaluation.findings import format_value
from petsynth.evaluation.measure import (
    PAIR_DOMAINS,
    PAIR_METRICS,
    Measurement,
    summarise_metric,
)
from petsynth.io.atomic import write_json, write_text
from petsynth.io.bids.metadata import write_table
from petsynth.io.removal import remove_own
from petsynth.io.text import read_json
from petsynth.version import __version__

FILES = ("measure.tsv", "measure.json", "measure.tex")
"""Names of everything that is written."""
PARTS = "parts"
"""Folder of what each job of an array has measured."""
ANY_FILES = (*FILES, f"{PARTS}/*-of-*.json")
"""Names of everything in a folder that several jobs write."""
TITLES = {**METRIC_TITLES, "concordance": "Lin's concordance"}
DEFINITIONS = {
    "psnr": "10 log10(data range² / mean squared error), in dB",
    "ssim": "mean structural similarity, Gaussian window of SD 1.5 voxels cut at 11 voxels (3D in "
    "volume and brain, 2D in the slice), K1 = 0.01, K2 = 0.03, population covariances; in the "
    "volume over windows inside the image (Wang 2004)",
    "ms_ssim": "multi-scale SSIM with Wang's weights (2003), on as many of five scales as fit",
    "mae": "mean absolute error",
    "rmse": "root of the mean squared error",
    "nrmse": "RMSE divided by the data range",
    "pearson_r": "Pearson's correlation over voxels",
    "concordance": "Lin's concordance correlation coefficient over voxels (1989)",
}

Group = tuple[str, str, float, str]
"""Tracer, unit, data range and its source."""


def write_measurements(found: list[Measurement], failed: list[str], folder: Path) -> None:
    """Write measure.tsv, measure.json and measure.tex, each atomically.

    Raises
    ------
    OutputError
        If the disk is full or the folder cannot be written.
    """
    remove_own(folder, ANY_FILES, "measurements")
    _write_tables(found, failed, folder)


def write_part(
    found: list[Measurement], failed: list[str], folder: Path, *, part: int, parts: int, key: str
) -> bool:
    """Write what one job of an array measured; the last one writes the tables of all.

    Parameters
    ----------
    found, failed
        What this job measured, and a line for each pair that it could not.
    folder : Path
        Of all jobs.
    part, parts : int
        Which of how many parts this is, from 0 on.
    key : str
        What the jobs have in common: pairs and options; see `is_measured`.

    Returns
    -------
    bool
        Whether all parts are there, and the tables are written.

    Raises
    ------
    OutputError
        If the disk is full or the folder cannot be written.
    """
    # Infinite and undefined values are no JSON.
    pairs = [{**asdict(each), "values": json.dumps(each.values, allow_nan=True)} for each in found]
    path = _part_path(folder, part, parts)
    write_json(path, {"key": key, "pairs": pairs, "failed": failed})
    paths = [_part_path(folder, number, parts) for number in range(parts)]
    if not all(each.is_file() for each in paths):
        return False
    content = [read_json(each) for each in paths]
    _write_tables(
        [_read_measurement(pair) for part in content for pair in part["pairs"]],
        [line for part in content for line in part["failed"]],
        folder,
    )
    return True


def is_measured(folder: Path, *, part: int, parts: int, key: str) -> bool:
    """Whether a job's part is there already.

    Raises
    ------
    OutputError
        If the folder holds parts of something else.
    """
    for path in sorted((folder / PARTS).glob("*.json")):
        try:
            known = read_json(path).get("key")
        except InputError:
            continue
        if known != key or not path.name.endswith(f"-of-{parts}.json"):
            raise OutputError(
                f"{folder}: holds parts of other pairs, or measured with other options or another "
                "number of parts; name another folder, or remove it"
            )
    return _part_path(folder, part, parts).is_file()


def _part_path(folder: Path, part: int, parts: int) -> Path:
    return folder / PARTS / f"{part}-of-{parts}.json"


def _read_measurement(content: dict[str, Any]) -> Measurement:
    content = {**content, "values": json.loads(content["values"])}
    for name in ("notes", "remarks"):
        content[name] = tuple(content[name])
    return Measurement(**content)


def _write_tables(found: list[Measurement], failed: list[str], folder: Path) -> None:
    write_table(folder / "measure.tsv", tabulate(found))
    write_json(folder / "measure.json", describe_measurements(found, failed))
    write_text(folder / "measure.tex", format_latex(found))


def tabulate(found: list[Measurement]) -> pd.DataFrame:
    """Return a row per pair and a column ``DOMAIN_METRIC`` for each metric."""
    rows = [
        {
            "name": each.name,
            "reference": each.reference,
            "synthetic": each.synthetic,
            "tracer": each.tracer or "n/a",
            "unit": each.unit,
            "data_range": each.data_range,
            **{
                f"{domain}_{metric}": each.values[domain][metric]
                for domain in PAIR_DOMAINS
                for metric in PAIR_METRICS
            },
            **{f"{domain}_voxels": each.voxels[domain] for domain in PAIR_DOMAINS},
            **{f"{domain}_uncovered": each.uncovered[domain] for domain in PAIR_DOMAINS},
            "brain": each.brain,
            "remarks": "; ".join(each.remarks) or "n/a",
        }
        for each in found
    ]
    return pd.DataFrame(rows)


def describe_measurements(found: list[Measurement], failed: list[str]) -> dict[str, Any]:
    """Return everything as plain values: definitions, pairs, summaries, and what failed."""
    return {
        "petsynth_version": __version__,
        "definitions": DEFINITIONS,
        "interval": "95 % t interval of the mean over pairs; pairs count as independent, so give "
        "one scan per subject",
        "summaries": [
            {
                "tracer": tracer,
                "unit": unit,
                "data_range": data_range,
                "data_range_source": source,
                "pairs": len(members),
                "domains": {
                    domain: {
                        metric: summarise_metric(
                            metric, [each.values[domain][metric] for each in members]
                        )
                        for metric in PAIR_METRICS
                    }
                    for domain in PAIR_DOMAINS
                },
            }
            for (tracer, unit, data_range, source), members in groups(found).items()
        ],
        "pairs": [each.to_dict() for each in found],
        "failed": failed,
    }


def groups(found: list[Measurement]) -> dict[Group, list[Measurement]]:
    """Return the pairs whose figures may be averaged: of one tracer, unit and data range."""
    result: dict[Group, list[Measurement]] = {}
    for each in found:
        key = (each.tracer, each.unit, each.data_range, each.data_range_source)
        result.setdefault(key, []).append(each)
    return result


def format_text(found: list[Measurement]) -> str:
    """Return tables for reading: one per tracer, unit and data range."""
    return "\n\n".join(_format_group(key, members) for key, members in groups(found).items())


def format_latex(found: list[Measurement]) -> str:
    """Return a table in LaTeX (package booktabs) per tracer, unit and data range."""
    return "\n".join(_latex_table(key, members) for key, members in groups(found).items())


def format_number(metric: str, value: float | int | None, data_range: float) -> str:
    """Return a value with the digits of its metric; ``inf`` without error, ``n/a`` if undefined.

    Examples
    --------
    >>> format_number("ssim", 0.98765, 2.5), format_number("mae", 1234.5678, 30000.0)
    ('0.9877', '1235')
    >>> format_number("mae", 0.151, 2.5), format_number("psnr", None, 2.5)
    ('0.1510', 'n/a')
    """
    if value is not None and math.isinf(value):
        return "inf"
    return format_value(metric, value, data_range)


def _format_group(key: Group, members: list[Measurement]) -> str:
    lines = [_about(key, len(members))]
    if len(members) == 1:
        lines += _one_pair(members[0])
        return "\n".join(lines)
    width = max(len(each.name) for each in members)
    for domain in PAIR_DOMAINS:
        heads = "".join(
            f"{_head(metric, key[1]):>{_width(metric, key[1])}}" for metric in PAIR_METRICS
        )
        lines += ["", f"{DOMAIN_TITLES[domain]:<{width}}{heads}"]
        for each in members:
            lines.append(f"{each.name:<{width}}{_cells(key, each.values[domain])}")
        found = {
            metric: summarise_metric(metric, [each.values[domain][metric] for each in members])
            for metric in PAIR_METRICS
        }
        for name, part in (("mean", "mean"), ("SD", "std"), ("95 % from", "low"), ("to", "high")):
            values = {metric: found[metric][part] for metric in PAIR_METRICS}
            lines.append(f"{name:<{width}}{_cells(key, values)}")
    brains = list(dict.fromkeys(each.brain for each in members))
    lines += ["", f"brain: {brains[0]}" if len(brains) == 1 else "brain: see measure.tsv (--out)"]
    lines += _told(members)
    return "\n".join(lines)


def _one_pair(each: Measurement) -> list[str]:
    lines = [f"reference: {each.reference}", f"synthetic: {each.synthetic}", ""]
    width = max(len(_head(metric, each.unit)) for metric in PAIR_METRICS) + 2
    titles = [DOMAIN_TITLES[domain] for domain in PAIR_DOMAINS]
    lines.append(" " * width + "".join(f"{title:>20}" for title in titles))
    for metric in PAIR_METRICS:
        cells = [
            format_number(metric, each.values[domain][metric], each.data_range)
            for domain in PAIR_DOMAINS
        ]
        lines.append(f"{_head(metric, each.unit):<{width}}" + "".join(f"{c:>20}" for c in cells))
    for name, counts in (("voxels", each.voxels), ("voxels left out", each.uncovered)):
        cells = [str(counts[domain]) for domain in PAIR_DOMAINS]
        lines.append(f"{name:<{width}}" + "".join(f"{c:>20}" for c in cells))
    lines += ["", f"brain: {each.brain}", f"middle axial slice: z = {each.slice_mm:.1f} mm"]
    return lines + [f"- {note}" for note in (*each.notes, *each.remarks)]


def _about(key: Group, pairs: int) -> str:
    tracer, unit, data_range, source = key
    what = f"{tracer} PET" if tracer else "PET (tracer not stated)"
    count = f"{pairs} pair{'s' if pairs > 1 else ''}"
    return f"{what}, {count}; data range {data_range:.4g} {unit} ({source})"


def _told(members: list[Measurement]) -> list[str]:
    """Return notes and remarks, each with the pairs that it is about."""
    about: dict[str, list[str]] = {}
    for each in members:
        for told in (*each.notes, *each.remarks):
            about.setdefault(told, []).append(each.name)
    return [
        f"- {told} ({'all pairs' if len(names) == len(members) else ', '.join(names)})"
        for told, names in about.items()
    ]


def _cells(key: Group, values: dict[str, Any]) -> str:
    return "".join(
        f"{format_number(metric, values[metric], key[2]):>{_width(metric, key[1])}}"
        for metric in PAIR_METRICS
    )


def _width(metric: str, unit: str) -> int:
    return max(len(_head(metric, unit)), 9) + 2


def _head(metric: str, unit: str) -> str:
    of_metric = {"psnr": "dB", "mae": unit, "rmse": unit}.get(metric, "")
    return f"{TITLES[metric]} ({of_metric})" if of_metric else TITLES[metric]


def _latex_table(key: Group, members: list[Measurement]) -> str:
    lines = [
        r"\begin{tabular}{l" + "r" * len(PAIR_DOMAINS) + "}",
        r"\toprule",
        " & ".join(["", *(DOMAIN_TITLES[domain] for domain in PAIR_DOMAINS)]) + r" \\",
        r"\midrule",
    ]
    for metric in PAIR_METRICS:
        cells = []
        for domain in PAIR_DOMAINS:
            found = summarise_metric(metric, [each.values[domain][metric] for each in members])
            cell = format_number(metric, found["mean"], key[2])
            if found["std"] is not None:
                cell += rf" $\pm$ {format_number(metric, found['std'], key[2])}"
            cells.append(cell)
        lines.append(" & ".join([_escaped(_head(metric, key[1])), *cells]) + r" \\")
    about = (
        rf"\multicolumn{{{1 + len(PAIR_DOMAINS)}}}{{l}}{{{_escaped(_about(key, len(members)))}}}"
    )
    return "\n".join([*lines, r"\bottomrule", rf"{about} \\", r"\end{tabular}", ""])


def _escaped(text: str) -> str:
    for sign in "&%$#_":
        text = text.replace(sign, f"\\{sign}")
    return text
