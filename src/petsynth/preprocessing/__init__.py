"""From scans to volumes on the models' grids: masks, registration, units, one resampling each.

Read `subject` first, the ordered steps for one subject; then `t1` (brain mask, alignment to MNI
axes, intensities), `pet` (sidecar, frames, motion, registration to the T1, SUVR), `registration`
(what both use), `quality` (figures that say whether it went well) and `flags` (what a person should
look at). `grids` holds the shapes and
places of the models' voxels, `resampling` the interpolation onto them.
"""
