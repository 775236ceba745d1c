import pytest
from sqlalchemy.exc import OperationalError

from petsynth.reader_study import server as server_module
from petsynth.reader_study.order import presentations

FULL = {"quality": 4, "diagnosis": "AD", "diagnosis_certainty": 5}
REAL = {"real": "real", "real_certainty": 3}


def answer_all(client, cases: int) -> None:
    for position in range(1, cases + 1):
        shown = client.get(f"/api/cases/{position}").json()
        fields = {**FULL, **(REAL if "real" in shown["fields"] else {})}
        body = {"fields": fields, "revision": shown["revision"]}
        assert client.put(f"/api/cases/{position}", json=body).status_code == 200


def test_a_reader_logs_in_answers_and_submits(client, study):
    ana = client("ana")
    about = ana.get("/api/study").json()
    assert (about["reader"], about["cases"], about["answered"]) == ("ana", 14, [])
    refused = ana.post("/api/submit")
    assert (refused.status_code, refused.json()["open"]) == (409, list(range(1, 15)))
    answer_all(ana, about["cases"])
    assert ana.get("/api/study").json()["answered"] == list(range(1, 15))
    assert ana.post("/api/submit").status_code == 200
    late = ana.put("/api/cases/1", json={"fields": {"quality": 1}, "revision": 1})
    assert (late.status_code, late.json()["answer"]["quality"]) == (409, 4)


def test_going_back_and_changing_ones_mind(client):
    ana = client("ana")
    for revision, quality in enumerate((1, 5)):
        body = {"fields": {"quality": quality}, "revision": revision}
        assert ana.put("/api/cases/3", json=body).status_code == 200
    assert ana.get("/api/cases/3").json()["answer"]["quality"] == 5


def test_a_session_outlives_the_server(client):
    ana = client("ana")
    other = client()
    other.cookies = ana.cookies
    assert other.get("/api/study").json()["reader"] == "ana"
    ana.post("/api/logout")
    assert other.get("/api/study").status_code == 403


def test_pages_by_who_asks(client):
    assert 'id="token"' in client().get("/").text
    assert 'id="questions"' in client("ana").get("/").text
    assert 'id="readers"' in client("organiser").get("/").text


def test_the_organiser_sees_how_far_readers_are_and_no_answer(client):
    ana = client("ana")
    answer_all(ana, 2)
    rows = client("organiser").get("/api/progress")
    first, second = rows.json()["readers"]
    assert (first["reader"], first["answered"], first["cases"]) == ("ana", 2, 14)
    assert (second["answered"], second["submitted"]) == (0, False)
    assert "AD" not in rows.text
    assert ana.get("/api/progress").status_code == 403


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/study"), ("GET", "/api/cases/1"), ("PUT", "/api/cases/1"),
        ("GET", "/api/cases/1/pet"), ("POST", "/api/submit"), ("GET", "/api/progress"),
    ],
)  # fmt: skip
def test_strangers_get_nothing(client, method, path):
    stranger = client()
    assert stranger.request(method, path).status_code == 403
    stranger.cookies.set("petsynth_rate_8000", "guess")
    assert stranger.request(method, path).status_code == 403
    if path != "/api/progress":
        assert client("organiser").request(method, path).status_code == 403


def test_guesses_are_limited(client):
    stranger = client()
    codes = [
        stranger.post("/api/login", json={"token": f"guess{number}"}).status_code
        for number in range(12)
    ]
    assert codes == [403] * 10 + [429] * 2


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b'{"token": 3}', b'{"token": null}', b"[" * 60_000]
)
def test_a_log_in_that_is_none_is_refused(client, content):
    headers = {"content-type": "application/json"}
    assert client().post("/api/login", content=content, headers=headers).status_code == 403


def test_forms_of_other_sites_are_no_log_in(client, tokens):
    stranger = client()
    assert stranger.post("/api/login", data={"token": tokens["ana"]}).status_code == 403
    headers = {"content-type": "text/plain"}
    body = f'{{"token": "{tokens["ana"]}"}}'
    assert stranger.post("/api/login", content=body, headers=headers).status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        {}, {"fields": {}, "revision": 0}, {"fields": {"quality": 9}, "revision": 0},
        {"fields": {"quality": 1}}, {"fields": {"quality": 1}, "revision": -1},
        {"fields": {"quality": 1}, "revision": 1.5}, {"fields": {"quality": 1}, "revision": True},
        {"fields": [1], "revision": 0}, {"fields": {"quality": 1}, "revision": 10**12},
    ],
)  # fmt: skip
def test_an_answer_that_is_none_is_refused(client, body):
    assert client("ana").put("/api/cases/1", json=body).status_code == 422


@pytest.mark.parametrize(
    "path",
    [
        "/api/cases/0", "/api/cases/15", "/api/cases/-1", "/api/cases/0/pet", "/api/cases/99/pet",
        "/api/cases/1/mask", "/api/cases/1/..%2f..%2fstudy.toml", "/files/..%2fstudy.py",
        "/files/0001_first.py", "/files/answers.sqlite", "/study.toml", "/files/view.js",
    ],
)  # fmt: skip
def test_only_what_belongs_to_the_study_is_served(client, path):
    assert client("ana").get(path).status_code == 404


def test_a_database_that_does_not_answer_is_told_kindly(client, monkeypatch):
    ana = client("ana")

    def fail(*words):
        raise OperationalError("x", {}, Exception("gone"))

    monkeypatch.setattr(server_module, "save_answer", fail)
    answer = ana.put("/api/cases/1", json={"fields": {"quality": 1}, "revision": 0})
    assert answer.status_code == 503
    assert "sent again" in answer.json()["error"]


def test_readers_see_their_own_order(client, study):
    orders = {
        reader: [each.case.name for each in presentations(study, reader)]
        for reader in study.readers
    }
    assert orders["ana"] != orders["ben"]
    for reader in study.readers:
        first = client(reader).get("/api/cases/1").json()
        case = presentations(study, reader)[0].case
        assert first["parts"] == (["mri", "pet"] if case.pet else ["mri"])


def test_the_pages_own_code_is_small():
    from importlib import resources

    total = sum(
        len(path.read_bytes())
        for package in ("petsynth.viewer", "petsynth.reader_study")
        for path in resources.files(package).joinpath("static").iterdir()
        if path.is_file()
    )
    assert total < 60_000
