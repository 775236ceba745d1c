"""``petsynth rate``: a blinded reader study in a browser, and its results.

STUDY is a TOML file with cases, questions and readers. Readers log in with a personal token, which
is printed once, and see real and synthetic images that nothing but the picture tells apart. Every
answer is saved at once. ``--results`` writes the tables and figures of a reader-study paper.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from petsynth.cli.help import Help
from petsynth.cli.options import parser

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from petsynth.reader_study.study import Study

logger = logging.getLogger(__name__)
_NEEDED = ("starlette", "uvicorn", "sqlalchemy", "alembic", "statsmodels")


@dataclass(frozen=True)
class Args:
    """Options of ``petsynth rate``."""

    study: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="STUDY")]
    """The study (TOML): cases, questions, readers."""
    results: bool = False
    """Write tables and figures in place of asking; of the answers so far."""
    out: Path | None = None
    """Folder of the results; STUDY_results beside the study if left out."""
    overwrite: bool = False
    """Replace earlier results in the same folder."""
    new_token: tuple[str, ...] = ()
    """Readers who get a new token; or organiser. The old one stops working."""
    host: str = "127.0.0.1"
    """Address to listen at; this machine alone if left out."""
    port: int = 8000
    """Port to listen at; readers need a constant one."""
    tls_certificate: Path | None = None
    """Certificate (PEM); for other machines."""
    tls_key: Path | None = None
    """Its private key (PEM); for other machines."""
    without_tls: bool = False
    """Let other machines connect without encryption; where another server adds it."""


HELP = Help(
    "rate",
    """Ask experts about real and synthetic images, blinded, in a browser.

    STUDY is a TOML file with cases, questions and readers. Tokens of the readers and of the
    organiser, who sees the progress, are printed once; only their hashes are kept. Every answer
    is saved at once, in a folder STUDY_answers beside the study or in PostgreSQL. Stop with
    Ctrl-C and start again whenever you like. --results writes accuracy, agreement, comparisons
    of kinds of images, figures and the raw answers. Needs the extra: pip install
    'petsynth[rate]'.""",
    {
        "results": ("results", "out", "overwrite"),
        "server": ("new_token", "host", "port", "tls_certificate", "tls_key", "without_tls"),
    },
    (
        "petsynth rate study.toml",
        "petsynth rate study.toml --results --out results",
    ),
)

parse = parser(Args, HELP)


def run(args: Args) -> None:
    """Serve the study until somebody stops it, or write its results.

    Raises
    ------
    ArgumentError
        If options do not fit together, or the server would not be safe.
    ConfigError
        If the study has mistakes, or changed since answers were saved.
    InputError
        If an image or the database cannot be used, or the extra is not installed.
    OutputError
        If it cannot listen there, or results cannot be written.
    """
    from petsynth.errors import ArgumentError
    from petsynth.viewer.extra import check_installed

    check_installed("petsynth rate", "rate", _NEEDED)
    if not args.results and (args.out is not None or args.overwrite):
        raise ArgumentError("--out and --overwrite: belong to --results")

    from petsynth.reader_study.database import open_database, sqlite_url
    from petsynth.reader_study.study import data_folder, read_study

    study, folder = read_study(args.study), data_folder(args.study)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    url = study.database or sqlite_url(folder / "answers.sqlite")
    engine = open_database(url, study.fingerprint)
    try:
        if args.results:
            _write_results(args, study, engine)
        else:
            _serve(args, study, engine, folder)
    finally:
        engine.dispose()


def _serve(args: Args, study: Study, engine: Engine, folder: Path) -> None:
    from petsynth.log import Progress
    from petsynth.reader_study.access import give_tokens
    from petsynth.reader_study.images import blind_images
    from petsynth.reader_study.server import RateServer
    from petsynth.reader_study.study import ORGANISER
    from petsynth.viewer.serving import Place, address, listening, make_server

    place = Place(args.host, args.port, args.tls_certificate, args.tls_key, args.without_tls)
    place.check()
    with Progress("blinding images", total=len(study.cases)) as progress:
        images = blind_images(study, folder / "images", lambda name: progress.advance(note=name))
    with listening(place) as listener:
        tokens = give_tokens(engine, [*study.readers, ORGANISER], args.new_token)
        if tokens:
            # Not through a logger: tokens belong into no log.
            print("tokens, shown only now:")
            for name, token in tokens.items():
                print(f"  {name}  {token}")
        server = RateServer(study, engine, images, place.names, **place.security)
        print(f"open: {address(place, listener)}", flush=True)
        logger.info("stop with Ctrl-C; answers stay")
        make_server(server.app, place).run(sockets=[listener])


def _write_results(args: Args, study: Study, engine: Engine) -> None:
    from petsynth.reader_study.results import write_results

    out = args.out or args.study.parent / f"{args.study.stem}_results"
    for line in write_results(study, engine, out, overwrite=args.overwrite):
        print(line)
    logger.info(f"results: {out / 'results.html'}")
