"""The loop around a system's training step, and the folder of a run.

Read `trainer` first (the loop, and Ctrl-C), then `recorder` (validation, and what is written on the
way) with `logs`, `calibration` (of standard deviations) and `model_card`; `run_folder` and `state`
(a run's files, and where it stands, so that it can go on), `distributed` (several processes),
`memory` (kept between steps) and `initial_weights` (training that starts from a trained model). The
step itself is the system's.
"""
