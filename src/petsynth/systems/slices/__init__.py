"""What the systems on 2D slices share: pix2pix (paper A) and MedGAN.

Read `config` (tables of the configuration), `dataset` (pairs of slices), `volume` (from a whole MRI
to a whole PET), `system` (batches, prediction, size). The networks stand in `petsynth.networks`.
"""
