"""Make a release in ``dist/``: wheel, sdist, their checks, and the licences of what it needs.

    make release              # or: python tools/release.py [--draft]

It ends at the first thing that is wrong. ``--draft`` builds although the changelog has no section
for the version yet, or the checkout is changed.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"
NEEDED_IN_WHEEL = (
    "petsynth/py.typed",
    "petsynth/configs/pix2pix-axial.toml",
    "petsynth/configs/small/pix2pix-axial.toml",
    "petsynth/pretrained/petsynth-fdg/model.safetensors",
    "petsynth/pretrained/petsynth-fdg/model_card.md",
    "petsynth/pretrained/LICENSE",
    "petsynth/regional/atlases/dkt.npz",
    "petsynth/regional/atlases/LICENSE",
    "petsynth/preprocessing/pet/regions/README.md",
    "petsynth/report/templates/report.html.j2",
)
"""What an installation cannot do without, or must say."""
NEEDED_IN_SDIST = ("LICENSE", "CITATION.cff", "CHANGELOG.md", "README.md", "pyproject.toml")


def main() -> None:
    """Make the release."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--draft", action="store_true", help="whatever the changelog says")
    draft = parser.parse_args().draft
    version = project()["version"]
    mistakes = check_changelog(version) + check_citation(version) + check_checkout()
    for mistake in mistakes:
        print(f"release: {'would stop' if draft else 'stopped'}: {mistake}", file=sys.stderr)
    if mistakes and not draft:
        sys.exit(1)
    shutil.rmtree(DIST, ignore_errors=True)
    python(["build", "--outdir", DIST, ROOT])
    (wheel,), (sdist,) = DIST.glob("*.whl"), DIST.glob("*.tar.gz")
    python(["twine", "check", "--strict", wheel, sdist])
    if missing := [*missing_in_wheel(wheel), *missing_in_sdist(sdist)]:
        sys.exit(f"release: stopped: missing: {', '.join(missing)}")
    (DIST / "licences.tsv").write_text(licence_table(), encoding="utf-8")
    (DIST / "sbom.cdx.json").write_text(json.dumps(bill_of_materials(), indent=1), encoding="utf-8")
    print(f"release: {', '.join(sorted(path.name for path in DIST.iterdir()))}")


def project() -> dict[str, str]:
    """Return the project's table of ``pyproject.toml``."""
    content = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    table: dict[str, str] = content["project"]
    return table


def check_changelog(version: str, text: str | None = None) -> list[str]:
    """Return what is wrong with the changelog: no section of the version, or an empty one.

    Examples
    --------
    >>> check_changelog("1.0.0", "## [1.0.0] - 2027-01-01\\n\\n- Done.\\n")
    []
    >>> check_changelog("1.0.0", "## [Unreleased]\\n\\n- Done.\\n")
    ['CHANGELOG.md has no section ## [1.0.0] - DATE']
    """
    if text is None:
        text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    title = rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$"
    parts = re.split(title, text, flags=re.MULTILINE)
    if len(parts) == 1:
        return [f"CHANGELOG.md has no section ## [{version}] - DATE"]
    section = parts[1].split("\n## ")[0]
    return [] if "\n- " in section else [f"CHANGELOG.md says nothing of {version}"]


def check_citation(version: str) -> list[str]:
    """Return whether ``CITATION.cff`` names another version."""
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    is_named = re.search(rf"^version: {re.escape(version)}$", text, flags=re.MULTILINE)
    return [] if is_named else [f"CITATION.cff does not name version {version}"]


def check_checkout() -> list[str]:
    """Return whether files differ from what is committed."""
    command = ["git", "status", "--porcelain"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return [f"changed: {done.stdout.split()[1]}; commit first"] if done.stdout.strip() else []


def missing_in_wheel(wheel: Path) -> list[str]:
    """Return what a wheel lacks."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    return [name for name in NEEDED_IN_WHEEL if name not in names]


def missing_in_sdist(sdist: Path) -> list[str]:
    """Return what a source distribution lacks."""
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    return [name for name in NEEDED_IN_SDIST if name not in names]


def licence_table() -> str:
    """Return name, version and licence of all that an installation of petsynth runs with."""
    rows = [("package", "version", "licence"), ("petsynth", project()["version"], own_licence())]
    for name in sorted(needed_packages(["petsynth"]) - {"petsynth"}):
        rows.append((name, metadata.version(name), licence_of(metadata.metadata(name))))
    return "".join("\t".join(row) + "\n" for row in rows)


def bill_of_materials() -> dict[str, Any]:
    """Return the same as CycloneDX, for programs that look for known faults."""
    rows = [line.split("\t") for line in licence_table().splitlines()[1:]]
    own, *others = [_component(*row) for row in rows]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": own | {"type": "application"}},
        "components": others,
        "dependencies": [
            {"ref": own["bom-ref"], "dependsOn": [each["bom-ref"] for each in others]}
        ],
    }


def _component(name: str, version: str, licence: str) -> dict[str, Any]:
    # A local version such as 2.13.0+cpu is written with %2B in a package URL.
    url = f"pkg:pypi/{name}@{version.replace('+', '%2B')}"
    is_expression = metadata.metadata(name).get("License-Expression") == licence
    said = {"expression": licence} if is_expression else {"license": {"name": licence}}
    return {
        "type": "library", "bom-ref": url, "name": name, "version": version,
        "purl": url, "licenses": [said],
    }  # fmt: skip


def own_licence() -> str:
    """Return the licence of the code, of the weights, and of the regions and the atlas."""
    return project()["license"]


def needed_packages(names: Iterable[str]) -> set[str]:
    """Return the installed packages that some need at run time, with what those need."""
    found: set[str] = set()
    left = list(names)
    while left:
        name = re.sub(r"[-_.]+", "-", left.pop()).lower()
        if name in found:
            continue
        try:
            requirements = metadata.requires(name) or []
        except metadata.PackageNotFoundError:  # needed on another system only
            continue
        found.add(name)
        left += [re.split(r"[^\w.-]", each)[0] for each in requirements if "extra ==" not in each]
    return found


def licence_of(content: metadata.PackageMetadata) -> str:
    """Return the licence that a package's metadata name."""
    said = content.get("License-Expression")
    classified = [
        line.rpartition(" :: ")[2]
        for line in content.get_all("Classifier") or []
        if line.startswith("License ::")
    ]
    free_text = (content.get("License") or "").strip().split("\n")[0]
    return said or "; ".join(classified) or free_text or "not stated"


def python(words: list[object]) -> None:
    """Run a module of this environment, and end if it fails."""
    done = subprocess.run([sys.executable, "-m", *map(str, words)], check=False)
    if done.returncode:
        sys.exit(f"release: stopped: python -m {words[0]} failed")


if __name__ == "__main__":
    main()
