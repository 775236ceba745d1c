import asyncio

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from petsynth.viewer.security import HEADERS, LOOPBACK, MOST_BODY_BYTES, protected

HERE = "http://127.0.0.1:8000"


async def echo(request):
    return PlainTextResponse(str(len(await request.body())))


APP = protected(Starlette(routes=[Route("/", echo, methods=["GET", "POST"])]), LOOPBACK)


@pytest.fixture
def client():
    return TestClient(APP, base_url=HERE)


def test_every_answer_forbids_what_a_page_does_not_need(client):
    for answer in (client.get("/"), client.get("/nowhere"), client.get("/", headers={"host": "x"})):
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    policy = HEADERS["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "127.0.0.2:8000"])
def test_foreign_host_headers_are_refused(client, host):
    assert client.get("/", headers={"host": host}).status_code == 400


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "[::1]:8000"])
def test_names_of_this_machine_are_known(client, host):
    assert client.get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "https://127.0.0.1:8000"}, 403),
        ({"origin": "http://127.0.0.1:9"}, 403),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, 403),
        ({"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"}, 403),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, 200),
        ({"origin": HERE, "sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "none"}, 200),
    ],
)
def test_requests_of_other_sites_are_refused(client, headers, status):
    assert client.get("/", headers=headers).status_code == status


def test_a_form_of_another_site_cannot_post(client):
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert client.post("/", headers=headers).status_code == 403


def test_large_bodies_are_refused(client):
    assert client.post("/", content=bytes(MOST_BODY_BYTES)).text == str(MOST_BODY_BYTES)
    assert client.post("/", content=bytes(MOST_BODY_BYTES + 1)).status_code == 413
    pieces = (bytes(1000) for _ in range(100))  # no length is told beforehand
    assert client.post("/", content=pieces).status_code == 413
    assert client.post("/", headers={"content-length": "x"}).status_code == 413


def test_slow_bodies_are_refused():
    async def never():
        await asyncio.sleep(60)

    sent = []

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": "/", "scheme": "http", "query_string": b"",
        "headers": [(b"host", b"127.0.0.1")],
    }  # fmt: skip
    asyncio.run(protected(APP, LOOPBACK, body_seconds=0.05)(scope, never, send))
    assert sent[0]["status"] == 408
