"""Limits of spending where questions come in: refusals, notes, lifts, and the bound of what one person spends."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from core.commands.handlers import CommandHandlers
from core.i18n import LANGUAGES, phrase, variant
from core.inbox.inbox import StoringInbox
from core.settings.environment import CoreSettings
from core.spend.budget_alerts import holds
from core.spend.budget_checks import AnswerPart, BudgetChecks, BudgetRefusal, Reserved
from core.spend.budget_text import AlertView, reached_to_text, reference, refusal_to_text
from core.spend.budgets import AnswerBound
from core.spend.prices import priced
from core.turns.running import RunningTurns
from core.values.budgets import (
    ANY,
    Budget,
    BudgetAccount,
    BudgetScope,
    BudgetUnit,
    Limit,
    LimitPeriod,
    Payer,
    SoundRules,
)
from core.values.conversation import Ask, Turn, TurnState, announcement
from core.values.deltas import ModelInfo, Usage
from core.values.events import ButtonPress, Command, Outcome, Receipt
from core.values.model_accounts import ModelAccount
from core.values.parts import FileProblem
from core.values.places import Person, Place
from core.values.platform import Feature, PlatformTraits
from core.values.prices import Prices
from core.values.tasks import BudgetLift, BudgetReached
from core.values.turn_ends import Finish
from core.values.ui import ImmediateReply
from tests.fakes.clock import FakeClock
from tests.fakes.memory import MemoryStore

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
THREAD, ALERTS = Place("slack", "T1", "C1", "1.0"), Place("slack", "T1", "C9")
ADA, BEN, ADMIN = Person("U1", "Ada"), Person("U2", "Ben"), Person("U9", "Eve", admin=True)


class Budgeted:
    def __init__(
        self, *, returns_refused: bool = False, sound_models: Sequence[ModelInfo] = (), **core: Any
    ) -> None:
        self.clock = FakeClock(NOON, jumps=True)
        self.store = MemoryStore(self.clock)
        self.submitted: list[Turn] = []
        self.reached: list[BudgetReached] = []
        self.lifted: list[BudgetLift] = []
        settings = CoreSettings(_env_file=None, **core)
        self.budgets = BudgetChecks(
            self.store,
            settings,
            self.clock,
            on_reached=self.reached.append,
            on_lifted=self.lifted.append,
        )
        traits = {"slack": PlatformTraits(frozenset(Feature), returns_refused=returns_refused)}
        self.handlers = CommandHandlers(self.store, settings, self.clock, traits=traits, budgets=self.budgets)
        self.inbox = StoringInbox(
            self.store, self.submitted.append, RunningTurns(), self.handlers, sound_models=sound_models
        )
        self.asked = self.alert_id = 0

    async def set(self, place: Place = THREAD, **settings: str) -> None:
        await self.store.change(replace(place, thread=""), settings, ADMIN, NOON)

    async def say(self, by: Person = ADA, thread: str = "1.0", at: datetime | None = None) -> Receipt:
        self.asked += 1
        place = replace(THREAD, thread=thread)
        return await self.inbox.receive(Ask(f"m{self.asked}", place, by, "why?", at or NOON, addressed=True))

    async def spend(self, tokens: int, turn: Turn | None = None, micros: int = 0) -> Turn:
        turn = turn or self.submitted[-1]
        usage = Usage(tokens, cost_micros=micros)
        begun = await self.store.begin(turn.id)
        await self.store.finish(Finish(begun, TurnState.DONE, "because", model="m", usage=usage))
        return begun

    async def reserve(self, turn: Turn, most: int, *, rounds: int = 1, goes_on: bool = False) -> Reserved:
        """Reserve a prompt of `most` tokens; with two rounds also that of the last one, which is the model's window."""
        bound = AnswerBound(most, max_tokens=1, rounds=rounds)
        info = ModelInfo("m", 800 if rounds == 1 else max(100, most))
        part = AnswerPart(turn, bound, info, begun=goes_on, goes_on=goes_on)
        return await self.budgets.reserve(part, lambda: self.handlers.settings(turn.ask.place, turn.ask.author))

    async def command(self, name: str, argument: str = "", by: Person = ADA) -> str:
        place = replace(THREAD, thread="")
        receipt = await self.inbox.receive(Command(name, place, by, NOON, argument))
        assert receipt.reply is not None
        return receipt.reply.text


