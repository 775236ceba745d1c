import os
import re
import signal
import subprocess
import sys
import urllib.request
from http.cookiejar import CookieJar
from unittest import mock

import pytest

from petsynth.cli.view import parse, run
from petsynth.viewer.library import Library


def test_options():
    args = parse(["prepared", "t1=scan.nii.gz", "--no-browser", "--port", "8123"])
    assert args.paths == ("prepared", "t1=scan.nii.gz")
    assert (args.browser, args.port, args.host) == (False, 8123, "127.0.0.1")


def test_the_printed_address_opens_the_page(tiny_prepared):
    command = [sys.executable, "-m", "petsynth", "view", str(tiny_prepared), "--no-browser"]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    try:
        line = process.stdout.readline()
        found = re.fullmatch(
            r"open \(works once\): (http://127\.0\.0\.1:\d+/\?token=(\S+))\n", line
        )
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(CookieJar())
        )
        assert b"petsynth view" in opener.open(found[1], timeout=20).read()
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.build_opener(urllib.request.ProxyHandler({})).open(found[1], timeout=20)
    finally:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert found[2] not in out + err


def test_what_is_missing_is_told(tmp_path):
    command = [sys.executable, "-m", "petsynth", "view", str(tmp_path / "nowhere")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert re.fullmatch(r"petsynth view: error: .*nowhere: no such file or folder\n", done.stderr)


def test_a_signal_while_images_are_read_ahead_ends_the_reading(tiny_prepared, monkeypatch):
    """A thread that was left alone would keep the process from ending."""
    ended = []
    monkeypatch.setattr(Library, "prefetch", mock.Mock(side_effect=KeyboardInterrupt))
    monkeypatch.setattr(Library, "close", lambda self: ended.append(self))
    with pytest.raises(KeyboardInterrupt):
        run(parse([str(tiny_prepared), "--no-browser"]))
    assert len(ended) == 1
