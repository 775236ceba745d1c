"""Registration of brain images, for T1 and PET alike.

Read `inputs` (what is compared: locally normalised brains and dilated masks), `similarity` (by what
measure), `rigid` (the search), `deformable` (a subject to MNI space, for regions) and `itk`
(SimpleITK's images and transforms). Transforms are (4, 4) matrices from world to world in
millimetres; they are applied with `nibabel.affines.apply_affine`.
"""
