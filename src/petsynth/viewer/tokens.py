"""Tokens: secrets that let a browser in; only their hashes are kept.

A token has 192 random bits, so a fast hash is enough: nobody can try them all.

References
----------
NIST SP 800-63B, 5.1.2 "Look-Up Secrets": secrets of at least 112 bits need no slow hash.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections import deque
from collections.abc import Callable, Mapping

BYTES = 24


def new_token() -> str:
    """Return a new token, 32 characters that may stand in an address."""
    return secrets.token_urlsafe(BYTES)


def hash_token(token: str) -> str:
    """Return the SHA-256 of a token, in hexadecimal digits.

    Examples
    --------
    >>> hash_token("abc")[:16]
    'ba7816bf8f01cfea'
    """
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def find_owner(token: str, hashes: Mapping[str, str]) -> str | None:
    """Return whose token it is, in a time that does not depend on it.

    Parameters
    ----------
    token : str
        As somebody typed it.
    hashes : mapping from str to str
        Owner -> hash.
    """
    given, owner = hash_token(token), None
    for name, known in hashes.items():
        if hmac.compare_digest(given, known):
            owner = name
    return owner


class Attempts:
    """Failed attempts of an address and of all; too many within a while are refused.

    Parameters
    ----------
    most, most_of_all : int
        Failures within ``seconds`` of one address, and of all addresses together.
    seconds : float
        The while.
    clock : function
        Returns seconds.
    """

    def __init__(
        self,
        most: int = 10,
        most_of_all: int = 100,
        seconds: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most, self._most_of_all = most, most_of_all
        self._seconds, self._clock = seconds, clock
        self._failures: deque[tuple[float, str]] = deque()

    def are_too_many(self, address: str) -> bool:
        """Whether an address must wait."""
        self._drop_old()
        of_address = sum(each == address for _, each in self._failures)
        return of_address >= self._most or len(self._failures) >= self._most_of_all

    def failed(self, address: str) -> None:
        """Count a failure."""
        self._failures.append((self._clock(), address))

    def _drop_old(self) -> None:
        while self._failures and self._failures[0][0] < self._clock() - self._seconds:
            self._failures.popleft()
