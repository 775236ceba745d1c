"""Ctrl-C and SIGTERM during training: finish the step, keep everything, then stop."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

logger = logging.getLogger(__name__)

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """Whether a signal has asked the training to stop.

    Attributes
    ----------
    number : int or None
        The signal's number, once it came.
    """

    def __init__(self) -> None:
        self.number: int | None = None

    def __bool__(self) -> bool:
        return self.number is not None


@contextlib.contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Note the first SIGINT or SIGTERM, and obey it when the block has ended.

    A second signal is obeyed at once. Outside the main thread, which alone receives signals,
    nothing happens.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    owner = os.getpid()
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def note(number: int, frame: FrameType | None) -> None:
        if os.getpid() != owner:
            _in_a_worker(number)
        elif request:
            restore()
            signal.raise_signal(number)
        else:
            request.number = number
            logger.info("stopping after this step; once more stops at once, without a checkpoint")

    for number in _SIGNALS:
        signal.signal(number, note)
    try:
        yield request
    finally:
        restore()
    if request.number is not None:
        signal.raise_signal(request.number)


def _in_a_worker(number: int) -> None:
    """A terminal's Ctrl-C reaches the processes that load data, too; training stops them itself."""
    if number == signal.SIGTERM:
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)
