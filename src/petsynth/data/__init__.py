"""Prepared data as training material; nothing here knows a system.

Read `prepared` first: the folder that ``petsynth prepare`` writes, as everything later reads it.
Then `covariate_table` (age, sex, status, ...), `reference` (the region that the PET is relative
to), `split` (training, validation and test subjects), `scale` (paper A's PET scale), `batching`
(the order of slices), `volumes` (whole volumes with paper B's normalisation), `jpeg` (what paper
A's networks saw). `augmentation` changes prepared subjects as other scanners would.
"""
