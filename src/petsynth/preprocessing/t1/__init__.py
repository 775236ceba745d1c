"""One T1: `reading`, `brain_mask`, `intensity` (bias field and the networks' scales),
`alignment` to MNI axes.

`alignment` runs them in order, for paper A's grid and for paper B's cube.
"""
