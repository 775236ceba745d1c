"""Reading and writing files: `nifti` for images, `bids` for datasets, `atomic` for writing.

Files are written under a temporary name and moved into place, so that a reader never sees half of
one. Images are RAS+ inside the package; what is written for a user keeps the grid of the user's
own file.
"""
