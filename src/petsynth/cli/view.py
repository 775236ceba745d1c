"""``petsynth view``: look at scans in a browser.

Opens a page on this machine for a prediction folder, prepared data, an evaluation or loose images:
T1, reference PET, synthetic PET, their signed difference and the standard deviation in up to four
linked panes, with values and regions under the cursor and the list of subjects with their metrics.
Several paths come together by subject. Nothing leaves the machine.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from petsynth.cli.help import Help
from petsynth.cli.options import parser

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Args:
    """Options of ``petsynth view``."""

    paths: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="PATH ...")]
    """Folders of predictions, prepared data or an evaluation, or images; an image whose name does
    not say what it is as t1=FILE, reference=FILE, synthetic=FILE, difference=FILE, std=FILE or
    labels=FILE."""
    host: str = "127.0.0.1"
    """Address to listen at; this machine alone if left out."""
    port: int = 0
    """Port to listen at; a free one if left out."""
    tls_certificate: Path | None = None
    """Certificate (PEM); for other machines."""
    tls_key: Path | None = None
    """Its private key (PEM); for other machines."""
    without_tls: bool = False
    """Let other machines connect without encryption; where another server adds it."""
    browser: bool = True
    """Open the page in a browser; its address is printed in any case."""


HELP = Help(
    "view",
    """Look at scans in a browser: T1, reference PET, synthetic PET, difference and standard
    deviation, side by side with linked cross-hairs.

    Opens a page on this machine for a prediction folder, prepared data, an evaluation or loose
    images; several paths come together by subject. The address that is printed works once. Stop
    with Ctrl-C. Nothing leaves the machine. Needs the extra: pip install 'petsynth[view]'.""",
    {
        "page": ("browser",),
        "server": ("host", "port", "tls_certificate", "tls_key", "without_tls"),
    },
    (
        "petsynth view prepared predictions evaluation",
        "petsynth view sub-01_T1w.nii.gz sub-01_desc-synth_pet.nii.gz",
    ),
)

parse = parser(Args, HELP)


def run(args: Args) -> None:
    """Serve the page until somebody stops it.

    Raises
    ------
    ArgumentError
        If an image's role is unknown, or the server would not be safe.
    InputError
        If nothing can be shown, or the extra is not installed.
    OutputError
        If it cannot listen there.
    """
    import webbrowser

    from petsynth.viewer.extra import check_installed

    check_installed("petsynth view", "view", ("starlette", "uvicorn"))

    from petsynth.viewer.library import Library
    from petsynth.viewer.server import ViewServer
    from petsynth.viewer.serving import Place, address, listening, make_server
    from petsynth.viewer.sources import find_subjects
    from petsynth.viewer.tokens import new_token

    place = Place(args.host, args.port, args.tls_certificate, args.tls_key, args.without_tls)
    place.check()
    library = Library(find_subjects(args.paths))
    token = new_token()
    with listening(place) as listener:
        server = ViewServer(library, token, place.names, **place.security)
        where = address(place, listener, f"/?token={token}")
        # Not through a logger: the token belongs into no log.
        print(f"open (works once): {where}", flush=True)
        logger.info(f"{len(library.subjects)} subjects; stop with Ctrl-C")
        if args.browser:  # the socket listens already: the browser waits for the server
            webbrowser.open(where)
        try:
            library.prefetch(0)
            make_server(server.app, place).run(sockets=[listener])
        finally:
            library.close()
