"""3D pix2pix, paper B's baselines: ``pix2pix3d-tanh`` and ``pix2pix3d-tanhshrink``.

Read `config` and `system` (the system and its step); the networks stand in
`petsynth.systems.volumes.networks` and `petsynth.networks`.
"""