async def test_at_100_percent_a_question_is_refused_with_the_limit_and_the_time_of_its_renewal() -> None:
    here = Budgeted()
    await here.set(budget="100 tokens a day")
    await here.set(Place("slack", "T1", ""), time_zone="Asia/Shanghai")
    assert (await here.say()).outcome is Outcome.TURN
    await here.spend(100)
    refused = await here.say(BEN)
    assert refused.outcome is Outcome.BUDGET
    assert refused.reply is not None
    assert refused.reply.refused
    assert refused.reply.text.startswith(
        "The budget of this channel is used up: 100 tokens a day. It renews on 1 Apr 00:00 Asia/Shanghai; "
    )
    assert [line.text for line in await here.store.lines(THREAD)][-1] == "why?", "it stays in its thread"
    assert (await here.say(BEN)).reply is None, "not each one is replied to"
    await here.clock.advance(4 * 3600)  # 00:00 in Shanghai
    assert (await here.say(BEN)).outcome is Outcome.TURN


async def test_where_refused_words_are_given_back_none_stay_in_the_thread_and_each_refusal_is_explained() -> (
    None
):
    here = Budgeted(returns_refused=True, parley_budget="100 tokens a day")
    await here.say()
    await here.spend(100)
    for _ in range(2):
        refused = await here.say()
        assert refused.reply is not None
        assert refused.reply.text.startswith("The budget of everybody who uses Parley is used up")
    assert [line.text for line in await here.store.lines(THREAD)] == ["why?", "because"]
    command = Command("ask", THREAD, ADA, NOON, "why?", id="m9")
    assert (await here.inbox.receive(command)).outcome is Outcome.BUDGET
    assert len(await here.store.lines(THREAD)) == 2


@pytest.mark.parametrize(
    ("settings", "why"), [({"deny": "U1"}, "refused_denied"), ({"listen": "off"}, "refused_off")]
)
async def test_where_refused_words_are_given_back_it_is_always_said_who_may_ask(
    settings: dict[str, Any], why: str
) -> None:
    here = Budgeted(returns_refused=True)
    await here.set(**settings)
    told = [(await here.say()).reply for _ in range(2)]
    assert told == [ImmediateReply(phrase(why, "en"), refused=True)] * 2


async def test_a_question_that_would_be_refused_is_known_before_its_files_are_read() -> None:
    here = Budgeted(parley_budget="100 tokens a day")
    ask = Ask("m9", THREAD, ADA, "why?", NOON, addressed=True)
    assert await here.inbox.refusal(ask) is None
    await here.say()
    await here.spend(100)
    refused = await here.inbox.refusal(ask)
    assert refused is not None
    assert refused.text.startswith("The budget of everybody who uses Parley is used up")
    assert await here.inbox.refusal(replace(ask, text="/usage")) is None, "no model answers it"
    assert await here.inbox.refusal(replace(ask, text="/ask why?")) == refused


