"""DICOM in: the T1s and PETs of a folder as a BIDS dataset.

Read in this order: `libraries` (pydicom, pynetdicom and dcm2niix are optional), `files` (the header
of each file, and whether it is whole), `series` (which files belong together, whether slices are
missing, where they lie), `kinds` (which series are T1s and PETs), `conversion` (a series as NIfTI,
by dcm2niix), `lattice` (whether its voxels are those of the files), `pet_times` and `pet_sidecar`
(what the headers tell of a PET), `patients` (labels that do not tell who it is) and `dataset`
(``petsynth import-dicom``).
"""
