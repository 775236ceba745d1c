"""unet25d: the bundled models' network, a 2.5D U-Net on slabs of neighbouring slices.

Read `config`, `unet` (the network), `location` (where a slab lies in MNI space), `dataset`
(augmented volumes), `slabs` (batches of slabs), `training` (one step, on one screen), `volume`
(from a whole MRI to PET and expected error), `system`.
"""
