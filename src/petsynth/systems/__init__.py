"""The methods: each is one package that holds all of it, and nobody else asks which it is.

Read `base` (what a system is), `registry` (one line per system), then one package: `pix2pix` (paper
A) and `medgan`, which share `slices`; `unet25d` (the pretrained models); `pix2pix3d` and `ganbert`
(paper B), which share `volumes`; `bridge`, whose samples tell how sure it is.
All of them use `fields` (values of a configuration), `optimisation` (networks, optimisers, one
step), `coverage` (what a PET did not measure) and `resources` (how large a training is). `testing`
runs any system through all that petsynth does with one, on the small data of `phantoms`.
"""
