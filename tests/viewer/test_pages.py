import hashlib
import re
from importlib import resources

from petsynth.viewer.pages import SHARED

FILES = resources.files("petsynth.viewer")
MOST_BYTES = 60_000


def test_the_pages_own_code_is_small():
    own = [path for path in FILES.joinpath("static").iterdir() if path.is_file()]
    assert sum(len(path.read_bytes()) for path in own) < MOST_BYTES


def test_niivue_is_what_its_readme_says():
    readme = FILES.joinpath("vendor", "niivue", "README.md").read_text(encoding="utf-8")
    content = FILES.joinpath(SHARED["niivue.umd.js"]).read_bytes()
    assert hashlib.sha256(content).hexdigest() in readme
    assert "BSD 2-Clause" in FILES.joinpath("vendor", "niivue", "LICENSE").read_text(
        encoding="utf-8"
    )


def test_pages_have_no_script_or_style_in_their_text():
    for path in FILES.joinpath("static").iterdir():
        if path.name.endswith(".html"):
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=|https?://", text)
