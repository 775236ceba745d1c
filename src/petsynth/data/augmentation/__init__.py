"""Make one prepared subject look as if another scanner, technician or pipeline had delivered it.

Read `pair` (a T1 with its PET), `recipe` (which changes, in which order, how often), then the
changes: `geometry`, `field_of_view`, `contrast` and `sampling`.
"""
