import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from petsynth.errors import ConfigError, InputError
from petsynth.reader_study.database import METADATA, migrate, open_database, sqlite_url


def columns(engine):
    found = inspect(engine)
    return {
        name: sorted(column["name"] for column in found.get_columns(name))
        for name in found.get_table_names()
        if name != "alembic_version"
    }


def test_migrations_make_the_tables_that_the_code_uses(engine):
    assert columns(engine) == {
        name: sorted(table.columns.keys()) for name, table in METADATA.tables.items()
    }


def test_an_older_database_is_brought_forward_and_keeps_its_answers(tmp_path, study):
    from sqlalchemy import create_engine

    url = sqlite_url(tmp_path / "old.sqlite")
    old = create_engine(url)
    migrate(old, "0001")
    assert "sessions" not in columns(old)
    with old.begin() as connection:
        connection.execute(text("INSERT INTO owners (name, token_hash) VALUES ('ana', 'x')"))
    old.dispose()
    new = open_database(url, study.fingerprint)
    assert "sessions" in columns(new)
    with new.connect() as connection:
        assert connection.scalar(text("SELECT name FROM owners")) == "ana"
    new.dispose()


def test_sqlite_survives_a_power_cut(engine):
    with engine.connect() as connection:
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
        assert connection.scalar(text("PRAGMA synchronous")) == 2


@pytest.mark.parametrize("url", ["no url", "nothing://x"])
def test_a_url_that_is_none_is_told(url):
    with pytest.raises(ConfigError, match=r"database: .*write a URL such as"):
        open_database(url, "x")


def test_a_database_that_cannot_be_reached_is_told_without_its_password():
    url = "postgresql+psycopg://me:secret@127.0.0.1:1/study?connect_timeout=2"
    pytest.importorskip("psycopg", reason="needs psycopg: pip install 'petsynth[postgresql]'")
    with pytest.raises(InputError, match=r"me:\*\*\*@127") as told:
        open_database(url, "x")
    assert "secret" not in str(told.value)


@pytest.fixture(scope="session")
def postgresql():
    """Return the URL of a PostgreSQL server of Debian's package, or skip."""
    pytest.importorskip("psycopg", reason="needs psycopg: pip install 'petsynth[postgresql]'")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("needs Debian's package postgresql")
    programs = found[-1].parent
    # Not below pytest's folder, which is root's alone; its name must be short for a socket.
    folder = Path(tempfile.mkdtemp(prefix="petsynth-pg-"))
    user = []
    if os.geteuid() == 0:  # PostgreSQL does not run as root
        if shutil.which("runuser") is None:
            pytest.skip("needs runuser, since PostgreSQL does not run as root")
        user = ["runuser", "-u", "postgres", "--"]
        shutil.chown(folder, "postgres")
    data = folder / "data"
    run = dict(check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    initdb = [*user, programs / "initdb", "-D", data, "-U", "petsynth", "--auth=trust"]
    subprocess.run(initdb, **run)
    options = f"-k {folder} -c listen_addresses="
    control = [*user, programs / "pg_ctl", "-D", data, "-w"]
    subprocess.run([*control, "-o", options, "start"], **run)
    try:
        yield f"postgresql+psycopg://petsynth@/postgres?host={folder}"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], **run)
        shutil.rmtree(folder)


@pytest.mark.postgresql
def test_postgresql_does_the_same(postgresql, study):
    from petsynth.reader_study.access import give_tokens, log_in, owner_of
    from petsynth.reader_study.answers import read_answer, save_answer, submit
    from petsynth.reader_study.order import presentations
    from petsynth.reader_study.ratings import read_ratings

    engine = open_database(postgresql, study.fingerprint)
    try:
        tokens = give_tokens(engine, study.readers)
        owner, session = log_in(engine, tokens["ana"])
        assert owner_of(engine, session) == owner == "ana"
        shown = presentations(study, "ana")[0]
        assert save_answer(engine, "ana", shown, {"quality": 4}, 0).revision == 1
        assert save_answer(engine, "ana", shown, {"quality": 4}, 0).revision == 1  # came twice
        assert save_answer(engine, "ana", shown, {"quality": 5}, 0).is_newer
        assert save_answer(engine, "ana", shown, {"diagnosis": "AD"}, 1).revision == 2
        submit(engine, "ana")
        assert save_answer(engine, "ana", shown, {"quality": 1}, 2).is_closed
        assert read_answer(engine, "ana", shown.position).values["quality"] == 4
        assert len(read_ratings(study, engine)) == 1
        assert open_database(postgresql, study.fingerprint).dispose() is None
    finally:
        engine.dispose()


def test_a_study_that_changed_under_its_answers_is_refused(tmp_path, study):
    from petsynth.reader_study.answers import save_answer
    from petsynth.reader_study.order import presentations

    url = sqlite_url(tmp_path / "answers.sqlite")
    open_database(url, "before").dispose()
    engine = open_database(url, study.fingerprint)  # nobody has answered: it may change
    save_answer(engine, "ana", presentations(study, "ana")[0], {"quality": 1}, 0)
    engine.dispose()
    with pytest.raises(ConfigError, match="changed since answers were saved"):
        open_database(url, "after")