@pytest.mark.parametrize("scope", ["person", "channel", "workspace", "all"])
@pytest.mark.parametrize("language", LANGUAGES)
async def test_each_scope_counts_its_own_and_says_whose_budget_it_is(scope: str, language: str) -> None:
    limits: dict[str, Any] = {"parley_budget": "10 tokens a month"} if scope == "all" else {}
    here, workspace = Budgeted(**limits), Place("slack", "T1", "")
    if scope != "all":
        name = "person_budget" if scope == "person" else "budget"
        await here.set(THREAD if scope == "channel" else workspace, **{name: "10 tokens a month"})
    await here.say()
    await here.spend(10)
    refused = await here.say(replace(ADA, locale=language))
    assert refused.reply is not None
    assert refused.reply.text.startswith(phrase(f"budget_of_{scope}", language))
    assert refused.reply.private is (scope == "person")
    assert (await here.say(BEN)).outcome is (Outcome.TURN if scope == "person" else Outcome.BUDGET)
    (reached, *_) = here.reached
    alert = reached_to_text(reached, AlertView(language, "USD", UTC, ALERTS))
    assert reference(reached.budget) in refused.reply.text
    assert reference(reached.budget) in alert
    assert ADA.id not in repr(reached)


async def test_sounds_of_a_question_need_a_price_under_a_limit_in_money_alone() -> None:
    ask = Ask("m9", THREAD, ADA, "why?", NOON, addressed=True)
    here = Budgeted(sound_models=[ModelInfo("ears")])
    assert await here.inbox.sound_rules(ask) == SoundRules()
    await here.set(budget="100 tokens a day")
    assert await here.inbox.sound_rules(ask) == SoundRules(limited=True)
    await here.set(Place("slack", "T1", ""), person_budget="1 a day")
    assert await here.inbox.sound_rules(ask) == SoundRules(limited=True, problem=FileProblem.UNPRICED)
    priced = ModelInfo("ears", prices=(Prices(minute=Decimal("0.006")),))
    there = Budgeted(sound_models=[priced], parley_budget="1 a day")
    assert await there.inbox.sound_rules(ask) == SoundRules(limited=True)


async def test_from_80_percent_on_each_asker_is_told_once_and_answered() -> None:
    here = Budgeted(parley_budget="100 tokens a day")
    assert (await here.say()).reply is None
    await here.spend(80)
    told = await here.say()
    assert (told.outcome, told.reply is not None) == (Outcome.TURN, True)
    assert told.reply is not None
    assert "80% of 100 tokens a day" in told.reply.text
    assert not told.reply.refused
    assert told.reply.whisper
    assert (await here.say()).reply is None, "once"
    assert (await here.say(BEN)).reply is not None
    again = StoringInbox(here.store, here.submitted.append, RunningTurns(), here.handlers)
    here.inbox = again
    assert (await here.say()).reply is None, "once, also after a restart"


@pytest.mark.parametrize(
    ("scope", "platform", "words"),
    [
        (
            "person",
            "slack",
            "until then I can't answer you. If it can't wait, ask an admin to allow more. (ref ",
        ),
        (
            "channel",
            "slack",
            "until then I can't answer here. If it can't wait, ask an admin to allow more. (ref ",
        ),
        ("channel", "web", "until then I can't answer here. If it can't wait, raise it with `/budget`. (ref "),
        ("all", "web", "until then I can't answer here. If it can't wait, raise PARLEY_BUDGET. (ref "),
        ("all", "slack", "until then I can't answer here. If it can't wait, ask an admin to allow more. (ref "),
    ],
)
def test_a_refusal_says_what_can_be_done_by_whom(scope: str, platform: str, words: str) -> None:
    limit = Limit(10, BudgetUnit.TOKENS, LimitPeriod.DAY)
    account = BudgetAccount(Payer(ANY, ANY, ANY, ANY), LimitPeriod.DAY, NOON, NOON + timedelta(days=1))
    refusal = BudgetRefusal(Budget(BudgetScope(scope), limit, account))
    language = variant("en", platform)
    assert words in refusal_to_text(refusal, language, "USD", UTC)
    unpriced = refusal_to_text(replace(refusal, model="m"), language, "USD", UTC)
    assert ("PARLEY_PRICE_INPUT" in unpriced) is (platform == "web")
    assert ("Ask an admin" in unpriced) is (platform == "slack")


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "en",
            "Your budget was used up while I was answering: 10 tokens a day. "
            "It renewed on 2 Jan 00:00 UTC, so try again.",
        ),
        ("zh", "我还在回答时，你的预算已用完：每天 10 个 token。1月2日 00:00 UTC 已重新计算，请重试。"),
    ],
)
def test_a_refusal_by_a_period_that_has_ended_says_that_the_limit_has_renewed(
    language: str, words: str
) -> None:
    limit, day = Limit(10, BudgetUnit.TOKENS, LimitPeriod.DAY), datetime(2026, 1, 1, tzinfo=UTC)
    account = BudgetAccount(Payer(ANY, ANY, ANY, ANY), LimitPeriod.DAY, day, day + timedelta(days=1))
    refusal = BudgetRefusal(Budget(BudgetScope.PERSON, limit, account), renewed=True)
    assert refusal_to_text(refusal, language, "USD", UTC) == words


