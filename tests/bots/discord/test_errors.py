"""Every exception of the libraries has its place in the table."""

from __future__ import annotations

import inspect
import socket
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import discord
import pytest
from discord import errors as library

from bots.discord.errors import BY_CLASS, BY_JSON_CODE, FOREIGN, translate
from core.errors import Code


@dataclass
class Response:
    """The parts of an answer that an HTTPException keeps."""

    status: int
    reason: str = "said"
    headers: dict[str, str] = field(default_factory=dict)


def refusal(status: int, code: int = 0, **headers: str) -> discord.HTTPException:
    kinds: dict[int, type[discord.HTTPException]] = {403: discord.Forbidden, 404: discord.NotFound}
    kind = kinds.get(status, discord.DiscordServerError if status >= 500 else discord.HTTPException)
    response: Any = Response(status, headers={name.replace("_", "-"): value for name, value in headers.items()})
    return kind(response, {"code": code, "message": "no"})


@pytest.mark.parametrize(
    ("status", "code", "ours"),
    [
        (404, 10003, Code.GONE),
        (404, 10008, Code.GONE),
        (404, 0, Code.GONE),
        (403, 50001, Code.NOT_ALLOWED),
        (403, 50013, Code.NOT_ALLOWED),
        (403, 160005, Code.NOT_ALLOWED),
        (400, 50035, Code.REJECTED),
        (400, 50006, Code.REJECTED),
        (400, 999_999, Code.REJECTED),
        (413, 0, Code.REJECTED),
        (401, 0, Code.BAD_TOKEN),
        (429, 30046, Code.SLOW_DOWN),
        (503, 0, Code.UNAVAILABLE),
    ],
)
def test_a_refusal_is_known_by_its_code_then_its_status(status: int, code: int, ours: Code) -> None:
    error = translate(refusal(status, code))
    assert error.code is ours
    assert error.certain


@pytest.mark.parametrize(("status", "code"), [(401, 50027), (404, 10015), (404, 0), (404, 10062)])
def test_a_dead_ticket_has_expired(status: int, code: int) -> None:
    assert translate(refusal(status, code), interaction_token=True).code is Code.EXPIRED


def test_a_deleted_message_is_gone_with_a_ticket_too() -> None:
    assert translate(refusal(404, 10008), interaction_token=True).code is Code.GONE


def test_a_server_error_leaves_a_post_open_but_not_an_edit() -> None:
    post, edit = translate(refusal(503), posting=True), translate(refusal(503))
    assert (post.code, post.certain) == (Code.UNCERTAIN, False)
    assert (edit.code, edit.certain) == (Code.UNAVAILABLE, True)


def test_slow_down_says_for_how_long() -> None:
    assert translate(discord.RateLimited(42.5)).retry_after_s == 42.5
    assert translate(refusal(429, Retry_After="7.5")).retry_after_s == 7.5
    for silent in (refusal(429), refusal(429, Retry_After="nan"), refusal(429, Retry_After="soon")):
        assert translate(silent).retry_after_s == translate(refusal(429)).retry_after_s == 5.0


async def test_a_refused_connection_surely_did_nothing() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientError) as refused:
                await session.get(f"http://127.0.0.1:{taken.getsockname()[1]}/")
    error = translate(refused.value, posting=True)
    assert (error.code, error.certain) == (Code.UNAVAILABLE, True)


@pytest.mark.parametrize("lost", [aiohttp.ServerDisconnectedError(), TimeoutError(), ConnectionResetError()])
def test_a_lost_connection_leaves_open_what_was_done(lost: Exception) -> None:
    error = translate(lost)
    assert (error.code, error.certain) == (Code.UNCERTAIN, False)


def _foreign() -> list[type[Exception]]:
    ours = [
        c for _, c in inspect.getmembers(library, inspect.isclass) if issubclass(c, discord.DiscordException)
    ]
    theirs = [c for _, c in inspect.getmembers(aiohttp, inspect.isclass) if issubclass(c, aiohttp.ClientError)]
    return [*ours, *theirs]


@pytest.mark.parametrize("kind", _foreign(), ids=lambda kind: kind.__name__)
def test_every_exception_of_the_libraries_is_in_the_table(kind: type[Exception]) -> None:
    assert issubclass(kind, FOREIGN)
    assert issubclass(kind, discord.HTTPException) or any(issubclass(kind, known) for known, _ in BY_CLASS)


def test_no_line_of_the_table_hides_behind_an_earlier_one() -> None:
    for at, (kind, _) in enumerate(BY_CLASS):
        assert not any(issubclass(kind, earlier) for earlier, _ in BY_CLASS[:at]), kind


def test_every_code_is_one_that_the_port_names() -> None:
    allowed = {Code.SLOW_DOWN, Code.GONE, Code.NOT_ALLOWED, Code.REJECTED, Code.EXPIRED, Code.UNAVAILABLE}
    allowed |= {Code.UNCERTAIN, Code.BAD_TOKEN, Code.UNSUPPORTED}
    assert {code for _, code in BY_CLASS} | set(BY_JSON_CODE.values()) <= allowed


def test_no_detail_shows_a_url() -> None:
    info: Any = aiohttp.RequestInfo("http://x/token", "GET", {}, "http://x/token")  # type: ignore[arg-type]
    assert "token" not in translate(aiohttp.ClientResponseError(info, (), status=500, message="m")).detail
