"""Simulated cohorts: anatomy, tracer uptake, scanner.

Read `cohort` first (the whole run), then `members` and `participants` (who is in it), `imaging`
(one subject's images), `embedded` and `labelled` (the two kinds of anatomy), `uptake` and `pattern`
(what the tissue takes up), `lesions` (that change T1 and uptake), `scanner` and `motion` (of the
head, between frames). `dataset` and `sidecars` write what stands around the images.

These serve the anatomy: `anatomy` (what a head is made of), `template`, `labels` and `regions`,
`atrophy`, `fields` (random deformations), `soft_tissue`, `standard_space`, `partial_volume` and
`mri` (the T1). `transfer` undoes blur in regional values, `randomness` makes every draw depend on
seed, subject and purpose alone. Every table names its source; decision records 10 to 13 and 77 say
why.
"""
