"""What the report says, in the order in which it is read: findings and limits first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from petsynth.evaluation.comparison import BaselineComparison, ModelComparison
from petsynth.evaluation.domains import DOMAIN_TITLES, METRIC_TITLES
from petsynth.evaluation.evaluate import Evaluation
from petsynth.evaluation.findings import list_cautions, list_headlines, list_losses
from petsynth.evaluation.models import Model
from petsynth.evaluation.parts import AROUND_MM, LESION_METRICS
from petsynth.figures.panels import SYNTHETIC_LABEL
from petsynth.report.document import (
    Banner,
    Block,
    Bullets,
    Heading,
    Paragraph,
    Picture,
    Row,
    Table,
    Terms,
    Title,
    cell,
)
from petsynth.report.provenance import audit_blocks, citation_blocks, provenance_blocks
from petsynth.report.tables import (
    baseline_table,
    domain_table,
    model_table,
    range_table,
    region_table,
)

SECTIONS = ("findings", "images", "regions", "papers", "training")
"""Sections that figures belong to."""
LEAKED = "Test subjects were used in training, so the test results say nothing."
SIMULATED = (
    "The PET images of this evaluation come from a simulation, not from patients. The figures say "
    "nothing about how a model does on real scans."
)
RESEARCH = "Research software, not a medical device."


@dataclass(frozen=True)
class Report:
    """An evaluation and what follows from it.

    Parameters
    ----------
    evaluation : Evaluation
        What was measured.
    summary : mapping
        The content of ``summary.json``.
    against_baselines, between_models : sequence
        From `petsynth.evaluation.comparison`.
    findings : sequence of str
        From `petsynth.evaluation.findings`, leaks first.
    leaks : sequence of str
        What `petsynth.evaluation.audit` found.
    pictures : mapping from str to sequence of Picture
        Section -> its figures; see `SECTIONS`.
    models : sequence of Model
        What was evaluated, for the provenance.
    """

    evaluation: Evaluation
    summary: Mapping[str, Any]
    against_baselines: Sequence[BaselineComparison]
    between_models: Sequence[ModelComparison]
    findings: Sequence[str]
    leaks: Sequence[str]
    pictures: Mapping[str, Sequence[Picture]]
    models: Sequence[Model] = ()

    @property
    def title(self) -> str:
        """Title of the document."""
        tracer = self.evaluation.settings.tracer
        return f"{tracer} PET inferred from T1-weighted MRI: evaluation"


def build_report(report: Report) -> list[Block]:
    """Return the blocks of the report, from the first to the last."""
    return [
        *_opening(report),
        *_findings(report),
        *_slices(report),
        *_images(report),
        *_regions(report),
        *_comparisons(report),
        *_volumes(report),
        *_papers(report),
        *_lesions(report),
        Heading("All findings", "all-findings"),
        Bullets(tuple(report.findings)),
        *_training(report),
        *audit_blocks(report.evaluation, report.leaks),
        *provenance_blocks(report.evaluation, report.models),
        *_definitions(report),
        *citation_blocks(report.evaluation),
    ]


def _opening(report: Report) -> list[Block]:
    evaluation = report.evaluation
    blocks: list[Block] = []
    if report.leaks:
        blocks.append(Banner("LEAKAGE.", LEAKED, "leak"))
    if evaluation.data.simulated:
        blocks.append(Banner("SIMULATED DATA.", SIMULATED, "simulated"))
    number = len(evaluation.subjects)
    return [
        *blocks,
        Banner(f"{SYNTHETIC_LABEL}.", RESEARCH, "research"),
        Title(report.title),
        Paragraph(
            f"{number} {evaluation.split} subject{'s' if number != 1 else ''}"
            + ("" if report.leaks else ", none of whom was used in training")
            + ". Every number is defined below, under Definitions."
        ),
    ]


def first_sentences(report: Report) -> list[str]:
    """Return what is read first: leaks, where models lose, and whether they tell people apart."""
    return [
        *(f"LEAKAGE, so the test results say nothing: {leak}" for leak in report.leaks),
        *list_headlines(report.evaluation),
        *list_losses(_of_models(report), report.evaluation.settings),
        *_tell_apart(report),
    ]


def _findings(report: Report) -> list[Block]:
    evaluation = report.evaluation
    headlines = first_sentences(report)
    cautions = list_cautions(evaluation, _of_models(report), list(report.between_models))
    return [
        Heading("Findings and their limits", "findings"),
        *([Bullets(tuple(headlines))] if headlines else []),
        *_counts(report),
        Heading("Limits", level=3),
        Bullets(tuple(cautions)),
    ]


def _tell_apart(report: Report) -> list[str]:
    """Say for each model how its regional values follow those of the subjects."""
    sentences = []
    regions = report.summary.get("regions") or {}
    for method in report.evaluation.of_kind("model"):
        found = regions.get(method.name, {}).get("regions")
        if found and found["median_r"] is not None:
            above = found["r_interval_above_0"]
            sentences.append(
                f"{method.name}: the correlation over {len(report.evaluation.subjects)} subjects "
                f"of regional uptake is {found['median_r']:.2f} (median over {found['number']} "
                "regions; "
                + (
                    "an interval needs four subjects)."
                    if above is None
                    else f"its interval lies above 0 in {above} of them)."
                )
            )
    return sentences


def _of_models(report: Report) -> list[BaselineComparison]:
    models = set(report.evaluation.groups("model"))
    return [each for each in report.against_baselines if each.method in models]


def _counts(report: Report) -> list[Block]:
    """Return on how many metrics each model is worse, undecided and better, by baseline."""
    rows: dict[tuple[str, str], list[BaselineComparison]] = {}
    for each in _of_models(report):
        rows.setdefault((each.method, each.baseline), []).append(each)
    if not rows:
        return []
    table = []
    for (method, baseline), these in rows.items():
        counts = Counter(each.conclusion for each in these)
        behind = sum(not each.mean_is_better for each in these)
        table.append(
            Row(
                (
                    cell(method),
                    cell(baseline),
                    cell(str(counts["worse"]), style="worse" if counts["worse"] else ""),
                    cell(str(counts["undecided"]), style="undecided"),
                    cell(str(counts["better"]), style="better" if counts["better"] else ""),
                    cell(f"{behind} of {len(these)}"),
                )
            )
        )
    head = (
        "model", "baseline", "worse on", "undecided on", "better on",
        "mean not better on",
    )  # fmt: skip
    caption = (
        "Models against baselines: number of metrics on which the model is worse, undecided and "
        "better by its interval, corrected for the number of comparisons"
    )
    return [Table(caption, head, tuple(table), text_columns=2)]


def _slices(report: Report) -> list[Block]:
    settings = report.evaluation.settings
    return [
        Heading("Table 1: middle axial slice", "table1"),
        Paragraph(
            "As table 1 of Jung et al. (paper A), with a row per method. Grey levels 0–255; 255 is "
            f"the training set's PET scale, {settings.pet_scale:.4g} {settings.unit}. Arrows point "
            "to better values. A cell holds mean ± standard deviation over subjects, and below it "
            "the smallest and the largest value."
        ),
        range_table(
            report.evaluation,
            report.summary,
            "middle_slice",
            "Reference against synthetic PET, middle axial slice, data range 255",
        ),
    ]


def _images(report: Report) -> list[Block]:
    pictures = report.pictures.get("images", ())
    if not pictures:
        return []
    return [
        Heading("Images", "figures"),
        Paragraph(
            "L and R mark the subject's left and right, P and A back and front; x, y and z are "
            "millimetres "
            + (
                "along MNI axes (the subject's own brain, aligned without scaling; not MNI space), "
                if _is_aligned(report.evaluation)
                else "from the middle of the image, which was not aligned, "
            )
            + "but for the maps of errors, which are in MNI space."
        ),
        *pictures,
    ]


def _is_aligned(evaluation: Evaluation) -> bool:
    preprocessing = evaluation.data.description.get("preprocessing", {})
    return bool(preprocessing.get("registration", "rigid") == "rigid")


def _regions(report: Report) -> list[Block]:
    regions = report.summary.get("regions")
    if not regions:
        return []
    return [
        Heading("Regions: are people told apart?", "regions"),
        Paragraph(
            "Uptake per region of the atlas, in both images of each subject, compared over "
            "subjects: medians over regions. r is the correlation over subjects; that of an image "
            "that is the same for everyone comes from the regions' shapes alone. Each region's own "
            "figures, with intervals, are in agreement.tsv; thresholds, sources and their limits "
            "in summary.json."
        ),
        region_table(report.evaluation, regions),
        *report.pictures.get("regions", ()),
    ]


def _comparisons(report: Report) -> list[Block]:
    evaluation = report.evaluation
    families = report.summary["definitions"]["families"]
    blocks: list[Block] = [
        Heading("Against the baselines", "baselines"),
        Paragraph(
            "Runs that differ only in their seed are one model. Better and worse only where the "
            "simultaneous interval of the difference excludes 0; otherwise undecided. Below the "
            "conclusion: the number of subjects in whom the method is better (the between-subject "
            "baseline is not measured on the same subjects), both means, the difference, its 95 % "
            "interval, and the simultaneous interval. The last column counts the conclusions "
            "over all metrics. Families of comparisons that hold together: "
            f"{families['against_baselines']}; {families['controls']}."
        ),
        baseline_table(evaluation, report.against_baselines),
    ]
    if report.between_models:
        margin = (
            " Without a margin set beforehand (--margin) an interval that holds 0 does not show "
            "that two models are equal."
            if any(each.equivalence is None for each in report.between_models)
            else ""
        )
        blocks += [
            Heading("Between models", "models"),
            Paragraph(
                "First minus second, over the same subjects; runs that differ only in their seed "
                "are one model. Conclusion and equivalence go by the simultaneous interval, whose "
                f"family is {families['between_models']} ({len(report.between_models)} "
                f"comparisons).{margin}"
            ),
            model_table(evaluation, report.between_models),
        ]
    return blocks


def _volumes(report: Report) -> list[Block]:
    evaluation, summary = report.evaluation, report.summary
    shown = f"{evaluation.settings.data_range:.4g} {evaluation.settings.unit}"
    return [
        Heading("All slices, whole volume, brain", "more"),
        range_table(
            evaluation,
            summary,
            "axial_slices",
            "All axial slices that hold brain, mean per subject, data range 255",
        ),
        *(
            domain_table(
                evaluation,
                summary,
                domain,
                f"{DOMAIN_TITLES[domain].capitalize()}: mean ± standard deviation, data range "
                f"{shown}",
            )
            for domain in ("volume", "brain")
        ),
    ]


def _papers(report: Report) -> list[Block]:
    evaluation = report.evaluation
    settings = evaluation.settings
    return [
        Heading("All frames, intensities, depth", "frames"),
        Paragraph(
            "The metrics of tables 1 and 2 of Shin et al. (paper B), in restored PET units: data "
            f"range {settings.data_range:.4g} {settings.unit}. Below it what the paper shows in "
            "figures: whether the values stay in the reference range, and how far they are from "
            "the reference near zero and by depth."
        ),
        *(
            domain_table(
                evaluation,
                report.summary,
                domain,
                f"{DOMAIN_TITLES[domain].capitalize()}: mean ± standard deviation",
            )
            for domain in ("frames", "intensities", "depth")
        ),
        *report.pictures.get("papers", ()),
    ]


def _lesions(report: Report) -> list[Block]:
    if not any("lesion" in found for found in report.summary["methods"].values()):
        return []
    return [
        Heading("Lesions", "lesions"),
        Paragraph(
            f"Subjects whose T1 shows a lesion: errors inside it and within {AROUND_MM:g} mm of "
            "it. A method that fills the lesion with normal uptake has a large difference of means "
            "inside."
        ),
        domain_table(
            report.evaluation,
            report.summary,
            "lesion",
            f"{DOMAIN_TITLES['lesion'].capitalize()}: mean ± standard deviation",
        ),
    ]


def _training(report: Report) -> list[Block]:
    pictures = report.pictures.get("training", ())
    return [Heading("Training", "training"), *pictures] if pictures else []


def _definitions(report: Report) -> list[Block]:
    definitions = report.summary["definitions"]
    titles = METRIC_TITLES | DOMAIN_TITLES | {"pet_scale": "PET scale", "p_holm": "p (Holm)"}
    has_lesions = any("lesion" in found for found in report.summary["methods"].values())
    left_out = {"methods", "families"} | (set() if has_lesions else {"lesion", *LESION_METRICS})
    pairs = tuple(
        (titles.get(name, name.replace("_", " ")), str(text))
        for name, text in definitions.items()
        if name not in left_out
    )
    methods = tuple(
        (method.name, definitions["methods"][method.name]) for method in report.evaluation.methods
    )
    return [
        Heading("Definitions", "definitions"),
        Terms(pairs),
        Heading("Methods", "methods"),
        Terms(methods),
    ]
