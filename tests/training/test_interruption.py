"""A signal lets the step finish, and is obeyed then."""

import signal
import threading

import pytest

from petsynth.training.interruption import stop_on_signals


@pytest.fixture
def term_raises():
    """Let SIGTERM raise, as the command line does."""

    def interrupt(number, frame):
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, interrupt)
    yield
    signal.signal(signal.SIGTERM, before)


def test_without_a_signal_nothing_happens():
    before = signal.getsignal(signal.SIGINT)
    with stop_on_signals() as stop:
        assert not stop
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize(
    ("number", "raised"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)]
)
def test_a_signal_is_obeyed_when_the_block_has_ended(term_raises, number, raised):
    done = []

    def work() -> None:
        with stop_on_signals() as stop:
            signal.raise_signal(number)
            assert stop
            done.append("the step")

    with pytest.raises(raised):
        work()
    assert done == ["the step"]


def test_a_second_signal_is_obeyed_at_once():
    done = []

    def work() -> None:
        with stop_on_signals():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            done.append("the step")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == []


def test_an_error_of_the_block_comes_before_the_signal():
    def work() -> None:
        with stop_on_signals():
            signal.raise_signal(signal.SIGINT)
            raise ValueError("a loss is not finite")

    with pytest.raises(ValueError, match="not finite"):
        work()


def test_in_another_thread_nothing_is_caught():
    seen = []

    def work() -> None:
        with stop_on_signals() as stop:
            seen.append(bool(stop))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False]
