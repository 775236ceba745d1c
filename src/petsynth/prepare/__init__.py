"""From a BIDS dataset to prepared data, as a BIDS App: a participant and a group level.

Read in this order: `participant_level` (one subject, and many side by side by
`petsynth.execution`, as far as `memory` allows),
`derivatives` and `records` (what is written of each subject, and of each that failed),
`quality_control` and `pages` (what is shown of each subject, and the methods as text),
`group_level` (split, PET scale and tables of all subjects) and `output_folder` (the folder and the
files at its root). `jpeg_export` writes slices for other programs.
"""
