"""pix2pix on slices, paper A: ``pix2pix-axial`` and ``pix2pix-augmented`` (slices of all planes).

Read `config`, `unet` and `patchgan` (the networks), `dataset` (pairs of slices), `training` (one
step, on one screen), `volume` (from a whole MRI to a whole PET), `system` (all of it behind the
interface).
"""
