import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from http.cookiejar import CookieJar

import pytest
from tests.reader_study.conftest import write_study

from petsynth.cli.rate import parse


def test_options():
    args = parse(["study.toml", "--results", "--out", "o", "--new-token", "ana", "ben"])
    assert args.results
    assert args.new_token == ("ana", "ben")
    assert args.port == 8000


@pytest.fixture
def start(tmp_path):
    """Return a function that starts ``petsynth rate`` and gives its process, tokens, address."""
    study = write_study(tmp_path)
    processes = []

    def run(*more: str):
        command = [sys.executable, "-m", "petsynth", "rate", str(study), "--port", "0", *more]
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
        processes.append(process)
        tokens = {}
        while not (line := process.stdout.readline()).startswith("open: "):
            assert line, process.stderr.read()
            if found := re.fullmatch(r"  (\S+)  (\S+)\n", line):
                tokens[found[1]] = found[2]
        return process, tokens, line.removeprefix("open: ").strip()

    yield run
    for process in processes:
        process.kill()
        process.communicate()


def visitor(address: str):
    """Return a function that asks like a page."""
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(CookieJar())
    )

    def ask(path: str, method: str = "GET", body: object = None):
        content = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if body is not None else {}
        request = urllib.request.Request(address + path, content, headers, method=method)
        return json.load(opener.open(request, timeout=20))

    return ask


def test_a_killed_server_loses_nothing(start, tmp_path):
    """Tokens are printed once, kept nowhere; an answer that was confirmed is there afterwards."""
    process, tokens, address = start()
    assert sorted(tokens) == ["ana", "ben", "organiser"]
    ask = visitor(address)
    ask("api/login", "POST", {"token": tokens["ana"]})
    ask("api/cases/1", "PUT", {"fields": {"quality": 4}, "revision": 0})
    process.send_signal(signal.SIGKILL)
    process.wait()

    process, again, address = start()
    assert again == {}
    ask = visitor(address)
    ask("api/login", "POST", {"token": tokens["ana"]})
    assert ask("api/cases/1")["answer"]["quality"] == 4
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert not [token for token in tokens.values() if token in err]

    command = [sys.executable, "-m", "petsynth", "rate", str(tmp_path / "study.toml"), "--results"]
    subprocess.run(command, check=True, capture_output=True)
    assert (tmp_path / "study_results" / "results.html").is_file()
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [p for p in kept for t in tokens.values() if t.encode() in p.read_bytes()]
