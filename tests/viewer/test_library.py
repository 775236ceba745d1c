import threading

import numpy as np
import pytest

from petsynth.errors import InputError
from petsynth.viewer.layers import Layer, Subject
from petsynth.viewer.library import Library, reason
from petsynth.volume import Volume


def counting(subjects, kept_bytes=1 << 20):
    """Return a library whose images count how often they were read."""
    counts = {}

    def layer(number):
        def read():
            counts[number] = counts.get(number, 0) + 1
            return Volume(np.ones((10, 10, 10), np.float32), np.eye(4))

        return Layer("t1", "T1", read)

    library = Library([Subject(f"sub-{n}", (layer(n),)) for n in range(subjects)], kept_bytes)
    return library, counts


def test_an_image_is_read_once_however_many_ask():
    library, counts = counting(1)
    threads = [threading.Thread(target=library.image, args=(0, 0)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    library.prefetch(0)
    library.prefetch(7)
    assert counts == {0: 1}
    library.close()


def test_images_that_nobody_asked_for_longest_are_forgotten():
    library, counts = counting(3, kept_bytes=5000)  # two of 2,352 bytes
    for number in (0, 1, 0, 2, 0, 1):
        library.image(number, 0)
    assert counts == {0: 1, 1: 2, 2: 1}
    library.close()


def test_a_failure_is_tried_again():
    outcomes = [InputError("gone"), Volume(np.ones((2, 2, 2)), np.eye(4))]

    def read():
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    library = Library([Subject("sub-1", (Layer("t1", "T1", read),))])
    with pytest.raises(InputError, match="gone"):
        library.image(0, 0)
    assert library.image(0, 0)
    library.close()


def test_reasons_tell_no_more_than_they_must():
    assert reason(InputError("a: broken")) == "a: broken"
    assert reason(ValueError("/home/secret")) == "the image cannot be shown (ValueError)"
