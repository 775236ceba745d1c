"""One PET: `acquisition` (what its sidecar says, decay, SUV) with `units`, `series` (frames and
resolution) with `time_window`, `registration` (motion between frames, and to the T1), `suvr` (means
in regions of MNI space).

``tracers.toml`` and ``regions/`` hold what is known of each tracer; `tracers` reads them.
"""