async def test_to_try_again_to_go_on_and_to_regenerate_are_refused_like_questions() -> None:
    here = Budgeted()
    await here.say()
    turn = await here.spend(10)
    await here.set(budget="10 tokens a month")
    for action in ("again", "regenerate", "continue"):
        receipt = await here.inbox.receive(ButtonPress(action, turn.id, THREAD, ADA))
        assert receipt.outcome is Outcome.BUDGET, action
        assert receipt.reply is not None
    assert len(here.submitted) == 1


async def test_an_old_question_that_is_answered_again_is_charged_to_today() -> None:
    here = Budgeted(parley_budget="10 tokens a day")
    await here.say()
    turn = await here.spend(10)
    await here.clock.advance(24 * 3600)
    pressed = await here.inbox.receive(ButtonPress("regenerate", turn.id, THREAD, ADA))
    assert pressed.outcome is Outcome.TURN
    await here.spend(10)
    assert (await here.say()).outcome is Outcome.BUDGET


async def test_a_question_is_charged_when_it_is_asked_however_old_its_message_is() -> None:
    here = Budgeted()
    await here.set(Place("slack", "T1", ""), person_budget="10 tokens a day")
    for days in range(1, 4):
        receipt = await here.say(at=NOON - timedelta(days=days))
        assert receipt.outcome is (Outcome.TURN if days == 1 else Outcome.BUDGET), (
            "an edit made it a question now"
        )
        if days == 1:
            await here.spend(10)
    totals = await here.store.usage_totals(NOON, NOON + timedelta(hours=1))
    assert totals.questions == 1


@pytest.mark.parametrize("action", ["again", "continue"])
async def test_who_has_the_answer_of_another_go_on_pays_for_it_and_is_held_to_their_own_limit(
    action: str,
) -> None:
    here = Budgeted()
    await here.say()
    turns = [await here.spend(10)]
    for _ in range(2):
        await here.say()
        turns.append(await here.spend(10))
    await here.set(Place("slack", "T1", ""), person_budget="31 tokens a day")
    for turn in turns:
        assert (await here.inbox.receive(ButtonPress(action, turn.id, THREAD, BEN))).outcome is Outcome.TURN
        again = here.submitted[-1]
        assert (again.ask.author, again.payer) == (ADA, BEN), "its author still approves its calls"
        part = AnswerPart(again, AnswerBound(20), ModelInfo("m"))
        reserved = await here.budgets.reserve(part, lambda: here.handlers.settings(THREAD, BEN))
        assert reserved.refusal is None
        await here.spend(11, again)
    day = (NOON - timedelta(hours=12), NOON + timedelta(hours=12), replace(THREAD, channel=""))
    for person, tokens in ((ADA, 30), (BEN, 33)):
        assert (await here.store.usage_totals(*day, person.id)).prompt_tokens == tokens
    assert (await here.say()).outcome is Outcome.TURN, "the asker has spent 30 of 31"
    refused = await here.inbox.receive(ButtonPress(action, (await here.spend(0)).id, THREAD, BEN))
    assert refused.outcome is Outcome.BUDGET
    assert refused.reply is not None
    assert refused.reply.whisper, "nobody else reads it"


