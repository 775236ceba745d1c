"""Blocks of networks that several systems share; they read no files and know no configuration.

Read `layers` (norm, initial weights, dropout by key, resampling between grids), `losses`, then the
networks of paper A, `unet2d` (its convolutions are those of `halving`) and `patchgan2d`, and those
of paper B, `unet3d` and `patchgan3d`.
`weights` is the format of the weights file.
"""
