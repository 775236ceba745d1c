"""GANBERT, paper B: a 3D generator trained against a BERT that reads T1 and PET as text.

Read `config`, then in the order of the data: `tokens` (volumes to 512 values each, and values to
ids), `sequence`, `masking`, `embedding`, `bert`, `losses`, `training` (one step), `system`.
"""