async def lift(here: Budgeted, by: Person, reached: BudgetReached) -> Receipt:
    ask = announcement(f"budget:{reached.key}", replace(ALERTS, team=""), reached, NOON, "used up")
    turn = await here.store.accept(ask)
    here.alert_id = turn.id if turn else here.alert_id
    return await here.inbox.receive(ButtonPress("budget_lift", here.alert_id, ALERTS, by))


async def test_an_admin_allows_as_much_again_once_for_each_time_that_it_is_reached() -> None:
    here = Budgeted()
    await here.set(budget="10 tokens a month")
    await here.say()
    await here.spend(10)
    assert (await here.say()).outcome is Outcome.BUDGET
    (reached,) = here.reached
    assert (await lift(here, BEN, reached)).outcome is Outcome.REFUSED
    elsewhere = ButtonPress("budget_lift", here.alert_id, replace(ALERTS, channel="C8"), ADMIN)
    assert (await here.inbox.receive(elsewhere)).outcome is Outcome.UNKNOWN
    done = await lift(here, ADMIN, reached)
    assert done.reply is not None
    assert not done.reply.whisper
    assert done.reply.text == "Eve allowed 10 tokens more. The limit is 20 tokens until 1 Apr 00:00 UTC."
    (lifted,) = here.lifted
    assert (lifted.reached, lifted.by, lifted.place) == (reached, ADMIN, ALERTS)
    twice = await lift(here, ADMIN, reached)
    assert twice.reply is not None
    assert twice.reply.text == phrase("budget_lifted_already", "en")
    assert (await here.say()).outcome is Outcome.TURN
    history = await here.command("settings", "history", ADMIN)
    assert "Eve · Budget: 10 tokens a month allowed once more" in history
    await here.set(Place("slack", "T1", ""), person_budget="1 token a month")
    assert (await here.say()).outcome is Outcome.BUDGET
    await lift(here, ADMIN, here.reached[-1])
    history = await here.command("settings", "history", ADMIN)
    assert "Eve · Budget of one person: 1 token a month allowed once more" in history
    await here.set(Place("slack", "T1", ""), person_budget="off")
    await here.spend(10)
    assert (await here.say()).outcome is Outcome.BUDGET
    first, _, again = here.reached
    assert (first.lifts, again.lifts) == (0, 1)
    assert first.key != again.key


async def test_the_button_of_an_alert_is_of_no_use_once_its_limit_was_changed() -> None:
    here, workspace = Budgeted(parley_budget="10 tokens a month"), Place("slack", "T1", "")
    of_channel = ("100 tokens a day, 5 a day", "1m tokens a day, 5 a day")
    changes = [
        (THREAD, "budget", *of_channel),
        (workspace, "budget", *of_channel),
        (workspace, "person_budget", "20 tokens a day", "30 tokens a day"),
    ]
    await here.say()
    await here.spend(100)
    everybody = (await here.budgets.balances(THREAD, ADA.id, await here.handlers.settings(THREAD, ADA)))[0][0]
    assert await holds(everybody, here.store, here.handlers.core)
    for place, name, old, new in changes:
        await here.set(place, **{name: old})
        settings = await here.handlers.settings(THREAD, ADA)
        found = await here.budgets.balances(THREAD, ADA.id, settings)
        budget = next(one for one, _ in found if one.scope is not BudgetScope.ALL)
        assert await holds(budget, here.store, here.handlers.core)
        await here.set(place, **{name: new})
        told = await lift(here, ADMIN, BudgetReached(budget))
        assert (told.outcome, told.reply and told.reply.text) == (
            Outcome.DUPLICATE,
            phrase("budget_limit_changed", "en"),
        )
        assert [one for one in await here.store.lifted([budget.account]) if one.lifts] == []
        await here.set(place, **{name: ""})


