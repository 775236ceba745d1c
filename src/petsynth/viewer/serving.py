"""Run a web application on this machine: where it listens, with or without TLS, and how long."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from petsynth.errors import ArgumentError, OutputError
from petsynth.io.text import check_file
from petsynth.viewer.security import LOOPBACK

HEADER_SECONDS = 10.0
"""How long the head of a request may take."""
READ_SECONDS, LEAST_READ_BYTES = 30.0, 64 << 10
"""Who takes less of an answer than this in that time is cut off: 2 kB a second."""
MOST_HEADER_BYTES = 16 << 10
MOST_CONNECTIONS = 400


@dataclass(frozen=True)
class Place:
    """Where a server listens.

    Parameters
    ----------
    host : str
        Address or name of this machine; loopback unless somebody says otherwise.
    port : int
        0: a free one.
    certificate, key : Path, optional
        For TLS.
    without_tls : bool
        Whether to listen to other machines without TLS.
    """

    host: str = "127.0.0.1"
    port: int = 0
    certificate: Path | None = None
    key: Path | None = None
    without_tls: bool = False

    @property
    def scheme(self) -> str:
        """``https`` or ``http``."""
        return "http" if self.certificate is None else "https"

    @property
    def names(self) -> tuple[str, ...]:
        """Host names that requests may be for."""
        return LOOPBACK if self.is_loopback else (self.host.strip("[]"), *LOOPBACK)

    @property
    def security(self) -> dict[str, bool]:
        """What an application must know of it."""
        return {"is_secure": self.certificate is not None, "is_behind_tls": self.without_tls}

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect."""
        return self.host in ("127.0.0.1", "localhost", "::1")

    def check(self) -> None:
        """Refuse what is not safe.

        Raises
        ------
        ArgumentError
            If other machines may connect without TLS and nobody said that they shall, the host
            stands for all addresses, or one of certificate and key is missing.
        InputError
            If certificate or key is no file.
        """
        if (self.certificate is None) != (self.key is None):
            raise ArgumentError("--tls-certificate and --tls-key: give both or neither")
        for path in (self.certificate, self.key):
            if path is not None:
                check_file(path)
        if self.host in ("0.0.0.0", "::", "", "*"):
            raise ArgumentError(
                f"--host {self.host}: name the address or name by which this machine is reached"
            )
        if not self.is_loopback and self.certificate is None and not self.without_tls:
            raise ArgumentError(
                f"--host {self.host}: other machines would connect without encryption; give "
                "--tls-certificate and --tls-key, or --without-tls if another server adds TLS"
            )


@contextlib.contextmanager
def listening(place: Place) -> Iterator[socket.socket]:
    """Give a socket that listens at a place.

    Raises
    ------
    OutputError
        If the port is taken or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((place.host.strip("[]"), place.port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise OutputError(
                f"cannot listen at {place.host}, port {place.port}: {reason}; choose another with "
                "--port or --host"
            ) from None
        listener.listen(128)
        yield listener
    finally:
        listener.close()


def address(place: Place, listener: socket.socket, path: str = "/") -> str:
    """Return the address that a browser opens."""
    host = f"[{place.host}]" if ":" in place.host else place.host
    return f"{place.scheme}://{host}:{listener.getsockname()[1]}{path}"


def make_server(app: ASGIApp, place: Place) -> uvicorn.Server:
    """Return a server of an application; nothing of a request stands in a log."""
    logging.getLogger("uvicorn").propagate = False
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=PromptProtocol,
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            log_level="error",
            server_header=False,
            proxy_headers=False,
            limit_concurrency=MOST_CONNECTIONS,
            h11_max_incomplete_event_size=MOST_HEADER_BYTES,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=5,
            ssl_certfile=None if place.certificate is None else str(place.certificate),
            ssl_keyfile=None if place.key is None else str(place.key),
        )
    )


class PromptProtocol(H11Protocol):
    """HTTP/1.1 for prompt browsers: requests come and answers are taken, or the connection ends.

    The head of a request must come within `HEADER_SECONDS`; of an answer that waits to be read,
    `LEAST_READ_BYTES` must be taken in every `READ_SECONDS`.
    """

    _waiting: asyncio.TimerHandle | None = None
    _reading: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Start to wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop to wait."""
        self._stop_waiting()
        self._stop_watching()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Start to watch whether the answer is taken."""
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        """Stop to watch: nearly everything was taken."""
        self._stop_watching()
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        """Take bytes; wait while the head of a request is not complete."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_waiting()
        elif self._waiting is None and not self.transport.is_closing():
            self._wait()

    def _wait(self) -> None:
        self._waiting = self.loop.call_later(HEADER_SECONDS, self._give_up)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _give_up(self) -> None:
        if self.conn.their_state is h11.IDLE:
            self.transport.close()

    def _watch(self) -> None:
        unread = self.transport.get_write_buffer_size()
        self._reading = self.loop.call_later(READ_SECONDS, self._check_reader, unread)

    def _stop_watching(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def _check_reader(self, unread_before: int) -> None:
        if unread_before - self.transport.get_write_buffer_size() < LEAST_READ_BYTES:
            self.transport.abort()
        else:
            self._watch()
