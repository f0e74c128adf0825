"""Under which names HTTP requests are answered, and whose they may be."""

from __future__ import annotations

import pytest

from bots.guard import Hosts, is_direct, names_of, same_origin
from bots.web import WebSettings
from core.errors import SettingsError

ANYWHERE = ["127.0.0.1", "localhost", "0.0.0.0", "::", "10.0.0.5"]
NAMED = Hosts("0.0.0.0", names_of("chat.example, *.corp.example:8443 ,[fd00::5]:8080"))


@pytest.mark.parametrize("bound", ANYWHERE)
@pytest.mark.parametrize(
    "host", ["127.0.0.1:8080", "localhost:8080", "LOCALHOST", "[::1]:8080", "parley.localhost", "127.0.0.2"]
)
def test_the_names_of_loopback_are_answered_whatever_the_address(bound: str, host: str) -> None:
    assert Hosts(bound).allows(host)


@pytest.mark.parametrize("bound", ANYWHERE)
@pytest.mark.parametrize(
    "host",
    [
        "evil.example:8080",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "10.0.0.1",
        "0.0.0.0:8080",
        "",
        ":8080",
        "[::1",
        "a@localhost",
        "localhost/evil",
        "localhost:x",
    ],
)
def test_no_other_name_is_answered_whatever_the_address(bound: str, host: str) -> None:
    assert not Hosts(bound).allows(host)


def test_an_address_that_is_bound_alone_is_answered_under_itself() -> None:
    assert Hosts("10.0.0.5").allows("10.0.0.5:8080")
    assert Hosts("fd00::5").allows("[fd00::5]:8080")
    assert Hosts("chat.internal").allows("chat.internal")


@pytest.mark.parametrize(
    "host",
    ["chat.example", "Chat.Example.:443", "a.corp.example:8443", "a.b.corp.example:8443", "[fd00::5]:8080"],
)
def test_names_that_are_set_are_answered(host: str) -> None:
    assert NAMED.allows(host)


@pytest.mark.parametrize(
    "host",
    ["x.chat.example", "a.corp.example", "a.corp.example:80", "corp.example:8443", "[fd00::5]", "evil.example"],
)
def test_names_beside_those_that_are_set_are_not(host: str) -> None:
    assert not NAMED.allows(host)


@pytest.mark.parametrize(
    ("hosts", "alone"),
    [
        (Hosts("127.0.0.1"), True),
        (Hosts("::1", names_of("parley.localhost")), True),
        (Hosts("127.0.0.1", names_of("chat.example")), False),
        (Hosts("0.0.0.0"), False),
    ],
)
def test_only_people_of_this_machine_run_parley(hosts: Hosts, alone: bool) -> None:
    assert hosts.alone is alone


@pytest.mark.parametrize(
    "listed", ["http://chat.example", "chat.example/x", "*", "a b", "*.", "chat.example:x"]
)
def test_a_name_that_is_none_is_refused_in_a_line_that_names_the_setting(
    listed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARLEY_ALLOWED_HOSTS", listed)
    with pytest.raises(SettingsError, match="PARLEY_ALLOWED_HOSTS"):
        WebSettings.load()


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost:8080"}, False),
        ({"Origin": "http://localhost:8080"}, True),
        ({"Origin": "http://localhost:9090"}, False),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "null"}, False),
    ],
)
def test_only_our_own_page_may_post(headers: dict[str, str], allowed: bool) -> None:
    assert same_origin(headers, "localhost:8080") is allowed


@pytest.mark.parametrize(
    ("headers", "version", "direct"),
    [
        ({"Host": "localhost:8080", "Connection": "keep-alive"}, (1, 1), True),
        ({"Host": "127.0.0.1:8080"}, (1, 0), False),
        ({"Host": "127.0.0.1:8080", "Connection": "close"}, (1, 1), False),
        *(
            ({name: "x"}, (1, 1), False)
            for name in (
                *(
                    "Forwarded",
                    "X-Forwarded-For",
                    "X-Forwarded-Proto",
                    "X-Forwarded-Server",
                    "via",
                    "X-Real-IP",
                ),
                *("CF-Connecting-IP", "CF-Ray", "True-Client-IP", "X-Client-IP", "X-Original-Host"),
            )
        ),
    ],
)
def test_what_a_proxy_has_passed_on_is_not_direct(
    headers: dict[str, str], version: tuple[int, int], direct: bool
) -> None:
    assert is_direct(headers, version) is direct
