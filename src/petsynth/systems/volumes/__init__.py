"""What paper B's 3D systems share; no system by itself.

Read `config` (tables of the configuration), `networks` (generator and CNN discriminator),
`training` (accumulation windows of whole volumes), `prediction`, `resources` and `system`.
"""
