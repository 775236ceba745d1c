"""Which of the words typed belong to which option, and what is missing among them.

An option that takes several values takes those that look like its values: of a few choices, a
``METRIC=VALUE``, a label. Of paths it takes a single folder, and one path where it is required; or
files, as many as leave the command what it needs. Other parsers let such an option take all that
follows it, and say that the positional arguments are missing.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from petsynth.cli.fields import MANY, Declared
from petsynth.errors import UsageError

_NUMBERS = {int: "a whole number", float: "a number"}
_IS_OPTION = re.compile(r"--?[A-Za-z]")


class Words:
    """The words after a command, sorted.

    Parameters
    ----------
    argv : sequence of str
        As typed after the command.
    known : sequence of Declared
        Its options and positional arguments.

    Attributes
    ----------
    positional : list of str
        Words that belong to no option.
    given : list of (Declared or None, list of str)
        Options in the order typed, with the option's own word first; None for words that look
        like an option and are none.
    """

    def __init__(self, argv: Sequence[str], known: Sequence[Declared]) -> None:
        self.known = known
        self.positional: list[str] = []
        self.given: list[tuple[Declared | None, list[str]]] = []
        self._by_word = {
            word: each for each in known for option in each.options for word in _spellings(option)
        }
        self._needed = [each for each in known if not each.options]
        self._refused_by: dict[str, Declared] = {}
        self._sort(list(argv))
        self._give_back()

    def sorted(self) -> list[str]:
        """Return the words, positional arguments first, and of an option all values together."""
        several: dict[str, list[str]] = {}
        found: list[list[str]] = []
        for each, words in self.given:
            if each is None or each.words != MANY:
                found.append(words)
                continue
            if each.name not in several:
                several[each.name] = [each.options[0]]
                found.append(several[each.name])
            several[each.name] += words[1:]
        return self.positional + [word for words in found for word in words]

    def check(self, own: Sequence[Declared], example: str = "") -> None:
        """Raise UsageError if a word is missing or unknown, or a value cannot be what it must.

        Parameters
        ----------
        own : sequence of Declared
            Options whose values are checked here; those of a configuration are elsewhere.
        example : str
            A command that would be right, for the message.
        """
        missing = self._missing()
        if unknown := [words[0] for each, words in self.given if each is None]:
            raise UsageError(f"unknown option{'s' * (len(unknown) > 1)} {', '.join(unknown)}")
        if not any(each.words == MANY for each in self._needed):
            for word in self.positional[len(self._needed) :]:
                if each := self._refused_by.get(word):
                    raise UsageError(_none_of(each, word))
                raise UsageError(f"{word}: belongs to no option; put it in quotes, or leave it out")
        if missing:
            raise UsageError(f"missing: {', '.join(missing)}{example and f'; as in: {example}'}")
        typed = [(each, values) for each, (_, *values) in self.given if each is not None]
        wrong = [_wrong_count(each, words) for each, words in self.given if each is not None]
        last = self._needed[-1:]  # it takes all that is left, or one word
        typed += [(each, self.positional[len(self._needed) - 1 :]) for each in last]
        wrong += [_wrong(each, value) for each, values in typed if each in own for value in values]
        if wrong := [message for message in wrong if message]:
            raise UsageError("; ".join(wrong))

    def _missing(self) -> list[str]:
        required = [each for each in self._needed if each.required]
        missing = [each.metavar for each in required[len(self.positional) :]]
        given = {each.name for each, _ in self.given if each is not None}
        return missing + [
            each.shown
            for each in self.known
            if each.options and each.required and each.name not in given
        ]

    def _sort(self, words: list[str]) -> None:
        while words:
            word = words.pop(0)
            if not _IS_OPTION.match(word):
                self.positional.append(word)
                continue
            name, equals, value = word.partition("=")
            short = word[:2] if word[1:] == word[1] * len(word[1:]) else name  # -vv is -v twice
            each = self._by_word.get(short.replace("_", "-"))
            if each is None or each.is_switch:
                self.given.append((each, [word]))
                continue
            values = self._several(each, words) if each.words == MANY else self._few(each, words)
            if equals:
                values = []
            del words[: len(values)]
            self.given.append((each, [name, value] if equals else [name, *values]))

    def _few(self, each: Declared, words: list[str]) -> list[str]:
        """Return the values of an option that takes a certain number of them."""
        return list(
            itertools.takewhile(lambda word: word not in self._by_word, words[: each.words])
        )

    def _several(self, each: Declared, words: list[str]) -> list[str]:
        """Return what an option of several values may take of the words that follow it."""
        following = []
        for word in words:
            if _IS_OPTION.match(word):
                break
            following.append(word)
        if each.kind is Path and following and (each.required or Path(following[0]).is_dir()):
            return following[:1]
        looks = _looks_like(each)
        sure = 0 if each.metavar.startswith("[") else 1
        for number, word in enumerate(following):
            if number >= sure and not looks(word):
                if each.choices:
                    self._refused_by[word] = each
                return following[:number]
        return following

    def _give_back(self) -> None:
        """Return words from an option of several paths where positional arguments are missing."""
        several = [
            words for each, words in self.given if each and each.words == MANY and len(words) > 2
        ]
        if not several:
            return
        words = several[-1]
        if any(each.words == MANY and each.required for each in self._needed):
            if not self.positional:  # files of an option and of the command go in pairs
                count = len(words) - 1
                back = count // 2 if count % 2 == 0 else count - 1
                self.positional += words[-back:]
                del words[-back:]
            return
        back = sum(each.required for each in self._needed) - len(self.positional)
        back = min(max(back, 0), len(words) - 2)
        if back:
            self.positional += words[-back:]
            del words[-back:]


def _spellings(option: str) -> list[str]:
    if not option.startswith("--"):
        return [option]
    return [option, f"--no-{option[2:]}"]


def _looks_like(each: Declared) -> Callable[[str], bool]:
    """Return a function that says whether a word may be a value of an option."""
    if each.choices:
        return lambda word: word in each.choices
    if "=" in each.metavar:
        return lambda word: "=" in word
    if each.metavar.startswith("LABEL"):
        return lambda word: re.fullmatch(r"(sub-)?[A-Za-z0-9+]+", word) is not None
    return lambda word: True


def _wrong_count(each: Declared, words: Sequence[str]) -> str | None:
    """Return what to say of an option with too few values, or of a switch with one."""
    if each.is_switch and "=" in words[0]:
        return f"{words[0].partition('=')[0]} takes no value"
    count = 1 if each.words == MANY else each.words
    if each.metavar.startswith("[") or len(words) > count:
        return None
    needed = "a value" if count == 1 else f"{count} values"
    return f"{each.options[0]}: needs {needed} ({each.metavar})"


def _wrong(each: Declared, value: str) -> str | None:
    if each.choices and value not in each.choices:
        return _none_of(each, value)
    if each.kind not in _NUMBERS:
        return None
    try:
        if value != "None" or not each.optional:
            each.kind(value)
    except ValueError:
        return f"{each.options[0]} {value}: must be {_NUMBERS[each.kind]}"
    return None


def _none_of(each: Declared, value: str) -> str:
    name = each.options[0] if each.options else each.name.upper()
    return f"{name} {value}: must be one of {', '.join(each.choices)}"
