"""The web application of ``petsynth rate``.

Addresses hold positions in the reader's own order, never names. What a reader's browser gets of a
real and of a synthetic image differs in the voxels alone.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from petsynth.errors import ArgumentError
from petsynth.reader_study.access import log_in, log_out, owner_of
from petsynth.reader_study.answers import (
    answered,
    check_answer,
    fields_of,
    is_submitted,
    last_saved,
    read_answer,
    save_answer,
    submit,
)
from petsynth.reader_study.images import BlindedImages
from petsynth.reader_study.order import Presentation, presentations
from petsynth.reader_study.study import ORGANISER, Study
from petsynth.viewer.pages import file_routes, page, told
from petsynth.viewer.security import LOOPBACK, protected
from petsynth.viewer.tokens import Attempts

COOKIE = "petsynth_rate"
FILES = ("rate.js", "rate.css", "progress.js", "login.js")
_LATER = "the database does not answer; your answer is kept in the page and sent again"

Handler = Callable[[Request, str], Awaitable[Response]]


class RateServer:
    """A study, and who takes part.

    Parameters
    ----------
    study : Study
        What is asked.
    engine : Engine
        From `petsynth.reader_study.database.open_database`.
    images : BlindedImages
        What is shown.
    hosts : sequence of str
        Host names that requests may be for.
    is_secure : bool
        Whether cookies are for TLS only.
    is_behind_tls : bool
        Whether another server adds TLS.
    """

    def __init__(
        self,
        study: Study,
        engine: Engine,
        images: BlindedImages,
        hosts: Sequence[str] = LOOPBACK,
        *,
        is_secure: bool = False,
        is_behind_tls: bool = False,
    ) -> None:
        self._study, self._engine, self._images = study, engine, images
        self._is_secure = is_secure
        self._attempts = Attempts()
        self._orders = {reader: presentations(study, reader) for reader in study.readers}
        self.app: ASGIApp = protected(self._routes(), hosts, is_behind_tls=is_behind_tls)

    def _routes(self) -> Starlette:
        case = "/api/cases/{position:int}"
        return Starlette(
            routes=[
                Route("/", self._page),
                Route("/api/login", self._log_in, methods=["POST"]),
                Route("/api/logout", self._log_out, methods=["POST"]),
                Route("/api/study", self._for_readers(self._about)),
                Route(case, self._for_readers(self._case)),
                Route(case, self._for_readers(self._save), methods=["PUT"]),
                Route(f"{case}/{{part}}", self._for_readers(self._image)),
                Route("/api/submit", self._for_readers(self._submit), methods=["POST"]),
                Route("/api/progress", self._progress),
                *file_routes(__package__, FILES),
            ]
        )

    # Who is it

    def _cookie(self, request: Request) -> str:
        return f"{COOKIE}_{request.url.port or 0}"

    async def _owner(self, request: Request) -> str | None:
        session = request.cookies.get(self._cookie(request), "")
        return await asyncio.to_thread(owner_of, self._engine, session)

    def _for_readers(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """Let only readers of the study in; tell it kindly when the database does not answer."""

        async def checked(request: Request) -> Response:
            try:
                reader = await self._owner(request)
                if reader not in self._orders:
                    return told("log in first", 403)
                return await handler(request, reader)
            except SQLAlchemyError:
                return told(_LATER, 503)

        return checked

    async def _page(self, request: Request) -> Response:
        owner = await self._owner(request)
        if owner == ORGANISER:
            return page(__package__, "progress.html")
        return page(__package__, "rate.html" if owner in self._orders else "login.html")

    async def _log_in(self, request: Request) -> Response:
        address = request.client.host if request.client else ""
        if self._attempts.are_too_many(address):
            return told("too many attempts; wait a minute", 429)
        token = (await _body(request)).get("token")
        found = None
        if isinstance(token, str):
            found = await asyncio.to_thread(log_in, self._engine, token.strip())
        if found is None:
            self._attempts.failed(address)
            return told("this token is not known", 403)
        answer = JSONResponse({})
        answer.set_cookie(
            self._cookie(request),
            found[1],
            max_age=30 * 24 * 3600,
            httponly=True,
            samesite="strict",
            secure=self._is_secure,
        )
        return answer

    async def _log_out(self, request: Request) -> Response:
        session = request.cookies.get(self._cookie(request), "")
        await asyncio.to_thread(log_out, self._engine, session)
        answer = JSONResponse({})
        answer.delete_cookie(self._cookie(request), httponly=True, samesite="strict")
        return answer

    # What a reader sees and says

    async def _about(self, request: Request, reader: str) -> Response:
        order = self._orders[reader]
        done = await asyncio.to_thread(answered, self._engine, self._study, reader, order)
        return JSONResponse(
            {
                "title": self._study.title,
                "introduction": self._study.introduction,
                "reader": reader,
                "questions": self._study.questions,
                "diagnoses": self._study.diagnoses,
                "cases": len(order),
                "answered": done,
                "submitted": await asyncio.to_thread(is_submitted, self._engine, reader),
            }
        )

    def _shown(self, request: Request, reader: str) -> Presentation | None:
        position = request.path_params["position"]
        order = self._orders[reader]
        return order[position - 1] if 1 <= position <= len(order) else None

    async def _case(self, request: Request, reader: str) -> Response:
        shown = self._shown(request, reader)
        if shown is None:
            return told("there is no such case", 404)
        saved = await asyncio.to_thread(read_answer, self._engine, reader, shown.position)
        return JSONResponse(
            {
                "position": shown.position,
                "parts": self._images.parts(shown.case),
                "fields": fields_of(self._study, shown.case.pet is not None),
                "answer": saved.values,
                "revision": saved.revision,
            }
        )

    async def _image(self, request: Request, reader: str) -> Response:
        shown, part = self._shown(request, reader), request.path_params["part"]
        if shown is None or part not in self._images.parts(shown.case):
            return told("there is no such image", 404)
        content = await asyncio.to_thread(self._images.read, shown.case, part)
        return Response(content, media_type="application/octet-stream")

    async def _save(self, request: Request, reader: str) -> Response:
        shown, body = self._shown(request, reader), await _body(request)
        fields, revision = body.get("fields"), body.get("revision")
        if shown is None:
            return told("there is no such case", 404)
        if not isinstance(fields, dict) or not fields or not _is_count(revision):
            return told("an answer needs fields and a revision", 422)
        try:
            check_answer(self._study, fields, shown.case.pet is not None)
        except ArgumentError as error:
            return told(str(error), 422)
        saved = await asyncio.to_thread(
            save_answer, self._engine, reader, shown, fields, int(str(revision))
        )
        content = {"answer": saved.values, "revision": saved.revision}
        if saved.is_closed:
            return JSONResponse(content | {"error": "you have submitted; nothing changes"}, 409)
        if saved.is_newer:
            return JSONResponse(content | {"error": "changed in another window"}, 409)
        return JSONResponse(content)

    async def _submit(self, request: Request, reader: str) -> Response:
        order = self._orders[reader]
        done = await asyncio.to_thread(answered, self._engine, self._study, reader, order)
        open_ones = [each.position for each in order if each.position not in done]
        if open_ones:
            return JSONResponse({"error": "some cases are not answered", "open": open_ones}, 409)
        await asyncio.to_thread(submit, self._engine, reader)
        return JSONResponse({})

    # What the organiser sees

    async def _progress(self, request: Request) -> Response:
        if await self._owner(request) != ORGANISER:
            return told("only for the organiser", 403)
        rows = await asyncio.to_thread(self._progress_rows)
        return JSONResponse({"title": self._study.title, "readers": rows})

    def _progress_rows(self) -> list[dict[str, Any]]:
        latest = last_saved(self._engine)
        return [
            {
                "reader": reader,
                "answered": len(answered(self._engine, self._study, reader, order)),
                "cases": len(order),
                "last": latest.get(reader, ""),
                "submitted": is_submitted(self._engine, reader),
            }
            for reader, order in self._orders.items()
        ]


async def _body(request: Request) -> dict[str, Any]:
    """Return what a page sends; empty if it is no JSON object, which forms of other sites send."""
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        return {}
    try:
        content = json.loads(await request.body())
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31
