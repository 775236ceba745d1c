"""One T1: `brain_mask`, `intensity` (bias field and the networks' scales), `alignment` to MNI axes.

`alignment` brings them together for paper A's grid, `conform` for paper B's cube.
"""
