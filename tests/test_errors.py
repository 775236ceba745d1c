"""Named errors are caught as one kind, and warnings are none of them."""

import inspect

import pytest

from petsynth import errors


def named():
    found = inspect.getmembers(errors, inspect.isclass)
    return [each for _, each in found if issubclass(each, Exception)]


@pytest.mark.parametrize("kind", named(), ids=lambda kind: kind.__name__)
def test_every_error_is_the_packages_and_a_warning_is_no_error(kind):
    is_warning = kind.__name__.endswith("Warning")
    assert issubclass(kind, UserWarning) is is_warning
    assert issubclass(kind, errors.PetsynthError) is not is_warning
    assert kind.__doc__


def test_no_error_hides_another():
    kinds = [kind for kind in named() if kind is not errors.PetsynthError]
    joined = {errors.TypedConfigError}  # is both of its kinds on purpose
    assert all(set(kind.__subclasses__()) <= joined for kind in kinds)
    assert len(kinds) >= 8
