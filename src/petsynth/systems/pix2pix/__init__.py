"""pix2pix on slices, paper A: ``pix2pix-axial`` and ``pix2pix-augmented`` (slices of all planes).

Read `config`, `training` (one step, on one screen), `system` (all of it behind the interface).
Slices and volumes stand in `petsynth.systems.slices`, the networks in
`petsynth.networks.unet2d` and `petsynth.networks.patchgan2d`.
"""
