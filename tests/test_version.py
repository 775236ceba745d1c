"""The version: one, wherever it is asked for."""

from importlib.metadata import version

import petsynth
from petsynth.version import __version__


def test_it_is_that_of_the_installed_package():
    assert __version__ == petsynth.__version__ == version("petsynth")
