"""Simulated cohorts: anatomy, tracer uptake, scanner.

Read `cohort` first (the whole run), then `members` and `participants` (who is in it), `imaging`
(one subject's images), `embedded` and `labelled` (the two kinds of anatomy), `uptake` and `pattern`
(what the tissue takes up) and `scanner`. The other modules serve these. Every table names its
source; decision records 10 to 13 and 77 say why.
"""
