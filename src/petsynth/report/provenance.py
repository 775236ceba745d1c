"""Where the numbers of a report come from: models, data, software; what to cite."""

from __future__ import annotations

import importlib.metadata
import platform
import tomllib
from collections.abc import Sequence
from importlib import resources

from petsynth.data.reference import reference_region
from petsynth.errors import InputError
from petsynth.evaluation.evaluate import Evaluation
from petsynth.evaluation.models import Model
from petsynth.io.text import real_path
from petsynth.prepare.pages import describe_group
from petsynth.report.document import Block, Bullets, Heading, Paragraph, Row, Table, Terms, cell

LIBRARIES = ("petsynth", "torch", "numpy", "scipy", "SimpleITK", "nibabel", "matplotlib")


def audit_blocks(evaluation: Evaluation, leaks: Sequence[str]) -> list[Block]:
    """Return the section on leakage: what was looked for, and what was found."""
    audit = evaluation.audit
    found = [f"LEAKAGE: {each}." for each in leaks]
    if audit is None:
        found.append("No audit was done; petsynth evaluate does one, petsynth audit a larger one.")
    else:
        found += audit.sentences()
    return [
        Heading("Leakage audit", "audit"),
        Paragraph(
            "An audit looks for one subject in two parts of the split (by label, however it is "
            "written, and by the identifier that it had before), for slices in place of subjects, "
            "and, where images are compared, for one scan under two names and for T1s that were "
            "made from the PET. Models are refused that were trained on a test subject."
        ),
        Bullets(tuple(found)),
    ]


def provenance_blocks(evaluation: Evaluation, models: Sequence[Model]) -> list[Block]:
    """Return the section on models, data and software; it names no folder but the runs' own."""
    data = evaluation.data
    preprocessing = ", ".join(
        f"{name} {value}"
        for name, value in data.description.get("preprocessing", {}).items()
        if value is not None
    )
    parts = ", ".join(
        f"{len(data.subjects(part))} {part}" for part in ("train", "validation", "test")
    )
    return [
        Heading("Provenance", "provenance"),
        *([_models(models)] if models else []),
        Terms(
            (
                ("subjects of the split", parts),
                ("grid", str(data.grid)),
                ("unit", data.unit),
                ("reference region", reference_region(data) or "not stated"),
                ("preprocessing", preprocessing or "not stated"),
                ("seed", str(evaluation.seed)),
                ("software", ", ".join(f"{name} {each}" for name, each in _versions().items())),
            )
        ),
    ]  # fmt: skip


def citation_blocks(evaluation: Evaluation) -> list[Block]:
    """Return the section on what to write and cite."""
    try:
        prepared = describe_group(evaluation.data.folder)
    except InputError:
        prepared = None
    text, references = prepared or ("", [])
    file = resources.files("petsynth.report") / "references.toml"
    known = tomllib.loads(file.read_text("utf-8"))
    return [
        Heading("For your paper", "citation"),
        Paragraph(
            f"Synthetic and reference PET were compared with petsynth {_versions()['petsynth']}. "
            + text
        ),
        Bullets((*known["papers"], *known["statistics"], *references)),
        Paragraph(
            "Cite the papers of the methods that you used; petsynth itself by its version. Values "
            "per subject: metrics.tsv; per region: regions.tsv, agreement.tsv; all means: "
            "summary.json; differences: comparisons.json.",
            style="small",
        ),
    ]


def _models(models: Sequence[Model]) -> Table:
    rows = []
    for model in models:
        metadata = model.run.metadata
        rows.append(
            Row(
                (
                    cell(model.name),
                    cell(real_path(model.run.folder).name),
                    cell(str(metadata.get("config_hash", "n/a"))),
                    cell(str(metadata.get("weights_sha256", "n/a"))[:16]),
                    cell("n/a" if metadata.get("steps") is None else f"{metadata['steps']:,}"),
                    cell(str(metadata.get("training_subjects", "n/a"))),
                    cell("simulated" if model.run.simulated else "measured"),
                    cell(str(metadata.get("petsynth_version", "n/a"))),
                )
            )
        )
    head = (
        "model", "run", "configuration", "weights (SHA-256)", "steps", "training subjects",
        "trained on PET", "petsynth",
    )  # fmt: skip
    return Table("Models", head, tuple(rows), text_columns=4)


def _versions() -> dict[str, str]:
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    found["Python"] = platform.python_version()
    return found
