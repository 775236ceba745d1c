"""Infer brain PET images from T1-weighted MRI."""

from importlib.metadata import version

__version__ = version("petsynth")
