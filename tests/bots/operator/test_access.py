"""The operator's token, the browsers that are signed in, and wrong tries."""

from __future__ import annotations

import pytest

from bots.operator import access
from bots.operator.access import SESSION_S, TRIES, TRIES_OF_ALL, TRIES_S, OperatorKeys, Sessions, Tries

TOKEN = "correct horse battery staple"
NOW_S = 1_800_000_000.5


def test_only_the_token_itself_matches() -> None:
    keys = OperatorKeys(TOKEN)
    assert keys.matches(TOKEN)
    for other in ("", TOKEN[:-1], f"{TOKEN} ", TOKEN.upper(), "\udcff", "密码"):
        assert not keys.matches(other)


def test_without_a_token_nothing_matches_and_no_two_processes_share_a_proof() -> None:
    one, other = OperatorKeys(), OperatorKeys()
    assert not one.matches("")
    assert one.is_form_token(one.form_token(""), "")
    assert not other.is_form_token(one.form_token(""), "")


def test_a_session_ends_with_its_time() -> None:
    sessions = Sessions()
    cookie = sessions.begin(NOW_S)
    assert sessions.is_signed_in(cookie, NOW_S)
    assert sessions.is_signed_in(cookie, NOW_S + SESSION_S - 1)
    assert not sessions.is_signed_in(cookie, NOW_S + SESSION_S)


def test_a_session_that_is_ended_signs_nobody_in_and_others_go_on() -> None:
    sessions = Sessions()
    one, other = sessions.begin(NOW_S), sessions.begin(NOW_S)
    sessions.end(one)
    sessions.end("unknown")
    assert not sessions.is_signed_in(one, NOW_S)
    assert sessions.is_signed_in(other, NOW_S)


def test_a_session_of_another_process_is_none() -> None:
    assert not Sessions().is_signed_in(Sessions().begin(NOW_S), NOW_S)


def test_of_too_many_sessions_the_one_that_began_first_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "_SESSIONS", 2)
    sessions = Sessions()
    first, second, third = (sessions.begin(NOW_S + number) for number in range(3))
    assert not sessions.is_signed_in(first, NOW_S + 3)
    assert sessions.is_signed_in(second, NOW_S + 3)
    assert sessions.is_signed_in(third, NOW_S + 3)


@pytest.mark.parametrize("forged", ["", ".", "9999999999.", "9999999999.00", "x.y.z", "１２.é", "\udcff.a"])
def test_a_cookie_that_was_not_made_here_is_refused(forged: str) -> None:
    sessions = Sessions()
    sessions.begin(NOW_S)
    assert not sessions.is_signed_in(forged, NOW_S)


def test_the_token_of_a_form_belongs_to_one_cookie() -> None:
    keys, sessions = OperatorKeys(TOKEN), Sessions()
    one, other = sessions.begin(NOW_S), sessions.begin(NOW_S)
    assert keys.is_form_token(keys.form_token(one), one)
    assert not keys.is_form_token(keys.form_token(one), other)
    assert not keys.is_form_token("", one)


def test_an_address_has_a_few_tries_a_minute_and_others_have_theirs() -> None:
    tries = Tries()
    for number in range(TRIES):
        assert not tries.too_many("192.0.2.1", number)
        tries.wrong("192.0.2.1", number)
    assert tries.too_many("192.0.2.1", TRIES_S - 0.1)
    assert not tries.too_many("192.0.2.2", TRIES_S - 0.1)
    assert not tries.too_many("192.0.2.1", TRIES_S)


def test_many_addresses_together_have_a_limit_too() -> None:
    tries = Tries()
    for number in range(TRIES_OF_ALL):
        tries.wrong(f"192.0.2.{number}", 0.0)
    assert tries.too_many("198.51.100.1", 1.0)
    assert not tries.too_many("198.51.100.1", TRIES_S)
