"""The web application of ``petsynth view``.

Whoever opens the printed address hands in the one-time token and gets a cookie for it; everything
else needs the cookie. Subjects and layers are numbers in addresses: no name becomes a path.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from petsynth.errors import PetsynthError
from petsynth.viewer.layers import SYNTHETIC_ROLES
from petsynth.viewer.library import Library, reason
from petsynth.viewer.pages import file_routes, page, told
from petsynth.viewer.security import LOOPBACK, protected
from petsynth.viewer.tokens import Attempts, find_owner, hash_token, new_token

COOKIE = "petsynth_view"
FILES = ("view.js", "list.js")
_NOT_YOURS = "open the address that petsynth view printed; it works once"


class ViewServer:
    """Who may look, and at what.

    Parameters
    ----------
    library : Library
        What is shown.
    token : str
        Opens the page once.
    hosts : sequence of str
        Host names that requests may be for.
    is_secure : bool
        Whether the cookie is for TLS only.
    is_behind_tls : bool
        Whether another server adds TLS.
    """

    def __init__(
        self,
        library: Library,
        token: str,
        hosts: Sequence[str] = LOOPBACK,
        *,
        is_secure: bool = False,
        is_behind_tls: bool = False,
    ) -> None:
        self._library = library
        self._token: str | None = hash_token(token)
        self._session: str | None = None
        self._is_secure = is_secure
        self._attempts = Attempts()
        self.app: ASGIApp = protected(self._routes(), hosts, is_behind_tls=is_behind_tls)

    def _routes(self) -> Starlette:
        subject = "/api/subjects/{subject:int}"
        return Starlette(
            routes=[
                Route("/", self._open),
                Route("/api/subjects", self._list),
                Route(f"{subject}/layers/{{layer:int}}", self._layer),
                Route(f"{subject}/ahead", self._ahead),
                Route(f"{subject}/regions", self._regions),
                Route(f"{subject}/regions/image", self._regions_image),
                *file_routes(__package__, FILES),
            ]
        )

    async def _open(self, request: Request) -> Response:
        """Answer with the page, or take the one-time token for a cookie."""
        if self._is_known(request):
            return page(__package__, "view.html")
        address = request.client.host if request.client else ""
        if self._attempts.are_too_many(address):
            return PlainTextResponse("too many attempts; wait a minute", 429)
        given = request.query_params.get("token", "")
        hashes = {} if self._token is None else {"page": self._token}
        if find_owner(given, hashes) is None:
            self._attempts.failed(address)
            return PlainTextResponse(_NOT_YOURS, 403)
        self._token = None
        session = new_token()
        self._session = hash_token(session)
        answer = RedirectResponse("/", 303)
        answer.set_cookie(
            self._cookie(request), session, httponly=True, samesite="strict", secure=self._is_secure
        )
        return answer

    async def _list(self, request: Request) -> Response:
        if not self._is_known(request):
            return told(_NOT_YOURS, 403)
        subjects = [
            {
                "name": subject.name,
                "layers": [
                    {
                        "role": each.role,
                        "title": each.title,
                        "unit": each.unit,
                        "synthetic": each.role in SYNTHETIC_ROLES,
                    }
                    for each in subject.layers
                ],
                "metrics": subject.metrics,
                "regions": subject.labels is not None or subject.layer("t1") is not None,
            }
            for subject in self._library.subjects
        ]
        return JSONResponse({"subjects": subjects})

    async def _layer(self, request: Request) -> Response:
        number, layer = request.path_params["subject"], request.path_params["layer"]
        if not self._is_known(request):
            return told(_NOT_YOURS, 403)
        if not self._has(number) or layer >= len(self._library.subjects[number].layers):
            return told("there is no such image", 404)
        try:
            content = await asyncio.to_thread(self._library.image, number, layer)
        except (PetsynthError, ValueError, OSError, MemoryError) as error:
            return told(reason(error), 422)
        return Response(content, media_type="application/octet-stream")

    async def _ahead(self, request: Request) -> Response:
        """Begin to read a subject that may be wanted next."""
        if not self._is_known(request):
            return told(_NOT_YOURS, 403)
        self._library.prefetch(request.path_params["subject"])
        return Response(status_code=204)

    async def _regions(self, request: Request) -> Response:
        """Answer with the regions' names once they are found; 202 until then."""
        number = request.path_params["subject"]
        if not self._is_known(request):
            return told(_NOT_YOURS, 403)
        if not self._has(number):
            return told("there is no such subject", 404)
        future = self._library.regions(number)
        if not future.done():
            return JSONResponse({"ready": False}, 202)
        if (error := future.exception()) is not None:
            return told(reason(error), 422)
        found = future.result()
        return JSONResponse({"ready": True, "names": found.names, "source": found.source})

    async def _regions_image(self, request: Request) -> Response:
        number = request.path_params["subject"]
        if not self._is_known(request):
            return told(_NOT_YOURS, 403)
        if not self._has(number):
            return told("there is no such subject", 404)
        future = self._library.regions(number)
        if not future.done() or future.exception() is not None:
            return told("the regions are not known yet", 404)
        return Response(future.result().image, media_type="application/octet-stream")

    def _has(self, subject: int) -> bool:
        return 0 <= subject < len(self._library.subjects)

    def _cookie(self, request: Request) -> str:
        """Return the cookie's name; browsers send cookies to all ports of a host."""
        return f"{COOKIE}_{request.url.port or 0}"

    def _is_known(self, request: Request) -> bool:
        session = request.cookies.get(self._cookie(request), "")
        hashes = {} if self._session is None else {"page": self._session}
        return bool(session) and find_owner(session, hashes) is not None
