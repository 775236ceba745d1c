"""Readers, sessions and answers in SQLite or PostgreSQL.

The tables are made and changed by the steps in `migrations/`, in order, when a study is opened.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    DateTime,
    Engine,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    create_engine,
    event,
    insert,
    select,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError as UrlError
from sqlalchemy.exc import DBAPIError, NoSuchModuleError, SQLAlchemyError

from petsynth.errors import ConfigError, InputError

METADATA = MetaData()
FACTS = Table(
    "facts", METADATA, Column("name", String(64), primary_key=True), Column("value", Text)
)
OWNERS = Table(
    "owners",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("token_hash", String(64), nullable=False),
    Column("submitted_at", DateTime(timezone=True)),
)
SESSIONS = Table(
    "sessions",
    METADATA,
    Column("hash", String(64), primary_key=True),
    Column("owner", String(64), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
)
ANSWERS = Table(
    "answers",
    METADATA,
    Column("reader", String(64), nullable=False),
    Column("position", Integer, nullable=False),
    Column("case_name", String(64), nullable=False),
    Column("is_repeat", Boolean, nullable=False),
    Column("real", String(16)),
    Column("real_certainty", Integer),
    Column("quality", Integer),
    Column("diagnosis", String(64)),
    Column("diagnosis_certainty", Integer),
    Column("comment", Text),
    Column("revision", Integer, nullable=False),
    Column("saved_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("reader", "position", name="one_answer_per_position"),
)
_BUSY_SECONDS = 30
_CONNECTIONS = 10


def open_database(url: str, fingerprint: str) -> Engine:
    """Return the database of a study, with its tables as this version needs them.

    Parameters
    ----------
    url : str
        SQLAlchemy's, such as ``sqlite:///study.sqlite``.
    fingerprint : str
        Of the study; a database of another one is refused.

    Raises
    ------
    ConfigError
        If the URL is none, its driver is not installed, or the answers in it belong to another
        study.
    InputError
        If the database cannot be reached.
    """
    engine = _engine(url)
    try:
        migrate(engine)
        with engine.begin() as connection:
            _check_fingerprint(connection, fingerprint)
    except DBAPIError as error:
        told = " ".join(str(error.orig).split())
        raise InputError(f"database {shown(url)}: {told}") from None
    return engine


def shown(url: str) -> str:
    """Return a URL without its password.

    Examples
    --------
    >>> shown("postgresql+psycopg://me:secret@host/study")
    'postgresql+psycopg://me:***@host/study'
    """
    return make_url(url).render_as_string(hide_password=True)


def migrate(engine: Engine, revision: str = "head") -> None:
    """Bring the tables to a revision of `migrations/`; the newest if none is named."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    scripts = ScriptDirectory.from_config(config)

    def steps(current: Any, context: MigrationContext) -> list[Any]:
        return scripts._upgrade_revs(revision, current)

    with EnvironmentContext(config, scripts, fn=steps) as environment, engine.begin() as connection:
        environment.configure(connection=connection, target_metadata=METADATA)
        environment.run_migrations()


def sqlite_url(path: Path) -> str:
    """Return the URL of an SQLite file."""
    return f"sqlite:///{path}"


def _engine(url: str) -> Engine:
    try:
        is_sqlite = make_url(url).get_backend_name() == "sqlite"
        more: dict[str, Any] = {"connect_args": {"timeout": _BUSY_SECONDS}} if is_sqlite else {}
        engine = create_engine(url, pool_size=_CONNECTIONS, pool_pre_ping=True, **more)
    except (UrlError, NoSuchModuleError, ImportError) as error:
        told = " ".join(str(error).split())
        raise ConfigError(
            f"database: {told}; write a URL such as sqlite:///study.sqlite or "
            "postgresql+psycopg://user@host/study (pip install 'petsynth[postgresql]')"
        ) from None
    except SQLAlchemyError as error:
        raise ConfigError(f"database: {' '.join(str(error).split())}") from None
    if is_sqlite:
        event.listen(engine, "connect", _make_durable)
    return engine


def _make_durable(connection: Any, record: Any) -> None:
    """Let SQLite survive a power cut, and readers read while one writes."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def _check_fingerprint(connection: Connection, fingerprint: str) -> None:
    known = connection.scalar(select(FACTS.c.value).where(FACTS.c.name == "fingerprint"))
    if known is None:
        connection.execute(insert(FACTS).values(name="fingerprint", value=fingerprint))
    elif known != fingerprint:
        has_answers = connection.execute(select(ANSWERS.c.reader).limit(1)).first() is not None
        if has_answers:
            raise ConfigError(
                "the study's cases, readers, questions or seed have changed since answers were "
                "saved; put them back, or name another study file or database"
            )
        connection.execute(
            FACTS.update().where(FACTS.c.name == "fingerprint").values(value=fingerprint)
        )
