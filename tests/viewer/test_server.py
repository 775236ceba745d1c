import time

import pytest
from starlette.testclient import TestClient

from petsynth.viewer.encoding import OFFSET
from petsynth.viewer.library import Library
from petsynth.viewer.server import ViewServer
from petsynth.viewer.sources import find_subjects

HERE = "http://127.0.0.1:8000"


@pytest.fixture
def server(scans):
    library = Library(find_subjects([scans]))
    yield ViewServer(library, "the-token")
    library.close()


@pytest.fixture
def stranger(server):
    return TestClient(server.app, base_url=HERE, follow_redirects=False)


@pytest.fixture
def client(stranger):
    answer = stranger.get("/?token=the-token")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    return stranger


def test_the_token_opens_the_page_once(server, client):
    assert "petsynth view" in client.get("/").text
    other = TestClient(server.app, base_url=HERE, follow_redirects=False)
    assert other.get("/?token=the-token").status_code == 403


def test_the_cookie_is_for_this_page_alone(stranger):
    cookie = stranger.get("/?token=the-token").headers["set-cookie"]
    assert cookie.startswith("petsynth_view_8000=")
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "the-token" not in cookie


@pytest.mark.parametrize(
    "path",
    ["/", "/api/subjects", "/api/subjects/0/layers/0", "/api/subjects/0/regions",
     "/api/subjects/0/regions/image", "/api/subjects/0/ahead"],
)  # fmt: skip
def test_strangers_get_nothing(stranger, path):
    assert stranger.get(path).status_code == 403
    stranger.cookies.set("petsynth_view_8000", "guess")
    assert stranger.get(path).status_code == 403


def test_guesses_are_limited(stranger):
    answers = [stranger.get(f"/?token=guess{number}").status_code for number in range(12)]
    assert answers[:10] == [403] * 10
    assert answers[10:] == [429] * 2
    assert stranger.get("/?token=the-token").status_code == 429


def test_the_list_says_what_is_synthetic_and_no_path(client, scans):
    answer = client.get("/api/subjects")
    first = answer.json()["subjects"][0]
    assert [each["synthetic"] for each in first["layers"]] == [False, False, True, True, True]
    assert str(scans) not in answer.text
    assert ".nii" not in answer.text


def test_an_image_is_sent_whole(client):
    answer = client.get("/api/subjects/1/layers/1", headers={"range": "bytes=0-3"})
    assert answer.status_code == 200
    assert len(answer.content) == OFFSET + 2 * 10 * 12 * 8


@pytest.mark.parametrize(
    "path",
    [
        "/api/subjects/9/layers/0", "/api/subjects/0/layers/9", "/api/subjects/-1/layers/0",
        "/api/subjects/9/regions", "/files/server.py", "/files/../server.py",
        "/files/%2e%2e%2fserver.py", "/files/..%5cserver.py", "/files//etc/passwd",
        "/files/%2fetc%2fpasswd", "/files/vendor/README.md", "/static/view.html",
        "/files/view.js%00.html",
    ],
)  # fmt: skip
def test_only_what_belongs_to_the_page_is_served(client, path):
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("name", ["view.js", "list.js", "panes.js", "style.css", "niivue.umd.js"])
def test_the_pages_files(client, name):
    answer = client.get(f"/files/{name}")
    assert answer.status_code == 200
    assert "<script>" not in client.get("/").text


def test_a_broken_image_is_told(tmp_path):
    path = tmp_path / "sub-01_pet.nii.gz"
    path.write_bytes(b"no image")
    library = Library(find_subjects([path]))
    client = TestClient(ViewServer(library, "t").app, base_url=HERE)
    client.get("/?token=t")
    answer = client.get("/api/subjects/0/layers/0")
    assert answer.status_code == 422
    assert path.name in answer.json()["error"]
    library.close()


def test_regions_without_t1_and_labels_are_refused(tmp_path, scans):
    path = scans / "sub-01" / "pet" / "sub-01_trc-18FFDG_pet.nii.gz"
    library = Library(find_subjects([path]))
    client = TestClient(ViewServer(library, "t").app, base_url=HERE)
    client.get("/?token=t")
    assert client.get("/api/subjects/0/regions/image").status_code == 404
    end = time.monotonic() + 30
    while (answer := client.get("/api/subjects/0/regions")).status_code == 202:
        assert time.monotonic() < end
    assert "regions need the T1 or a segmentation" in answer.json()["error"]
    library.close()
