import hmac

from petsynth.viewer import tokens
from petsynth.viewer.tokens import Attempts, find_owner, hash_token, new_token


def test_tokens_are_long_and_never_the_same():
    made = {new_token() for _ in range(100)}
    assert len(made) == 100
    assert {len(each) for each in made} == {32}


def test_every_hash_is_compared_in_constant_time(monkeypatch):
    """Whoever owns the token: no early end of the loop, no comparison of strings."""
    compared = []
    monkeypatch.setattr(
        tokens.hmac, "compare_digest", lambda a, b: compared.append(b) or a == b, raising=True
    )
    hashes = {name: hash_token(name) for name in "abc"}
    assert [find_owner(token, hashes) for token in ("a", "c", "x")] == ["a", "c", None]
    assert len(compared) == 9
    assert hmac is tokens.hmac


def test_too_many_failures_must_wait():
    now = [0.0]
    attempts = Attempts(most=2, most_of_all=3, seconds=10, clock=lambda: now[0])
    for address in ("a", "a"):
        assert not attempts.are_too_many(address)
        attempts.failed(address)
    assert attempts.are_too_many("a")
    assert not attempts.are_too_many("b")
    attempts.failed("b")
    assert attempts.are_too_many("c")
    now[0] = 11
    assert not attempts.are_too_many("a")
