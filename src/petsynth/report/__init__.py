"""An evaluation as pages, tables and figures.

Read `folder` first: it writes an evaluation of `petsynth.evaluation` into a folder. `tables`
formats the papers' tables as text, `figures` draws the papers' figures, and `page` fills the
template of ``report.html``, one file that needs nothing beside it. `measurements`
prints and writes what `petsynth.evaluation.measure` found, `classification` what
`petsynth.evaluation.classification` found.
"""
