"""A rectified flow from T1 to PET in 3D: ``pet-bridge``.

Read `config`, `flow` (the mathematics: path, sampler), `network`, `training` (batches and one
step), `system` (all of it behind the interface).
"""
