"""What paper B's 3D systems share; no system by itself.

Read `config` (tables of the configuration), `networks` (generator and CNN discriminator, and
prediction with the generator), `system` (system and training) and `resources`.
"""
