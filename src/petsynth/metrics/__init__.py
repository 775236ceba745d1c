"""How alike two images are: metrics of plain arrays, which read no file and know no model.

Read `image` first: errors, PSNR, correlation, SSIM and MS-SSIM, each of one pair of slices or
volumes. `similarity` computes the maps that SSIM and MS-SSIM share; `agreement` has Lin's
concordance, of voxels or of regional means, intraclass correlations, limits of agreement and the
correlation over subjects; `discrimination` has areas under ROC curves; `coverage`
finds the voxels that a PET did not measure, which metrics leave out. What is measured where, and
with which data range, is in `petsynth.evaluation.domains`.
"""
