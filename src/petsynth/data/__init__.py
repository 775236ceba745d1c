"""Prepared volumes as training material: split, scale, slices."""
