"""Figures from arrays; nothing here knows a model, a data set or an evaluation.

Every function returns a matplotlib figure that was made without pyplot. Read `panels` first: it
holds the labels that every figure of synthetic or simulated images carries, and rows of image
panels with their slices. `distributions` draws box plots and histograms, `agreement` bars, scatter
and Bland-Altman plots, `curves` what a training logs, and ROC curves, `quality` the quality control
of one prepared subject, and `save` writes a figure as a PNG file.
"""
