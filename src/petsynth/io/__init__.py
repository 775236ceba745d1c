"""Reading and writing files: `nifti` for images, `text` for JSON and tables, `bids` for datasets.

`atomic` writes under a temporary name and moves the file into place, so that a reader never sees
half of one. `lock` lets one process at a time write into a folder, and `removal` replaces earlier
results without touching what is not ours. `nifti_header` refuses impossible headers before they
are used; `formats` makes a NIfTI file of other formats and of images in memory; `dicom` imports and
writes DICOM. Images are RAS+ inside the package; what is written for a user keeps the grid of the
user's own file.
"""
