"""The decision table, row by row, through the whole loop over fake endpoints: what is asked again, and of whom.

Rows are numbered as in our notes on real endpoints (table B.2). Each case meets one account that always answers so,
first alone (how often it is asked again), then beside another account of its endpoint, another endpoint with the same
model, and another model of its own with a larger window: who of them is asked instead? Row 23, an answer that nobody
wants any more, is test_stop_closes_the_connection_at_once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, MutableMapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from typing import Any

import pytest
import structlog
from pydantic import SecretStr

from core.clock import SystemClock
from core.errors import ModelError
from core.i18n import cut_error_text, error_text, phrase
from core.llm.catalog import Account, ModelCatalog, Route
from core.llm.client import CompletionsClient
from core.llm.response_reader import ReadTimeouts
from core.llm.retry_policy import RetryBudget
from core.llm.router import ModelRouter
from core.operators.alerts import OperatorAlerts
from core.ports.model import Request
from core.values.conversation import Message
from core.values.deltas import Ended, EndReason, ModelInfo
from core.values.parts import Image, Text
from tests.fakes.clock import FakeClock
from tests.fakes.completions import QUIRKS, STATUSES, FakeCompletions, Raw, Words, closed_port_url
from tests.fakes.completions.quirks import TEXT
from tests.fakes.completions.replies import chunk, event

KEY = SecretStr("sk-test")
PICTURE = "data:image/png;base64,aGVsbG8="
LARGE, HUGE = ModelInfo("large", 32_000, images=True), ModelInfo("huge", 1_000_000, images=True)
MESSAGES = tuple(Message("user", (Text(f"{number} " * 100),)) for number in range(4))
SHOWN = tuple(Message("user", (*message.parts, Image(PICTURE))) for message in MESSAGES)
"""For what is said of pictures: the other refusals mean something else where there are pictures to leave out."""
CALM = ReadTimeouts(tail_s=0.05)
THINKING = event(chunk({"reasoning_content": "Hm."}))
STALLS = {
    "stall_before_head": QUIRKS["stall_before_head"].reply,
    "stall_at_start_pings": QUIRKS["stall_at_start_pings"].reply,
    "stall_while_thinking": Raw((THINKING,), end="hang"),
}
REPLIES = {name: case.reply for name, case in STATUSES.items()}
REPLIES |= {name: quirk.reply for name, quirk in QUIRKS.items()} | STALLS
NOWHERE = "refused"


def patience_for(name: str) -> ReadTimeouts:
    """Short only where the case keeps silent: a slow machine does not make another silence of it."""
    if not name.startswith("stall"):
        return CALM
    speaks = name.removeprefix("stall_") not in ("before_head", "at_start_pings")
    return replace(CALM, gap_s=0.1) if speaks else replace(CALM, first_word_s=0.2)


@dataclass(frozen=True, slots=True)
class Row:
    """`cases` are names or patterns of names. `same`: how often the same account and model is asked again; the
    others: whether it is asked instead. `words`: what the person reads when nobody can. `alert`: the operators hear
    of the first one. `level`: of the line in the log."""

    number: int
    signal: str
    cases: tuple[str, ...]
    same: int
    account: bool
    endpoint: bool
    model: bool
    words: str
    alert: bool = False
    level: str = "warning"


def row(number: int, signal: str, cases: str, same: int, others: str, words: str, **more: object) -> Row:
    """`others` names those of `account endpoint model` that are asked instead."""
    asked = {name: name in others.split() for name in ("account", "endpoint", "model")}
    return Row(number, signal, tuple(cases.split()), same, words=words, **asked, **more)  # type: ignore[arg-type]


ANYBODY = "account endpoint model"
TABLE = [
    row(
        1,
        "400 parameter, repaired",
        "max_tokens_* temperature_* stream_options_* images_*",
        1,
        ANYBODY,
        "bad_request",
        level="error",
    ),
    row(1, "400 pictures, repaired", "many_images_* bad_image_*", 2, ANYBODY, "bad_request", level="error"),
    row(1, "400 parameter not sent", "max_completion_tokens_*", 0, ANYBODY, "bad_request", level="error"),
    row(2, "context overflow, trimmed", "context_*", 1, "model", "too_long", level="info"),
    row(3, "400 and 422", "bad_request*", 0, ANYBODY, "bad_request", level="error"),
    row(4, "content policy", "policy_*", 0, "", "policy", level="info"),
    row(5, "invalid key", "key_*", 0, "account endpoint", "unreachable", alert=True),
    row(6, "money", "money_*", 0, "account endpoint", "unreachable", alert=True),
    row(7, "402 with Retry-After", "busy_402_*", 2, ANYBODY, "busy_for"),
    row(8, "403", "forbidden_*", 0, ANYBODY, "unreachable", alert=True),
    row(9, "no such model", "model_*", 0, "endpoint model", "no_model", alert=True),
    row(10, "wrong URL", "url_* e307 html200", 0, "endpoint", "unreachable", alert=True),
    row(11, "408 409 425", "server_408 server_409 server_425", 1, ANYBODY, "busy"),
    row(12, "413, trimmed", "large_*", 1, ANYBODY, "too_long", level="info"),
    row(
        13,
        "429",
        "rate_without_wait rate_nonsense rate_negative rate_newapi rate_reference rate_glm rate_html "
        "rate_openrouter_raw",
        2,
        ANYBODY,
        "busy",
    ),
    row(
        13,
        "429 with Retry-After",
        "rate_seconds rate_float rate_date rate_ms rate_litellm rate_openai_slow_down rate_google",
        2,
        ANYBODY,
        "busy_for",
    ),
    row(13, "429 far off", "rate_far_off", 0, ANYBODY, "busy_for"),
    row(14, "500", "server_500* shape_*", 1, ANYBODY, "busy"),
    row(15, "502 503 52x 530", "server_502_html server_503 server_52? server_530", 2, ANYBODY, "busy"),
    row(15, "503 with Retry-After", "server_503_overloaded", 2, ANYBODY, "busy_for"),
    row(
        16,
        "504 522 524, no first word",
        "slow_* stall_before_head stall_at_start_pings",
        0,
        ANYBODY,
        "slow",
    ),
    row(17, "no connection", NOWHERE, 1, "endpoint", "unreachable", alert=True),
    row(
        18,
        "cut before a word",
        "cut_before_head cut_before_first_event reset_before_head reasoning_then_cut done_alone",
        1,
        ANYBODY,
        "unfinished",
    ),
    row(18, "error chunk before a word", "firsterr_* err200", 1, ANYBODY, "busy"),
    row(18, "stall while thinking", "stall_while_thinking", 1, ANYBODY, "slow"),
    row(
        19,
        "broken off after a word",
        "cut reset half_closed done_without_finish miderr_* finish_*error finish_insufficient* garbled_event "
        "stall_pings",
        0,
        "",
        "cut",
    ),
    row(21, "empty", "empty200 empty_success reasoning_only think_never_closed", 1, "model", "empty"),
    # Not in the notes: what is no answer and no error either says something about the endpoint, as in row 10.
    row(24, "garbled before a word", "gzip_broken", 1, "endpoint", "unreachable"),
]


def expand(row: Row) -> list[str]:
    return [name for name in (*REPLIES, NOWHERE) if any(fnmatch(name, case) for case in row.cases)]


CASES = [pytest.param(row, name, id=f"row-{row.number:02}-{name}") for row in TABLE for name in expand(row)]


class Endpoints:
    """One that always answers with the case, and one that answers well."""

    def __init__(self, failing: FakeCompletions, fine: FakeCompletions) -> None:
        self.failing, self.fine = failing, fine

    def route(self, account: str, model_info: ModelInfo, url: str = "") -> Route:
        endpoint = account.partition("/")[0]
        return Route(Account(account, endpoint, url or self.fine.base_url, KEY), model_info, model_info.name)

    async def ask(self, name: str, other: tuple[str, ModelInfo] | None = None) -> Outcome:
        """Ask account `one/a`, beside at most one other account or model."""
        self.failing.requests.clear()
        self.failing.default = lambda body: REPLIES[name] if body["model"] == "large" else Words("Fine.")
        url = closed_port_url() if name == NOWHERE else self.failing.base_url
        routes = [self.route("one/a", LARGE, url)]
        if other is not None:
            account, model_info = other
            routes.append(self.route(account, model_info, url if account == "one/a" else ""))
        clients = {
            route.account.name: CompletionsClient(
                route.account.base_url,
                "sk-test",
                SystemClock(),
                patience_for(name) if route.account.base_url == url else CALM,
            )
            for route in routes
        }
        clock, tries = FakeClock(jumps=True), Counter[str]()
        operator_alerts = OperatorAlerts(
            clock, lambda _, labels: tries.update([f"{labels.get('account')} {labels.get('model')}"])
        )
        pool = ModelRouter(
            ModelCatalog(LARGE, tuple(routes)),
            clients,
            clock,
            operator_alerts,
            RetryBudget(99, 1e9),
            lambda: 0.0,
        )
        request = Request(SHOWN if "image" in name else MESSAGES, "large", temperature=0.7, max_tokens=100)
        outcome = Outcome()
        with structlog.testing.capture_logs() as outcome.logs:
            try:
                async with aclosing(pool.stream(request)) as deltas:
                    async for delta in deltas:
                        outcome.text += delta.text if isinstance(delta, Text) else ""
                        outcome.end = delta.reason if isinstance(delta, Ended) else outcome.end
            except ModelError as error:
                outcome.error = error
        await pool.close()
        outcome.same = max(tries["one/a large"], len(self.failing.requests)) - 1
        outcome.other = other is not None and tries[f"{other[0]} {other[1].name}"] > 0
        return outcome


@dataclass
class Outcome:
    same: int = 0
    other: bool = False
    text: str = ""
    end: EndReason | None = None
    error: ModelError | None = None
    logs: list[MutableMapping[str, Any]] = field(default_factory=list)


@pytest.fixture
async def endpoints() -> AsyncIterator[Endpoints]:
    async with FakeCompletions() as failing, FakeCompletions(default=Words("Fine.")) as fine:
        yield Endpoints(failing, fine)
    assert failing.problems + fine.problems == []


@pytest.mark.parametrize(("row", "name"), CASES)
async def test_decision_table(row: Row, name: str, endpoints: Endpoints) -> None:
    alone = await endpoints.ask(name)
    assert alone.same == row.same
    for other, steps_in in {
        ("one/b", LARGE): row.account,
        ("two/c", LARGE): row.endpoint,
        ("one/a", HUGE): row.model,
    }.items():
        outcome = await endpoints.ask(name, other)
        assert outcome.other is steps_in, other
        assert (outcome.text == "Fine.") is steps_in, other
    error = alone.error
    assert error is not None
    words = (cut_error_text if alone.text else error_text)(error, "en")
    assert words.startswith(phrase(row.words, "en", wait="|").split("|")[0])
    events = [(line["event"], line["log_level"]) for line in alone.logs]
    assert (("alert_raised", "error") in events) is row.alert
    assert ("model_failed", row.level) in events


ENDED = {
    "row-04-finish_content_filter": EndReason.POLICY,
    "row-04-finish_SAFETY": EndReason.POLICY,
    "row-04-finish_sensitive": EndReason.POLICY,
    "row-20-error_after_finish": EndReason.STOP,
    "row-20-event_after_finish": EndReason.STOP,
    "row-20-cut_after_finish": EndReason.STOP,
    "row-20-reset_after_finish": EndReason.STOP,
    "row-22-finish_length": EndReason.LENGTH,
    "row-22-finish_max_tokens": EndReason.LENGTH,
}


@pytest.mark.parametrize("name", ENDED)
async def test_decision_table_of_answers_that_have_ended(name: str, endpoints: Endpoints) -> None:
    outcome = await endpoints.ask(name[7:], ("two/c", HUGE))
    assert (outcome.text, outcome.end) == (TEXT, ENDED[name])
    assert (outcome.same, outcome.other, outcome.error) == (0, False, None)
    assert not [line for line in outcome.logs if line["log_level"] in ("warning", "error")]


def test_the_table_is_whole() -> None:
    """Every error that we know of is in one row, and every class of failure in some row."""
    found = Counter(name for row in TABLE for name in expand(row))
    assert {name for name in found if found[name] > 1} == set()
    assert set(STATUSES) <= set(found)
    assert {row.number for row in TABLE} | {int(name[4:6]) for name in ENDED} | {23} == set(range(1, 25))
