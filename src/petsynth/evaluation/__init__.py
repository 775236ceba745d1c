"""How good the predictions of trained models are, against baselines, controls and upper bounds.

Read `domains` first: what is measured on a pair of PET images; `parts` has errors by depth and in
lesions. `models` loads the runs and checks that they fit the data, `predictions` reads another
tool's images, `baselines` predict without a network, and `methods` gives everything that makes a
PET one form, a row of the tables. `mni_space` brings subjects and MNI space together, and gathers
there where models err; `regional` measures uptake in the regions of an atlas, `agreement` says
whether a method tells subjects apart, and `examples` chooses the subjects that the figures show.
`evaluate` measures all of it on the subjects of a split; `comparison`, with `statistics`, says
which is better; `findings` says it in sentences; `summary` is all of it as JSON. `audit` looks for
leakage. `group_features` and `classification` ask whether a synthetic PET helps to tell two groups
of subjects apart. The pages, tables and figures are in `petsynth.report`.

Without any model: `pair_files` (which files belong together), `pair_images` (one grid, unit, brain)
and `measure` (metrics of a pair of anyone's images).
"""