async def test_1000_questions_of_one_person_spend_that_persons_budget_and_no_more() -> None:
    here = Budgeted()
    await here.set(Place("slack", "T1", ""), person_budget="1000 tokens a day")
    receipts = [await here.say(thread=f"{number}.0") for number in range(1_000)]
    assert {receipt.outcome for receipt in receipts} == {Outcome.TURN}, "nothing is spent yet"
    others = await here.say(BEN)
    assert others.outcome is Outcome.TURN
    working = asyncio.Semaphore(20)

    async def answer(turn: Turn) -> int:
        async with working:
            part = AnswerPart(turn, AnswerBound(20, max_tokens=30), ModelInfo("m"))
            reserved = await here.budgets.reserve(
                part, lambda: here.handlers.settings(turn.ask.place, turn.ask.author)
            )
            if reserved.refusal:
                return 0
            await asyncio.sleep(0)
            await here.spend(50, turn)
            here.budgets.end(turn.id)
            return 50

    spent = await asyncio.gather(*(answer(turn) for turn in here.submitted[:-1]))
    assert sum(spent) == 1_000
    assert await answer(here.submitted[-1]) == 50, "the budget of others is their own"
    assert (await here.say()).outcome is Outcome.BUDGET


async def test_a_waiting_question_begins_once_its_limit_is_off() -> None:
    here = Budgeted()
    await here.set(budget="100 tokens a day")
    for thread in ("1.0", "2.0"):
        await here.say(thread=thread)
    first, second = here.submitted
    assert await here.reserve(first, 90) == Reserved()
    waits = asyncio.ensure_future(here.reserve(second, 90))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not waits.done()
    await here.set(budget="")
    assert await waits == Reserved()


async def test_another_round_waits_where_it_does_not_fit_and_is_the_last_one_where_all_wait() -> None:
    here = Budgeted()
    await here.set(budget="1000 tokens a day")
    for number in range(4):
        await here.say(thread=f"{number}.0")
    one, two, three, four = here.submitted
    assert await here.reserve(one, 10, rounds=2) == await here.reserve(two, 10, rounds=2) == Reserved()
    waits = asyncio.ensure_future(here.reserve(one, 700, rounds=2, goes_on=True))
    new = asyncio.ensure_future(here.reserve(three, 1))
    for _ in range(20):
        await asyncio.sleep(0)
    assert (waits.done(), new.done()) == (False, False), "whoever has begun goes first"
    assert await here.reserve(two, 700, rounds=2, goes_on=True) == Reserved(last_round=True)
    await here.spend(1, two)
    here.budgets.end(two.id)
    assert await waits == Reserved()
    await here.spend(999, four)
    assert (await new).refusal is not None
    again = await here.reserve(one, 10, goes_on=True)
    assert again == Reserved(last_round=True), "others have reached the limit: no other round is reserved"


async def test_a_limit_in_money_without_a_known_price_is_said_where_it_is_set_and_where_it_refuses() -> None:
    here = Budgeted()
    told = await here.command("budget", "20 a month", ADMIN)
    assert phrase("budget_unpriced_note", "en", model="GPT-5.5") in told
    assert (await here.say()).outcome is Outcome.BUDGET
    assert here.reached == [], "no budget is used up"
    assert "price" not in await here.command("budget", "500k tokens a day", ADMIN)
    assert (await here.say(BEN)).outcome is Outcome.TURN


