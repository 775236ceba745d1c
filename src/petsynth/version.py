"""The version that is installed, for everything that is written."""

from importlib.metadata import version

__version__ = version("petsynth")
