"""An evaluation as pages, tables and figures.

Read `folder` first: it writes an evaluation of `petsynth.evaluation` into a folder. `content` says
what the report holds and in which order, in the blocks of `document`; `page` writes them as HTML,
one file that needs nothing beside it, and `pdf` as PDF; `joint` is a report on several tracers.
`tables` formats the papers' tables as text and all tables as blocks. `figures` draws the papers'
figures, `images` subjects and errors in MNI space, `regional_figures` agreement by region,
`training` loss curves; `provenance` is the audit, the origin of models and data, and what to cite.
`measurements` prints and writes what `petsynth.evaluation.measure` found, `classification` what
`petsynth.evaluation.classification` found, with `classification_page` for its report; `predictions`
keeps what models predicted beside an evaluation.
"""
