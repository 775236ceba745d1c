"""The loop around a system's training step, and the folder of a run.

Read `trainer` first (the loop), then `recorder` (what is written on the way) with `logs`,
`validation` and `model_card`; `run_folder` and `state` (a run's files, and where it stands, so that
it can go on), `interruption` (Ctrl-C), `distributed` (several processes) and `initial_weights`
(training that starts from a trained model). The step itself is the system's.
"""