@pytest.mark.parametrize("currency", ["USD", "EUR"])
async def test_a_limit_in_money_counts_what_a_workspaces_own_account_reports_and_refuses_nothing_for_want_of_a_price(
    currency: str,
) -> None:
    here = Budgeted(parley_currency=currency)
    own = ModelAccount("slack", "T1", "https://models.example/v1", ("large",))
    await here.store.put_model_account(own, "sk-of-the-workspace-0001", ADMIN, NOON)
    told = await here.command("budget", "20 a month", ADMIN)
    note = "budget_own_note" if currency == "USD" else "budget_own_unknown_note"
    assert told.endswith(phrase(note, "en"))
    assert phrase(note, "en") not in await here.command("budget", "workspace 500k tokens a day", ADMIN)
    assert (await here.say()).outcome is Outcome.TURN
    turn = here.submitted[-1]
    settings = await here.handlers.settings(THREAD, ADA)
    assert settings.own_model is not None
    part = AnswerPart(turn, AnswerBound(10, max_tokens=1), settings.own_model, own=True)
    assert await here.budgets.reserve(part, lambda: here.handlers.settings(THREAD, ADA)) == Reserved(
        in_money=True
    )
    spent = Usage(100, cost_micros=20_000_000)
    usage = priced(spent, settings.own_model, NOON.date())
    begun = await here.store.begin(turn.id)
    await here.store.finish(Finish(begun, TurnState.DONE, "so", model="large", usage=usage, own_account=True))
    here.budgets.end(turn.id)
    reached = currency == "USD"
    assert (await here.say(BEN)).outcome is (Outcome.BUDGET if reached else Outcome.TURN)
    assert ("not known" in await here.command("budget")) is not reached


async def test_budget_shows_every_limit_with_what_is_spent_and_admins_set_them() -> None:
    here = Budgeted(parley_budget="1m tokens a month")
    assert phrase("settings_by_admin", "en") in await here.command("budget", "person 5 tokens a day", BEN)
    assert "5 tokens a day" in await here.command("budget", "person 5 tokens a day", ADMIN)
    await here.command("budget", "of:workspace 100 tokens a month", ADMIN)
    await here.command("budget", "50 tokens a month", ADMIN)
    await here.say()
    await here.spend(4)
    shown = await here.command("budget")
    assert [line for line in shown.splitlines() if line.startswith("- ")] == [
        "- Your budget: 5 tokens a day. Spent: 4 tokens (80%). It renews on 1 Apr 00:00 UTC.",
        "- The budget of this channel: 50 tokens a month. Spent: 4 tokens (8%). It renews on 1 Apr 00:00 UTC.",
        "- The budget of this workspace: 100 tokens a month. Spent: 4 tokens (4%). It renews on 1 Apr 00:00 UTC.",
        "- The budget of everybody who uses Parley: 1,000,000 tokens a month. Spent: 4 tokens (0%). It renews on "
        "1 Apr 00:00 UTC.",
    ]
    assert "/budget person" not in shown
    assert "/budget person" in await here.command("budget", by=ADMIN)
    assert await here.command("budget", "person off", ADMIN) == (
        "Done. There is no budget of each person any more. Still in force: the budget of this channel, 50 tokens a "
        "month; the budget of this workspace, 100 tokens a month; the budget of everybody who uses Parley, 1,000,000 "
        "tokens a month."
    )
    assert "Your budget" not in await here.command("budget")
    wrong = await here.command("budget", "a lot", ADMIN)
    assert phrase("setting_budget_about", "en") in wrong


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("500k a day", "500k tokens a day"),
        ("2 a day, 1m a month", "2 a day, 1m tokens a month"),
        ("每天 50万", "每天 50万 tokens"),
    ],
)
@pytest.mark.parametrize("language", ["en", "zh"])
async def test_an_amount_with_a_size_and_no_unit_is_refused_with_the_tokens_that_may_be_meant(
    text: str, meant: str, language: str
) -> None:
    here, admin = Budgeted(), replace(ADMIN, locale=language)
    told = await here.command("budget", text, admin)
    assert phrase("limit_unit", language, meant=meant) in told
    assert "500" not in await here.command("budget"), "nothing is set"
    for plain in (meant, "US$5k a month", "500k USD a day", "20 a month"):
        assert phrase("limit_unit", language, meant="|").split("|")[0] not in await here.command(
            "budget", plain, admin
        )


def test_the_operators_limit_is_refused_likewise() -> None:
    with pytest.raises(ValueError, match="write '500k tokens a day'"):
        CoreSettings(_env_file=None, parley_budget="500k a day")
