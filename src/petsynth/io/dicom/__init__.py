"""DICOM in and out: series as a BIDS dataset, a synthetic PET into its T1's study.

Read in this order: `libraries` (pydicom, pynetdicom and dcm2niix are optional), `files` (the header
of each file, and whether it is whole), `series` (which files belong together, whether slices are
missing, where they lie), `kinds` (which series are T1s and PETs), `conversion` (a series as NIfTI,
by dcm2niix), `lattice` (whether its voxels are those of the files), `pet_times` and `pet_sidecar`
(what the headers tell of a PET), `patients` (labels that do not tell who it is), `dataset`
(``petsynth import-dicom``), `t1s` (T1s of a folder to predict from), `writing` (a synthetic PET as
a series) and `sending` (to an archive).
"""
