"""From a BIDS dataset to prepared data, as a BIDS App: a participant and a group level.

Read in this order: `participant_level` (one subject, and many side by side with `execution`),
`failures` (which image is at fault, so that the next is tried),
`derivatives` and `records` (what is written of each subject), `quality_control`, `pictures` and
`pages` (what is shown of each subject), `group_level` (split, PET scale and tables of all
subjects) and `output_folder` (the folder and the files at its root). `methods_text` describes the
preprocessing for a paper; `jpeg_export` writes slices for other programs.
"""
