"""Build the documentation's site in ``site/``, without a network: ``make docs``.

The pages stand in ``docs/``, and some at the root of the repository, where readers of the code
look for them. All are copied to ``build/docs``; links between them are adjusted, and links to what
is not part of the site (code, the README) become their name. mkdocs calls this file as a hook, too.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STAGE = ROOT / "build" / "docs"
FROM_ROOT = ("CONTRIBUTING.md", "CHANGELOG.md")
_CODE = re.compile(r"(?<!<pre>)<code>[^<]*</code>")
_OPTION = re.compile(r"(?<![\w-])--?[A-Za-z][\w.-]*")
_IMAGE = re.compile(r'<img [^>]*\bsrc="([^"]+)"[^>]*>')
_LINK = re.compile(r"\[([^\]]*)\]\(([^)#\s]+)(#[^)]*)?\)")


def main() -> None:
    """Copy the pages and build the site; anything that mkdocs warns of stops it."""
    stage(STAGE)
    if code := build(STAGE, ROOT / "site"):
        sys.exit(code)
    print(f"site: {ROOT / 'site' / 'index.html'}")


def build(pages: Path, site: Path) -> int:
    """Build the site from staged pages, and return mkdocs' exit status.

    Parameters
    ----------
    pages : Path
        From `stage`; a configuration that inherits ours is written beside it.
    site : Path
        Folder of the site.
    """
    config = pages.parent / "mkdocs.yml"
    content = f"INHERIT: {ROOT / 'mkdocs.yml'}\ndocs_dir: {pages}\nsite_dir: {site}\n"
    content += f"hooks: [{Path(__file__).resolve()}]\n"
    config.write_text(content, encoding="utf-8")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--clean"]
    command += ["--config-file", str(config)]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def on_page_content(html: str, **_: object) -> str:
    """Let no line end after an option's dashes, and open pictures at full size (mkdocs' hook)."""
    html = _IMAGE.sub(r'<a href="\1">\g<0></a>', html)
    return _CODE.sub(lambda code: _OPTION.sub(r'<span class="option">\g<0></span>', code[0]), html)


def stage(folder: Path) -> None:
    """Copy all pages and pictures to a folder, with links that lead somewhere there."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "docs", folder, ignore=shutil.ignore_patterns("tests"))
    for name in FROM_ROOT:
        shutil.copy(ROOT / name, folder / name)
    for page in folder.rglob("*.md"):
        is_from_root = page.parent == folder and page.name in FROM_ROOT
        source = ROOT / page.name if is_from_root else ROOT / "docs" / page.relative_to(folder)
        text = page.read_text(encoding="utf-8")
        page.write_text(with_links(text, page, source, folder), encoding="utf-8")


def with_links(text: str, page: Path, source: Path, folder: Path) -> str:
    """Return a page's text with the links of its source as they are on the site."""

    def adjust(match: re.Match[str]) -> str:
        shown, target, anchor = match[1], match[2], match[3] or ""
        if re.match(r"[a-z]+:", target):
            return match[0]
        file = (source.parent / target).resolve()
        if file.parent == ROOT and file.name in FROM_ROOT:
            there = folder / file.name
        elif file.is_relative_to(ROOT / "docs") and file.is_file():
            there = folder / file.relative_to(ROOT / "docs")
        else:
            return shown
        return f"[{shown}]({os.path.relpath(there, page.parent)}{anchor})"

    return _LINK.sub(adjust, text)


if __name__ == "__main__":
    main()
