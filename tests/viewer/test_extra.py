import pytest

from petsynth.errors import InputError
from petsynth.viewer.extra import check_installed


def test_what_is_missing_is_named_with_the_extra_that_installs_it():
    with pytest.raises(InputError) as told:
        check_installed("petsynth view", "view", ("json", "no_such_module", "nor_this"))
    assert str(told.value) == (
        "petsynth view needs no_such_module, nor_this: install with pip install 'petsynth[view]'"
    )


def test_what_is_installed_is_no_matter():
    check_installed("petsynth view", "view", ("json",))
