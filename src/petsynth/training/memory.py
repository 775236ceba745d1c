"""Memory of the C library, kept from one training step to the next.

A step makes the same tensors as the step before. The GNU C library gives each large one back to the
system as soon as it is freed, and the system hands it out again page by page, filled with zeros:
at paper B's size that was a quarter of a step (decision record 0085).
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator

# The numbers are those of malloc.h, the values after the training the library's own.
_MMAP_MAX, _TRIM_THRESHOLD = -4, -1
_MMAP_MAX_DEFAULT, _TRIM_THRESHOLD_DEFAULT = 65536, 128 * 1024


@contextlib.contextmanager
def keep_freed_memory() -> Iterator[None]:
    """Let the C library keep what is freed, and give it back at the end.

    The process takes up to a fifth more memory. Where the library is another than GNU's, nothing
    is done.
    """
    library = ctypes.CDLL(None)
    adjust, give_back = (getattr(library, name, None) for name in ("mallopt", "malloc_trim"))
    if adjust is None or give_back is None:
        yield
        return
    adjust(_MMAP_MAX, 0)
    adjust(_TRIM_THRESHOLD, -1)
    try:
        yield
    finally:
        adjust(_MMAP_MAX, _MMAP_MAX_DEFAULT)
        adjust(_TRIM_THRESHOLD, _TRIM_THRESHOLD_DEFAULT)
        give_back(0)
