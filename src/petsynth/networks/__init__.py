"""Blocks of networks that several systems share; they read no files and know no configuration.

Read `layers` (norms, initial weights), `dropout` (masks by key), `losses`, then the 3D networks of
paper B: `unet3d` with `resample3d`, and `patchgan3d`. `weights` is the format of the weights file.
"""
