"""The command line: one module per command, each with ``Args``, ``parse`` and ``run``.

Read `main` (which command, exit status, one line per error), then `options` (what tyro reads, and
the options of a configuration), then the commands in the order of their use: `simulate`, `prepare`,
`train`, `predict`, `evaluate`; `demo` runs them all. `measure` and `regions` need none of them.
`audit` looks for leakage, `classify` asks whether a synthetic PET is of use. `models` and
`describe` only tell. Nothing heavy is imported before a command runs, so that ``--help`` is fast.
"""
