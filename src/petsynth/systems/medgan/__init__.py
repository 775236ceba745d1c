"""MedGAN on slices: ``medgan-axial`` and ``medgan-augmented`` (slices of all planes).

Read `config`, `casnet` (the generator), `losses`, `extractor` (whose features style and content
compare), `training` (one step, on one screen), `system` (all of it behind the interface). Slices
and volumes stand in `petsynth.systems.slices`, the U-Net and the PatchGAN in `petsynth.networks`.
"""
