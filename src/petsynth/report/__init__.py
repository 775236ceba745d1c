"""Evaluation as a self-contained web page."""
