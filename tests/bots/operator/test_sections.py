"""The contents of sections, over values and the store in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from bots.operator.budgets import BudgetsSection, Lift
from bots.operator.failures import PAGE, FailuresSection, Retry
from bots.operator.platforms import PlatformSources, PlatformsSection
from bots.operator.replicas import ReplicasSection
from bots.operator.running import RunningSection
from bots.operator.tools import ToolsSection
from bots.operator.view import View
from core.delivery.rate_limits import Bucket
from core.errors import Code
from core.i18n import LANGUAGES
from core.llm.circuit_breaker import Breaker
from core.llm.overview import AccountOverview, OpenBreaker
from core.settings.environment import CoreSettings
from core.spend.budget_lifts import BudgetLifts
from core.spend.budgets import payer_of
from core.spend.used_up import UsedUpBudgets
from core.tools.mcp.server import ServerOverview
from core.turns.overview import TurnOverview, TurnStage
from core.values.budgets import ANY, Budget, BudgetAccount, BudgetScope, BudgetUnit, Limit, LimitPeriod, Payer
from core.values.conversation import TurnState
from core.values.deltas import Usage
from core.values.failures import Failure
from core.values.outgoing import RateLimit
from core.values.places import Person, Place
from core.values.platform import PlatformState
from core.values.replicas import OpenTurns, ReplicaOverview
from core.values.tasks import Alert, BudgetLift, BudgetReached
from core.values.tools import Tool, ToolRule
from core.values.turn_ends import Finish
from tests.bots.operator.test_markup import HOSTILE, Parsed
from tests.contract.stored import accepted, ask
from tests.fakes.clock import START, FakeClock
from tests.fakes.memory import MemoryStore

VIEW = View("en", ZoneInfo("Europe/Berlin"), START, "form-token")
PLACE = Place("slack", "T1", "C1", "100.1")
ADMIN = Person("operator", "PARLEY_OPERATOR_TOKEN")


def turn(number: int, stage: TurnStage) -> TurnOverview:
    at = START - timedelta(minutes=10, seconds=-number)
    return TurnOverview(
        number, PLACE, f"m{number}", Person("U1", HOSTILE), at, stage, "AnswerQuestion", HOSTILE
    )


async def test_of_many_waiting_turns_the_oldest_are_shown_and_the_others_counted() -> None:
    turns = [turn(number, TurnStage.QUEUED) for number in range(250)]
    shown = Parsed(await RunningSection(lambda: turns).body(VIEW, {}))
    assert shown.names.count("tr") == 1 + 200
    assert "50 more are not shown." in shown.text
    assert "Longest wait10 mins" in shown.text
    assert "script" not in shown.names
    assert "10:50:00" in shown.text, "the time zone is the operator's"


async def test_a_platform_that_is_down_says_why_and_each_of_its_teams_has_a_row() -> None:
    states = [
        PlatformState("slack", False, True, f"invalid_auth {HOSTILE}", (("T1", False), ("T2", True))),
        PlatformState("discord", False, False, "", ()),
        PlatformState("web", False, True, "", (("local", False),)),
    ]
    breaker = OpenBreaker(f"account {HOSTILE}", Code.BAD_KEY, 0.0, HOSTILE)
    account = AccountOverview(HOSTILE, "host", "KEY", ("m",), 3, 2, 4, 8, (breaker,))
    limiter = Bucket(RateLimit("slack/T1/C1", 2, 1.0))
    limiter.refuse(limiter.take(0.0), 0.0, 30.0)
    sources = PlatformSources(
        lambda: states,
        lambda: {("slack", "T1"): START - timedelta(seconds=5), ("slack", ""): START},
        lambda _: [account],
        lambda: [
            Alert(f"strange {HOSTILE}", Code.UNREACHABLE, "REF123", dict.fromkeys(("host", "url"), HOSTILE))
        ],
        lambda: [("slack T1", limiter.state(1.0)), ("slack T1", Bucket(RateLimit("free", 2, 1.0)).state(1.0))],
    )
    shown = Parsed(await PlatformsSection(sources).body(VIEW, {}))
    for words in (
        "invalid_auth <script>",
        "connecting",
        "connection lost",
        "5 sec ago",
        "none since the start",
        "of 4, learned from refusals; 8 are set",
        "the next question is the probe",
        "29 secs",
        "50%",
        "REF123",
    ):
        assert words in shown.text, words
    assert shown.text.index("slack/T1/C1") < shown.text.index("free"), "what holds calls up comes first"
    assert {"script", "img"}.isdisjoint(shown.names)


def test_an_open_breaker_says_when_it_is_probed() -> None:
    breaker = Breaker()
    assert breaker.probe_in_s(0.0) == 0.0
    breaker.fail(0.0, Code.NO_MONEY, 60.0)
    assert (breaker.probe_in_s(20.0), breaker.probe_in_s(61.0)) == (40.0, 0.0)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_failure_of_every_kind_is_shown_though_nothing_is_known_of_it(language: str) -> None:
    store = MemoryStore()
    for code in Code:
        await store.record_failure(Failure("REF123", code, HOSTILE, what=f"strange {code}"), START, PLACE)
    view = replace(VIEW, language=language)
    section = FailuresSection(store)
    shown = Parsed(await section.body(view, {}))
    assert "script" not in shown.names
    assert shown.names.count("tr") == 1 + min(PAGE, len(Code))
    assert Parsed(await section.body(view, {"ref": " ref123 "})).names.count("tr") > 1
    for strange in ({"before": "x"}, {"before": "-1"}, {"before": "9" * 40}, {"only": HOSTILE}):
        assert Parsed(await section.body(view, strange)).names.count("tr") > 1


async def test_names_in_backticks_are_set_apart_and_a_limit_is_named() -> None:
    store = MemoryStore()
    await store.record_failure(Failure("REF123", Code.BUDGET, what="budget all"), START)
    shown = await FailuresSection(store).body(VIEW, {})
    assert "<code>/budget</code> shows the limits" in shown
    assert "the budget of everybody" in Parsed(shown).text


async def test_failures_are_shown_page_by_page() -> None:
    store = MemoryStore()
    for number in range(PAGE + 2):
        await store.record_failure(Failure(f"N{number:05}", Code.STORE), START, PLACE)
    section = FailuresSection(store)
    first = Parsed(await section.body(VIEW, {}))
    (older,) = (value for name, value in first.given if name == "href" and "before=" in (value or ""))
    assert older is not None
    second = Parsed(await section.body(VIEW, {"before": older.rpartition("=")[2]}))
    assert "N00000" in second.text
    assert "N00000" not in first.text
    assert second.names.count("tr") == 1 + 2


async def test_only_a_failed_question_is_asked_again_and_the_audit_says_by_whom() -> None:
    store, clock = MemoryStore(), FakeClock()
    retry = Retry(store, clock)
    failed = await accepted(store, ask("m1", place=PLACE))
    await store.finish(Finish(failed, TurnState.FAILED, error="stalled"))
    waiting = await accepted(store, ask("m2", place=PLACE))
    for given in ({}, {"turn": "x"}, {"turn": "999"}, {"turn": str(waiting.id)}):
        assert not (await retry(VIEW, given, ADMIN)).well
    assert await store.newest_changes() == []
    assert (await retry(VIEW, {"turn": str(failed.id)}, ADMIN)).well
    ((_, change),) = await store.newest_changes()
    assert (change.place, change.name, change.by) == (replace(PLACE, thread=""), f"retry:{failed.id}", ADMIN)
    assert not (await retry(VIEW, {"turn": str(failed.id)}, ADMIN)).well


def reached(limit: Limit, scope: BudgetScope, until_s: float = 3600.0) -> BudgetReached:
    payer = Payer(ANY, ANY, ANY, ANY) if scope is BudgetScope.ALL else payer_of(PLACE, ANY)
    account = BudgetAccount(
        payer, LimitPeriod.DAY, START - timedelta(hours=1), START + timedelta(seconds=until_s)
    )
    return BudgetReached(Budget(scope, limit, account))


async def test_a_limit_is_allowed_once_more_only_while_it_is_one_and_its_period_lasts() -> None:
    limit = Limit(100, BudgetUnit.TOKENS, LimitPeriod.DAY)
    budgets = [reached(limit, BudgetScope.ALL)]
    store, clock, lifted = MemoryStore(), FakeClock(), list[BudgetLift]()
    core = CoreSettings(parley_budget="100 tokens a day", _env_file=None)

    async def refusing() -> list[BudgetReached]:
        return budgets

    lift = Lift(lambda: BudgetLifts(store, core, clock, lifted.append), refusing, lambda: "USD")
    await store.balances([budgets[0].budget.account], "")  # the refusal has read it
    section = BudgetsSection(store, refusing, lambda: "USD", str)
    shown = Parsed(await section.body(VIEW, {}))
    assert ("value", budgets[0].key) in shown.given
    assert "Allow 100 tokens more" in shown.text
    assert not (await lift(VIEW, {"key": "another"}, ADMIN)).well
    assert (await lift(VIEW, {"key": budgets[0].key}, ADMIN)).well
    assert not (await lift(VIEW, {"key": budgets[0].key}, ADMIN)).well
    assert [one.by for one in lifted] == [ADMIN]
    assert "allowed once more" in Parsed(await section.body(VIEW, {})).text
    budgets[0] = reached(replace(limit, amount=5), BudgetScope.ALL)
    assert "has been changed" in (await lift(VIEW, {"key": budgets[0].key}, ADMIN)).words
    budgets[0] = reached(limit, BudgetScope.ALL, until_s=-1.0)
    assert "is over" in (await lift(VIEW, {"key": budgets[0].key}, ADMIN)).words


async def test_a_limit_that_is_used_up_is_shown_before_it_refuses_a_question() -> None:
    store, clock = MemoryStore(), FakeClock()
    core = CoreSettings(parley_budget="100 tokens a day", _env_file=None)
    account = reached(Limit(100, BudgetUnit.TOKENS, LimitPeriod.DAY), BudgetScope.ALL).budget.account
    used_up = UsedUpBudgets(store, core, clock)
    await store.balances([account], "")
    assert await used_up.beside([]) == []
    turn = await store.begin((await accepted(store, replace(ask("m1"), at=START))).id)
    await store.finish(Finish(turn, TurnState.DONE, "yes", usage=Usage(90, 10), model="m"))
    [found] = await used_up.beside([])
    assert (found.budget.scope, found.lifts) == (BudgetScope.ALL, 0)
    assert await used_up.beside([found]) == [found]
    shown = Parsed(await BudgetsSection(store, lambda: used_up.beside([]), lambda: "USD", str).body(VIEW, {}))
    assert "100 tokens; now allowed: 100 tokens a day" in shown.text
    assert ("value", found.key) in shown.given


async def test_a_tool_server_that_cannot_be_reached_says_why_and_keeps_its_last_list() -> None:
    tools = (
        Tool("a", "", "{}", ToolRule.READ, title=HOSTILE),
        Tool("b", "", "{}", ToolRule.NEVER, title="b"),
    )
    servers = [
        ServerOverview(HOSTILE, "host", False, f"refused {HOSTILE}", tools, 60.0),
        ServerOverview("new", "program", None, "", (), None),
    ]
    shown = Parsed(await ToolsSection(MemoryStore(), lambda: servers, lambda: True).body(VIEW, {}))
    for words in ("not connected", "refused <script>", "1 tool", "never offered", "connecting", "60 secs"):
        assert words in shown.text, words
    assert {"script", "img"}.isdisjoint(shown.names)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_replicas_are_shown_with_what_they_hold_and_what_nobody_does(language: str) -> None:
    store = MemoryStore()
    teams = tuple(OpenTurns("slack", f"T{number}{HOSTILE}", 2) for number in range(25))
    store.known_replicas = [
        ReplicaOverview(
            "host-a:1", START - timedelta(hours=2), partitions=128, shards=(0, 1, 2, 5), teams=teams
        ),
        ReplicaOverview("host-b:2", START, leaves=True, partitions=64),
        ReplicaOverview("", teams=teams[:1]),
    ]
    view = replace(VIEW, language=language)
    shown = Parsed(await ReplicasSection(store, 6, "host-b:2").body(view, {}))
    assert shown.names.count("tr") == 1 + 3
    assert "0-2, 5" in shown.text
    assert view.percent(0.75) in shown.text
    for key in ("replica_answers", "replica_leaves", "replica_own", "replica_nobody"):
        assert view.say(key) in shown.text
    assert view.say("more_rows", n=5) in shown.text
    store.known_replicas = []
    assert view.say("replicas_none") in Parsed(await ReplicasSection(store, 1, "a").body(view, {})).text
