"""Regional uptake of one scan: which regions, their means, and what follows from them.

Read `labels` (names of labels in segmentations) and `atlas` (labels in MNI space or of a subject)
first, then `means` (a PET's mean per region, or why there is none), `references` (the regions that
SUVR is by), `composites` (meta-ROIs and their sources) and `normative` (z-scores). `table` makes
one table of it; `scan` brings atlas and PET to one subject, from files; `outputs` writes it; `api`
is for Python. Agreement of two PETs over subjects is in `petsynth.evaluation.agreement`.

Vocabulary
----------
region
    A part of the brain with a number in a label image and a name, such as
    ``superiorfrontal_left``.
composite
    A mean over several regions that a publication defined, also called meta-ROI.
reference region
    What a PET's values are divided by to become SUVR.
"""
