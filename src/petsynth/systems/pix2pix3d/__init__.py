"""3D pix2pix, paper B's baselines: ``pix2pix3d-tanh`` and ``pix2pix3d-tanhshrink``.

Read `training` (one step, on one screen) and `system`; the networks stand in
`petsynth.systems.volumes.networks` and `petsynth.networks`.
"""
