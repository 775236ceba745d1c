"""Subjects and their encoded images; the latest ones stay in memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from petsynth.errors import PetsynthError
from petsynth.viewer.encoding import encode
from petsynth.viewer.layers import Subject
from petsynth.viewer.regions import Regions, find_regions

KEPT_BYTES = 1 << 30
"""Encoded images that stay in memory."""


class Library:
    """Subjects, and what the page asks for of them.

    Parameters
    ----------
    subjects : sequence of Subject
        In the order of the page.
    kept_bytes : int
        How much stays in memory.
    """

    def __init__(self, subjects: Sequence[Subject], kept_bytes: int = KEPT_BYTES) -> None:
        self.subjects = list(subjects)
        self._kept_bytes = kept_bytes
        self._lock = threading.Lock()
        self._images: OrderedDict[tuple[int, int], Future[bytes]] = OrderedDict()
        self._regions: dict[int, Future[Regions]] = {}
        self._readers = ThreadPoolExecutor(2, thread_name_prefix="images")
        self._aligner = ThreadPoolExecutor(1, thread_name_prefix="regions")

    def image(self, subject: int, layer: int) -> bytes:
        """Return an encoded image; whoever asks at the same time waits for the same reading.

        Raises
        ------
        PetsynthError
            If the image cannot be read.
        IndexError
            If there is no such subject or layer.
        """
        return self._wanted(subject, layer).result()

    def prefetch(self, subject: int) -> None:
        """Begin to read the images of a subject; without a word if there is none."""
        if 0 <= subject < len(self.subjects):
            for layer in range(len(self.subjects[subject].layers)):
                self._wanted(subject, layer)

    def regions(self, subject: int) -> Future[Regions]:
        """Return the regions of a subject, or that they are being found."""
        with self._lock:
            if subject not in self._regions:
                wanted = self.subjects[subject]
                self._regions[subject] = self._aligner.submit(find_regions, wanted)
            return self._regions[subject]

    def close(self) -> None:
        """Stop reading."""
        self._readers.shutdown(wait=False, cancel_futures=True)
        self._aligner.shutdown(wait=False, cancel_futures=True)

    def _wanted(self, subject: int, layer: int) -> Future[bytes]:
        wanted = self.subjects[subject].layers[layer]
        key = (subject, layer)
        with self._lock:
            known = self._images.get(key)
            if known is not None and not (known.done() and known.exception()):
                self._images.move_to_end(key)
                return known
            future = self._readers.submit(lambda: encode(wanted.read(), wanted.role))
            self._images[key] = future
        future.add_done_callback(lambda _: self._forget())
        return future

    def _forget(self) -> None:
        """Drop the images that nobody has asked for longest."""
        with self._lock:
            sizes = {key: _size(future) for key, future in self._images.items()}
            total = sum(sizes.values())
            for key in list(self._images)[:-1]:
                if total <= self._kept_bytes:
                    return
                if sizes[key]:
                    total -= sizes[key]
                    del self._images[key]


def _size(future: Future[bytes]) -> int:
    if not future.done() or future.cancelled() or future.exception() is not None:
        return 0
    return len(future.result())


def reason(error: BaseException) -> str:
    """Return what the page says of an image that cannot be shown."""
    if isinstance(error, PetsynthError):
        return " ".join(str(error).split())
    return f"the image cannot be shown ({type(error).__name__})"
