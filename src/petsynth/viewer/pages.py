"""The files of a page: its text, its own code, NiiVue. Only these names are served."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

KINDS = {".js": "text/javascript", ".css": "text/css", ".html": "text/html"}
SHARED = {
    "niivue.umd.js": "vendor/niivue/niivue.umd.js",
    "panes.js": "static/panes.js",
    "style.css": "static/style.css",
}
"""Name in the address -> file of this package; what every page needs."""


def file_routes(package: str, names: Sequence[str]) -> list[Route]:
    """Return routes for the shared files and for those in ``static/`` of a package.

    The bytes are read once, so that no name in a request ever becomes a path.

    Parameters
    ----------
    package : str
        Such as ``"petsynth.viewer"``.
    names : sequence of str
        Of files in its ``static/``.
    """
    own = resources.files(package)
    contents = {name: own.joinpath("static", name).read_bytes() for name in names}
    shared = resources.files(__package__)
    contents |= {name: shared.joinpath(path).read_bytes() for name, path in SHARED.items()}

    async def answer(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in contents:
            return PlainTextResponse("not found", 404)
        return Response(contents[name], media_type=kind_of(name))

    return [Route("/files/{name}", answer)]


def page(package: str, name: str) -> Response:
    """Return an HTML file of ``static/`` of a package."""
    content = resources.files(package).joinpath("static", name).read_bytes()
    return Response(content, media_type="text/html")


def kind_of(name: str) -> str:
    """Return the media type of a file.

    Examples
    --------
    >>> kind_of("panes.js")
    'text/javascript'
    """
    return KINDS[name[name.rindex(".") :]]


def told(message: str, status: int) -> Response:
    """Return an answer that the page shows: what is wrong."""
    return JSONResponse({"error": message}, status)
