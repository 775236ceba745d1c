"""Who is who: tokens of readers and of the organiser, and sessions that outlive a restart."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, delete, insert, select, update

from petsynth.errors import ArgumentError
from petsynth.reader_study.database import OWNERS, SESSIONS
from petsynth.viewer.tokens import find_owner, hash_token, new_token

SESSION_DAYS = 30


def give_tokens(
    engine: Engine, owners: Sequence[str], renewed: Sequence[str] = ()
) -> dict[str, str]:
    """Return new tokens of whoever has none, or whose token is renewed; only hashes are kept.

    Parameters
    ----------
    engine : Engine
        The study's database.
    owners : sequence of str
        Readers and the organiser.
    renewed : sequence of str
        Whose token is replaced; their sessions end.

    Raises
    ------
    ArgumentError
        If somebody is none of the owners.
    """
    unknown = [name for name in renewed if name not in owners]
    if unknown:
        raise ArgumentError(
            f"--new-token {unknown[0]}: is no reader of the study; there are {', '.join(owners)}"
        )
    with engine.begin() as connection:
        known = set(connection.scalars(select(OWNERS.c.name)))
        given = {name: new_token() for name in owners if name not in known or name in renewed}
        for name, token in given.items():
            if name in known:
                changed = update(OWNERS).where(OWNERS.c.name == name)
                connection.execute(changed.values(token_hash=hash_token(token)))
                connection.execute(delete(SESSIONS).where(SESSIONS.c.owner == name))
            else:
                connection.execute(insert(OWNERS).values(name=name, token_hash=hash_token(token)))
    return given


def log_in(engine: Engine, token: str) -> tuple[str, str] | None:
    """Return whose token it is and a new session, or None."""
    with engine.begin() as connection:
        rows = connection.execute(select(OWNERS.c.name, OWNERS.c.token_hash))
        owner = find_owner(token, {row.name: row.token_hash for row in rows})
        if owner is None:
            return None
        session = new_token()
        now = datetime.now(UTC)
        connection.execute(
            insert(SESSIONS).values(hash=hash_token(session), owner=owner, created_at=now)
        )
        old = now - timedelta(days=SESSION_DAYS)
        connection.execute(delete(SESSIONS).where(SESSIONS.c.created_at < old))
    return owner, session


def owner_of(engine: Engine, session: str) -> str | None:
    """Return whose session it is; it is looked up by its hash, which nobody can guess."""
    if not session:
        return None
    oldest = datetime.now(UTC) - timedelta(days=SESSION_DAYS)
    wanted = select(SESSIONS.c.owner).where(
        SESSIONS.c.hash == hash_token(session), SESSIONS.c.created_at >= oldest
    )
    with engine.connect() as connection:
        return connection.scalar(wanted)


def log_out(engine: Engine, session: str) -> None:
    """End a session."""
    with engine.begin() as connection:
        connection.execute(delete(SESSIONS).where(SESSIONS.c.hash == hash_token(session)))
