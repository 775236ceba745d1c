"""Named errors. Each message is one line: what is wrong, where, and what to do about it."""

from __future__ import annotations

from pathlib import Path


class PetsynthError(Exception):
    """A mistake that the user can fix; the command line prints it in one line and exits with 1.

    ``path`` is the image that is at fault, where it is known and another could take its place.
    """

    path: Path | None = None


class ArgumentError(PetsynthError):
    """An option has a value that it cannot have, by itself or with others; exits with 2."""


class UsageError(PetsynthError):
    """The words typed cannot be understood; the command line exits with 2."""


class InputError(PetsynthError):
    """A file that was given cannot be used: missing, damaged, or not what it should be."""


class ConfigError(PetsynthError):
    """A configuration has unknown keys or values out of range."""


class TypedConfigError(ConfigError, UsageError):
    """An option that stands over a configuration's value is unknown or out of range; exits with 2.

    As a `UsageError` it was typed; in a file the same mistake is a `ConfigError` alone.
    """


class OutputError(PetsynthError):
    """A result cannot be written: the folder is taken, read-only or full."""


class SplitError(PetsynthError):
    """A division into training, validation and test subjects is not usable."""


class RegistrationError(PetsynthError):
    """Two images could not be brought into one space."""


class RunError(PetsynthError):
    """A run folder is incomplete or belongs to another configuration."""


class TrainingError(PetsynthError):
    """Training cannot go on, for example because a loss is no longer finite."""


class PetsynthWarning(UserWarning):
    """Something was assumed that the user should know; the command line prints it in one line."""
