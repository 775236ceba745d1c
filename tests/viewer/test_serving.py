import socket
import threading
import time

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from petsynth.errors import ArgumentError, InputError, OutputError
from petsynth.viewer import serving
from petsynth.viewer.serving import Place, address, listening, make_server


@pytest.mark.parametrize(
    ("place", "told"),
    [
        (Place("192.0.2.1"), "would connect without encryption"),
        (Place("0.0.0.0", without_tls=True), "name the address"),
        (Place("192.0.2.1", certificate=None, key=__file__), "give both or neither"),
    ],
)
def test_unsafe_places_are_refused(place, told):
    with pytest.raises(ArgumentError, match=told):
        place.check()


def test_a_certificate_must_be_a_file(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        Place(certificate=tmp_path / "no.pem", key=tmp_path / "no.pem").check()


def test_other_machines_need_an_explicit_word():
    Place("192.0.2.1", without_tls=True).check()
    Place("192.0.2.1", certificate=__file__, key=__file__).check()
    assert Place("192.0.2.1").names[0] == "192.0.2.1"
    assert Place().is_loopback


def test_a_port_that_is_taken_is_told():
    with listening(Place()) as first:
        port = first.getsockname()[1]
        assert address(Place(), first) == f"http://127.0.0.1:{port}/"
        with pytest.raises(OutputError, match=f"cannot listen at 127.0.0.1, port {port}"):
            listening(Place(port=port)).__enter__()


MUCH = 8 << 20
"""Times four bytes: more than the system keeps for a reader."""


@pytest.fixture
def running(monkeypatch):
    """Return the address of a server that says hello or much, and is impatient."""
    monkeypatch.setattr(serving, "HEADER_SECONDS", 0.3)
    monkeypatch.setattr(serving, "READ_SECONDS", 1.0)

    async def hello(request):
        return PlainTextResponse("hello")

    async def much(request):
        return PlainTextResponse("much" * MUCH)

    app = Starlette(routes=[Route("/", hello), Route("/much", much)])
    with listening(Place()) as listener:
        where = listener.getsockname()
        server = make_server(app, Place())
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield where
        server.should_exit = True
        thread.join()


def received(connection: socket.socket) -> bytes:
    connection.settimeout(5)
    pieces = []
    try:
        while piece := connection.recv(1 << 20):
            pieces.append(piece)
    except ConnectionError:
        pass
    return b"".join(pieces)


def test_slow_requests_are_refused(running):
    """A head that never ends: the connection is closed without an answer."""
    with socket.create_connection(running, timeout=5) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        begin = time.monotonic()
        assert received(connection) == b""
        assert time.monotonic() - begin < 4


def test_prompt_requests_are_answered_and_huge_heads_are_not(running):
    ask = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
    with socket.create_connection(running, timeout=5) as connection:
        connection.sendall(ask + b"\r\n")
        assert received(connection).endswith(b"hello")
    with socket.create_connection(running, timeout=5) as connection:
        connection.sendall(ask + b"X: " + b"x" * 400_000 + b"\r\n\r\n")
        assert b"hello" not in received(connection)


def test_who_takes_an_answer_too_slowly_is_cut_off(running):
    """Somebody who asks for an image and does not read it keeps no memory of the server."""
    ask = b"GET /much HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    with socket.create_connection(running, timeout=5) as connection:
        connection.sendall(ask)
        time.sleep(3)
        assert len(received(connection)) < 4 * MUCH
    with socket.create_connection(running, timeout=5) as connection:
        connection.sendall(ask)
        assert len(received(connection)) > 4 * MUCH
