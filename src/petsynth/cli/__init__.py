"""The command line: one module per command, each with ``Args``, ``HELP``, ``parse`` and ``run``.

Read `main` (which command, exit status, one line per error), then `options` (what tyro reads, and
the options of a configuration) with `fields` (what a dataclass says of its options), `words` (which
word belongs to which option) and `help`, then the commands in the order of their use:
`import_dicom` or `simulate`, `prepare`, `train`, `predict` (with `predict_options`,
`predict_inputs` and `predict_dicom`; `send_dicom` sends what that writes), `evaluate` (with
`evaluate_inputs` and `evaluate_raw`); `demo` runs those from `simulate` on. `measure` and
`regions` need none of them. `audit` looks for leakage, `classify` asks whether a synthetic PET is
of use, `view` shows scans in a browser, `rate` asks experts about them. `models` and `describe`
only tell, `completion` is for shells. Nothing heavy is imported before a command runs, so that
``--help`` is fast.
"""
