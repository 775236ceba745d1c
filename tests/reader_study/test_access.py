import pytest
from sqlalchemy import select, text, update

from petsynth.errors import ArgumentError
from petsynth.reader_study.access import give_tokens, log_in, log_out, owner_of
from petsynth.reader_study.database import OWNERS, SESSIONS


def test_only_hashes_are_kept(engine, tokens, tmp_path):
    _, session = log_in(engine, tokens["ana"])
    with engine.connect() as connection:
        rows = [*connection.execute(select(OWNERS)), *connection.execute(select(SESSIONS))]
        connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
    assert not [secret for secret in (*tokens.values(), session) if secret in str(rows)]
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("answers.sqlite*"))
    assert not [secret for secret in (*tokens.values(), session) if secret.encode() in stored]


def test_tokens_are_given_once_and_renewed_on_demand(engine, tokens, study):
    assert give_tokens(engine, study.readers) == {}
    _, session = log_in(engine, tokens["ana"])
    renewed = give_tokens(engine, study.readers, ["ana"])
    assert log_in(engine, tokens["ana"]) is None
    assert owner_of(engine, session) is None
    assert log_in(engine, renewed["ana"])[0] == "ana"
    with pytest.raises(ArgumentError, match="--new-token zoe: is no reader"):
        give_tokens(engine, study.readers, ["zoe"])


def test_sessions_end(engine, tokens):
    _, session = log_in(engine, tokens["ben"])
    assert owner_of(engine, session) == "ben"
    log_out(engine, session)
    assert owner_of(engine, session) is None
    assert owner_of(engine, "") is None


def test_old_sessions_are_not_known(engine, tokens):
    from datetime import UTC, datetime, timedelta

    _, session = log_in(engine, tokens["ana"])
    long_ago = datetime.now(UTC) - timedelta(days=31)
    with engine.begin() as connection:
        connection.execute(update(SESSIONS).values(created_at=long_ago))
    assert owner_of(engine, session) is None
