"""Files in and out: NIfTI images, BIDS names and sidecars, atomic writes."""
