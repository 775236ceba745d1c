"""The methods: each is one package that holds all of it, and nobody else asks which it is.

Read `base` (what a system is), `registry` (one line per system), then one package, such as
`pix2pix`: config, networks, dataset, training (the step), volume, system. `volumes` is what the 3D
systems of paper B share. `testing` runs any system through all that petsynth does with one.
"""
