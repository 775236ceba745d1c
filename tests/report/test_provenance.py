"""Origin, audit and citation: what is named, and what is not."""

import dataclasses

from petsynth.evaluation.audit import Audit
from petsynth.evaluation.models import load_models
from petsynth.report.document import Bullets, Table, Terms
from petsynth.report.provenance import audit_blocks, citation_blocks, provenance_blocks


def test_models_are_named_by_configuration_and_weights_and_no_place(tiny_evaluation, tiny_runs):
    models = load_models(tiny_runs, tiny_evaluation.data, "test")
    blocks = provenance_blocks(tiny_evaluation, models)
    (table,) = (each for each in blocks if isinstance(each, Table))
    assert [row.cells[0].lines[0] for row in table.rows] == [model.name for model in models]
    metadata = models[0].run.metadata
    shown = [each.lines[0] for each in table.rows[0].cells]
    assert metadata["config_hash"] in shown
    assert metadata["weights_sha256"][:16] in shown
    (terms,) = (each for each in blocks if isinstance(each, Terms))
    assert dict(terms.pairs)["subjects of the split"] == "4 train, 1 validation, 2 test"
    assert str(tiny_runs[0].parent) not in repr(blocks)
    assert str(tiny_evaluation.data.folder) not in repr(blocks)


def test_the_audit_says_what_was_compared_and_found(tiny_evaluation):
    def found(audit, leaks=()):
        evaluation = dataclasses.replace(tiny_evaluation, audit=audit)
        (bullets,) = (each for each in audit_blocks(evaluation, leaks) if isinstance(each, Bullets))
        return bullets.items

    audit = Audit(7, with_images=True)
    assert found(audit) == tuple(audit.sentences())
    assert found(None, ["two are one"])[0] == "LEAKAGE: two are one."
    assert "No audit was done" in found(None)[0]


def test_papers_and_version_are_cited(tiny_evaluation):
    text = repr(citation_blocks(tiny_evaluation))
    assert "Inferring PET from MRI with pix2pix" in text
    assert "compared with petsynth 0.1.0" in text
