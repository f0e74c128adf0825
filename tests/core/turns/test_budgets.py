"""Limits of spending at the beginning of an answer."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from core.clock import SystemClock
from core.i18n import phrase
from core.ports.model import Model, Request
from core.ports.store.settings import StoredSettings
from core.settings.environment import CoreSettings
from core.spend.budgets import AnswerBound
from core.turns.answer_budgets import answer_bound
from core.turns.draft import BETWEEN_ROUNDS
from core.values.budgets import Budget, BudgetClaim, BudgetDecision
from core.values.conversation import Ask, Turn, TurnState, text_message
from core.values.deltas import (
    Charged,
    ChargeKind,
    Delta,
    DescriptionsBegin,
    Ended,
    EndReason,
    ModelInfo,
    ModelSelected,
    Usage,
)
from core.values.parts import Image, Text
from core.values.places import Person, Place
from core.values.prices import Prices
from core.values.steps import ApprovalAsked, Step, ToolResults, ToolsBegun
from core.values.tasks import ANSWER
from core.values.tools import Tool, ToolOffer
from core.values.turn_ends import Finish
from tests.contract.test_steps import LOOK, Toolbox
from tests.core.turns.test_runner import ADA, PLACE, NewYear
from tests.core.turns.test_runner import Rig as RunnerRig
from tests.fakes.memory import MemoryStore
from tests.waiting import until

OTHERS, THIRD = replace(PLACE, thread="2.0"), replace(PLACE, thread="3.0")


class Rig(RunnerRig):
    def __init__(self, **more: Any) -> None:
        super().__init__(clock=NewYear(), **more)


def limited(budget: str, model: Model | None = None, **more: Any) -> Rig:
    return Rig(model=model, core=CoreSettings(_env_file=None, parley_budget=budget, **more))


async def test_an_answer_whose_budget_is_used_up_is_refused_with_the_limit_and_a_second_try() -> None:
    rig = limited("100 tokens a day")
    rig.model.go.set()
    async with rig.delivering():
        spent = await rig.ask(1)
        await rig.until_ended(spent)
        before = await rig.store.accept(replace(spent.ask, id="m2", place=OTHERS))
        assert before is not None
        usage = Usage(90, 10)
        await rig.store.finish(Finish(await rig.store.begin(before.id), TurnState.DONE, "so", usage=usage))
        refused = await rig.ask(3)
        ended = await _ended(rig, refused)
    assert ended.state is TurnState.FAILED
    footer = (await rig.store.answer_footers(PLACE))[-1]
    assert footer.notice.startswith(
        "The budget of everybody who uses Parley is used up: 100 tokens a day. It renews on 2 Jan 00:00"
    )
    assert [button.label for button in footer.buttons] == [phrase("again", "en")]
    assert len(rig.model.requests) == 1, "the model is not asked"
    assert (await rig.store.usage_totals(spent.ask.at, refused.ask.at.replace(hour=1))).errors == 1


async def test_an_answer_waits_for_one_that_may_use_up_the_budget_and_says_so() -> None:
    rig = limited("100 tokens a day", parley_patience_s=0)
    async with rig.delivering():
        first = await rig.ask(1)
        await until(lambda: rig.model.requests)
        second = await rig.ask(2, place=OTHERS)
        await until(lambda: any(notice == phrase("budget_waits", "en") for _, notice in rig.views("p1")))
        assert [button.action for button in rig.platform.shown["p1"][-1].buttons] == ["stop"]
        assert len(rig.model.requests) == 1
        rig.model.go.set()
        await rig.until_ended(first)
        await rig.until_ended(second)
    assert len(rig.model.requests) == 2
    assert rig.views("p1")[-1] == ("All of it.", "")


async def test_a_waiting_answer_can_be_stopped_and_holds_nothing() -> None:
    rig = limited("100 tokens a day")
    async with rig.delivering():
        first = await rig.ask(1)
        await until(lambda: rig.model.requests)
        second = await rig.ask(2, place=OTHERS)
        await until(lambda: any(one.id == second.id and one.writing for one in rig.live))
        rig.live.stop(second.id)
        assert (await _ended(rig, second)).state is TurnState.STOPPED
        rig.model.go.set()
        await rig.until_ended(first)


class Endless:
    """Reads a prompt of 60 tokens, and never ends its answer."""

    def __init__(self) -> None:
        self.asked = 0

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        yield ModelSelected(ModelInfo(request.model), 60)
        self.asked += 1
        await asyncio.Event().wait()


async def test_each_beginning_after_an_edit_counts_the_ones_before_it() -> None:
    model = Endless()
    rig = Rig(model=model, core=CoreSettings(_env_file=None, parley_budget="100 tokens a day"))
    async with rig.delivering():
        turn = await rig.ask(1)
        for number in (1, 2):
            await until(lambda: model.asked == number)  # noqa: B023
            (running,) = rig.live
            assert running.restart()
        assert (await _ended(rig, turn)).state is TurnState.FAILED
    assert model.asked == 2, "the two of them have spent 120 tokens"


async def test_the_author_of_an_edited_question_pays_for_the_answer_that_begins_anew() -> None:
    model = Endless()
    rig = Rig(model=model, core=CoreSettings(_env_file=None, parley_budget="1k tokens a day"))
    async with rig.delivering():
        first = await rig.ask(1)
        await until(lambda: model.asked == 1)
        rig.live.stop(first.id)
        await _ended(rig, first)
        again = await rig.store.retry_turn(first.id, ANSWER, Person("U2", "Bo"))
        assert again is not None
        rig.place_queues.submit(again)
        await until(lambda: model.asked == 2)
        (running,) = rig.live
        assert running.turn.payer.id == "U2"
        assert running.restart()
        await until(lambda: model.asked == 3)
        stored = await rig.store.turn(again.id)
        assert stored is not None
        assert running.turn.payer.id == stored.payer.id == first.ask.author.id


async def test_an_answer_whose_question_is_edited_keeps_no_other_waiting_until_it_begins_anew() -> None:
    model = Endless()
    rig = Rig(model=model, core=CoreSettings(_env_file=None, parley_budget="500 tokens a day"))
    async with rig.delivering():
        await rig.ask(1)
        await until(lambda: model.asked == 1)
        (running,) = rig.live
        await rig.ask(2, place=OTHERS)
        await until(lambda: sum(one.writing is not None for one in rig.live) == 2)
        assert model.asked == 1, "the first one may use up the limit"
        assert running.restart(due_s=asyncio.get_running_loop().time() + 3_600)
        await until(lambda: model.asked == 2)


class Dear:
    """Selects a dear model once the first one has failed; `asked` is how often that was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.fails, self.go = asyncio.Event(), asyncio.Event()
        self.requests: list[Request] = []

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        self.requests.append(request)
        yield ModelSelected(ModelInfo(request.model, prices=PRICES), 9)
        await self.fails.wait()
        yield ModelSelected(ModelInfo("dear", prices=DEAR), 9)
        self.asked += 1
        await self.go.wait()
        yield Text("So.")
        yield Ended(EndReason.STOP, Usage(1_000, 0))


PRICES = (Prices(input=Decimal(1), output=Decimal(1)),)
DEAR = (Prices(input=Decimal(100), output=Decimal(100)),)


async def test_a_dearer_model_is_asked_only_within_the_limit() -> None:
    model, price = Dear(), Decimal(1)
    rig = limited("0.1 a day", model, parley_price_input=price, parley_price_output=price, parley_max_tokens=50)
    async with rig.delivering():
        turns = [await rig.ask(number, place=replace(PLACE, thread=f"{number}.0")) for number in range(1, 6)]
        await until(lambda: len(model.requests) == len(turns))
        model.fails.set()
        await until(lambda: model.asked)
        assert all(request.priced for request in model.requests)
        model.go.set()
        states = [(await _ended(rig, turn)).state for turn in turns]
    assert sorted(states) == [TurnState.DONE, *[TurnState.FAILED] * 4]
    assert model.asked == 1, "it cost all of 100,000 micros"


class FallingBack:
    """Calls a tool in the first round. Has a dear model give the second one, once its own try has failed and `go` is
    released."""

    def __init__(self) -> None:
        self.trying = self.asked = 0
        self.fails, self.go = asyncio.Event(), asyncio.Semaphore(0)

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        yield ModelSelected(ModelInfo(request.model, 1_000, PRICES), 9)
        if not request.steps:
            yield Text("Look.")
            yield LOOK
            yield Ended(EndReason.TOOLS, Usage(10, 5))
            return
        self.trying += 1
        await self.fails.wait()
        yield ModelSelected(ModelInfo("dear", 1_000, DEAR), 9)
        self.asked += 1
        await self.go.acquire()
        yield Text("So.")
        yield Ended(EndReason.STOP, Usage(1_000, 0))


SHORT: dict[str, Any] = {
    "parley_context_tokens": 1_000,
    "parley_max_tokens": 50,
    "parley_price_input": Decimal(1),
    "parley_price_output": Decimal(1),
}


def threads(count: int) -> list[Place]:
    return [replace(PLACE, thread=f"{number}.0") for number in range(count)]


@pytest.mark.parametrize(
    ("language", "waits", "refused"),
    [
        (
            "en",
            "Other answers may use up the budget first. This one waits for them.",
            "The answer was interrupted here. The budget of everybody who uses Parley is used up: US$0.10 a day. "
            "It renews on 2 Jan 00:00 UTC; until then I can't answer here.",
        ),
        (
            "zh",
            "其他回答可能会先用完预算，这个回答在等它们。",
            "回答在这里中断了。Parley 全体用户的总预算已用完：每天 US$0.10。1月2日 00:00 UTC 重新计算，"
            "在那之前我无法在这里回答。",
        ),
    ],
)
async def test_of_ten_answers_that_go_on_with_a_dearer_model_one_passes_the_limit_and_the_others_keep_their_words(
    language: str, waits: str, refused: str
) -> None:
    model, more = FallingBack(), SHORT | {"parley_patience_s": 0, "parley_language": language}
    core = CoreSettings(_env_file=None, parley_budget="0.1 a day", **more)
    rig = Rig(model=model, tools=Toolbox(), core=core)
    async with rig.delivering():
        turns = [await rig.ask(number, place=place) for number, place in enumerate(threads(10))]
        await until(lambda: model.trying == len(turns))
        model.fails.set()
        await until(lambda: model.asked)
        shown = [f"p{number}" for number in range(len(turns))]
        await until(lambda: sum(rig.views(one)[-1] == ("Look.", waits) for one in shown) == len(turns) - 1)
        model.go.release()
        ended = [await _ended(rig, turn) for turn in turns]
        await until(lambda: not rig.live.ids)
    assert sorted(turn.state for turn in ended) == [TurnState.DONE, *[TurnState.FAILED] * 9]
    assert model.asked == 1, "it cost all of 100,000 micros"
    assert [turn.text for turn in ended if turn.state is TurnState.FAILED] == ["Look."] * 9
    last = [rig.platform.shown[one][-1] for one in shown]
    assert sorted(page.text for page in last)[:9] == ["Look."] * 9
    notices = [page.notice for page in last if page.text == "Look."]
    assert all(notice.startswith(refused) for notice in notices), notices
    again = [[button.label for button in page.buttons] for page in last if page.text == "Look."]
    assert again == [[phrase("again", language)]] * 9


async def test_an_answer_that_passes_the_limit_by_itself_goes_on_and_does_not_wait() -> None:
    model = FallingBack()
    rig = Rig(
        model=model,
        tools=Toolbox(),
        core=CoreSettings(_env_file=None, parley_budget="10 tokens a day", parley_patience_s=0, **SHORT),
    )
    model.fails.set()
    model.go.release()
    async with rig.delivering():
        ended = await _ended(rig, await rig.ask(1))
    assert (ended.state, model.asked) == (TurnState.DONE, 1)
    assert ended.text == f"Look.{BETWEEN_ROUNDS}So."
    assert all(notice == "" for _, notice in rig.views("p0"))


async def test_the_notice_under_words_goes_once_the_answer_goes_on() -> None:
    model = FallingBack()
    core = CoreSettings(_env_file=None, parley_budget="0.35 a day", parley_patience_s=0, **SHORT)
    rig, waits = Rig(model=model, tools=Toolbox(), core=core), ("Look.", phrase("budget_waits_begun", "en"))
    async with rig.delivering():
        turns = [await rig.ask(number, place=place) for number, place in enumerate(threads(2))]
        await until(lambda: model.trying == len(turns))
        model.fails.set()
        await until(lambda: [one for one in rig.platform.shown if rig.views(one)[-1] == waits])
        (waiting,) = [one for one in rig.platform.shown if rig.views(one)[-1] == waits]
        assert [button.action for button in rig.platform.shown[waiting][-1].buttons] == ["stop"]
        model.go.release()
        await until(lambda: model.asked == len(turns))
        await until(lambda: rig.views(waiting)[-1] == ("Look.", ""))
        model.go.release()
        assert [(await _ended(rig, turn)).state for turn in turns] == [TurnState.DONE] * 2


async def test_what_another_has_paid_of_an_edited_answer_does_not_let_it_go_on_past_its_authors_limit() -> None:
    class Limited(MemoryStore):
        async def stored_settings(self, place: Place) -> StoredSettings:
            return StoredSettings({"person_budget": "100 tokens a day"}, {})

    class Edited(FallingBack):
        """Answers the first request at once, and the second one never."""

        requests, hangs = 0, False

        async def stream(self, request: Request) -> AsyncIterator[Delta]:
            self.requests += 1
            if self.requests > 2:
                async for delta in super().stream(request):
                    yield delta
                return
            yield ModelSelected(ModelInfo(request.model), 60)
            if self.requests == 2:
                self.hangs = True
                await asyncio.Event().wait()
            yield Text("So.")
            yield Ended(EndReason.STOP, Usage(1, 0))

    model, store = Edited(), Limited()
    rig = Rig(model=model, store=store, tools=Toolbox(), core=CoreSettings(_env_file=None, **SHORT))
    async with rig.delivering():
        ask = Ask("m1", PLACE, ADA, "why?", SystemClock().now(), addressed=True)
        first, other = await store.accept(ask), await store.accept(replace(ask, id="m2", place=OTHERS))
        assert first is not None
        assert other is not None
        rig.place_queues.submit(first)
        await _ended(rig, first)
        again = await store.retry_turn(first.id, ANSWER, Person("U2", "Bo"))
        assert again is not None
        rig.place_queues.submit(again)
        await until(lambda: model.hangs)
        (running,) = rig.live
        assert running.restart()
        await until(lambda: model.trying)
        await store.finish(Finish(await store.begin(other.id), TurnState.DONE, "so", usage=Usage(110)))
        model.fails.set()
        model.go.release()
        ended = await _ended(rig, again)
    assert (ended.state, ended.text, model.asked) == (TurnState.FAILED, "Look.", 0)


class Failing:
    """Its first try fails, and costs what `charged` says. The second one costs 1,000 tokens."""

    def __init__(self, charged: Usage | None) -> None:
        self.charged = charged
        self.tried = 0
        self.fails, self.go = asyncio.Event(), asyncio.Event()

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        yield ModelSelected(ModelInfo(request.model, 1_000, PRICES), 9)
        self.tried += 1
        await self.fails.wait()
        if self.charged is not None:
            yield Charged(self.charged)
        yield ModelSelected(ModelInfo(request.model, 1_000, PRICES), 9)
        await self.go.wait()
        yield Text("So.")
        yield Ended(EndReason.STOP, Usage(0, 1_000))


async def test_ten_answers_whose_first_tries_fail_and_are_charged_pass_the_limit_by_at_most_one() -> None:
    model = Failing(Usage(0, 1_000))
    rig = limited("0.014 a day", model, **SHORT | {"parley_max_tokens": 1_000, "parley_system_prompt": "Hi."})
    async with rig.delivering():
        turns = [await rig.ask(number, place=place) for number, place in enumerate(threads(10))]
        await until(lambda: model.tried == len(turns))
        model.fails.set()
        model.go.set()
        states = sorted([(await _ended(rig, turn)).state for turn in turns])
    assert states == [*[TurnState.DONE] * 4, *[TurnState.FAILED] * 6]
    day = turns[0].ask.at
    assert (await rig.store.usage_totals(day, day.replace(hour=1))).cost_micros == 14_000


@pytest.mark.parametrize(("charged", "times"), [(None, 1), (Usage(0, 5), 2)])
async def test_a_try_after_another_reserves_anew_only_where_that_was_charged(
    charged: Usage | None, times: int
) -> None:
    class Counting(MemoryStore):
        reserved = 0

        async def reserve(self, claim: BudgetClaim, person: str, budgets: Sequence[Budget]) -> BudgetDecision:
            self.reserved += 1
            return await super().reserve(claim, person, budgets)

    model, store = Failing(charged), Counting()
    rig = Rig(model=model, store=store, core=CoreSettings(_env_file=None, parley_budget="9m tokens a day"))
    model.fails.set()
    model.go.set()
    async with rig.delivering():
        await _ended(rig, await rig.ask(1))
    assert store.reserved == times


class Describing:
    """Has six pictures described by a dear model before it answers."""

    def __init__(self) -> None:
        self.described = 0
        self.requests: list[Request] = []
        self.go = asyncio.Event()

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        self.requests.append(request)
        eyes = ModelInfo("eyes", 10_000, DEAR)
        yield DescriptionsBegin((eyes,), 6, 800)
        self.described += 1
        await self.go.wait()
        yield ModelSelected(eyes, 9, over=True)
        yield Charged(Usage(1_500, 0), ChargeKind.DESCRIPTION)
        yield ModelSelected(ModelInfo(request.model, prices=PRICES), 9)
        yield Text("So.")
        yield Ended(EndReason.STOP, Usage(9, 1))


async def test_pictures_are_described_only_within_the_limit() -> None:
    model, price = Describing(), Decimal(1)
    rig = limited("0.2 a day", model, parley_price_input=price, parley_price_output=price, parley_max_tokens=50)
    async with rig.delivering():
        turns = [await rig.ask(number, place=replace(PLACE, thread=f"{number}.0")) for number in range(1, 6)]
        await until(lambda: model.described and len([one for one in rig.live if one.writing]) == len(turns))
        model.go.set()
        states = [(await _ended(rig, turn)).state for turn in turns]
    assert sorted(states) == [TurnState.DONE, *[TurnState.FAILED] * 4]
    assert model.described == 2, "those of a question cost 150,000 micros"


class Searching:
    """Calls a tool in each round that may. The question `stay` is never answered."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.stays = asyncio.Event()

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        yield ModelSelected(ModelInfo(request.model), 9)
        if "stay" in request.messages[-1].text:
            self.stays.set()
            await asyncio.Event().wait()
        self.requests.append(request)
        yield Text("Look.")
        if request.may_call:
            yield LOOK
        yield Ended(EndReason.TOOLS if request.may_call else EndReason.STOP, Usage(10, 5))


async def test_an_answer_with_tools_ends_with_the_round_that_it_has_reserved_where_a_limit_is_reached() -> None:
    class Spending(Toolbox):
        async def run(
            self, turn: Turn, offer: ToolOffer, steps: Sequence[Step]
        ) -> AsyncGenerator[ToolsBegun | ToolResults | ApprovalAsked, None]:
            other = await rig.store.begin(spent.id)
            await rig.store.finish(Finish(other, TurnState.DONE, "so", usage=Usage(400_000)))
            async for step in super().run(turn, offer, steps):
                yield step

    model = Searching()
    core = CoreSettings(_env_file=None, parley_budget="400k tokens a day", parley_max_tokens=50)
    rig = Rig(model=model, tools=Spending(), core=core)
    async with rig.delivering():
        stays = await rig.ask(1, "stay", OTHERS)
        await model.stays.wait()
        accepted = await rig.store.accept(replace(stays.ask, id="m9", place=THIRD))
        assert accepted is not None
        spent = accepted
        ended = await _ended(rig, await rig.ask(2))
    assert (ended.state, len(model.requests)) == (TurnState.DONE, 2)
    assert [request.may_call for request in model.requests] == [True, False]
    footer = (await rig.store.answer_footers(PLACE))[-1]
    assert footer.notice == phrase("tools_near_limit", "en")
    assert footer.buttons[0].action == "continue"


async def test_without_a_known_price_a_limit_in_money_refuses_and_says_why() -> None:
    rig = limited("20 a month")
    async with rig.delivering():
        turn = await rig.ask(1)
        await _ended(rig, turn)
    footer = (await rig.store.answer_footers(PLACE))[-1]
    whose = phrase("budget_of_all", "en")
    assert footer.notice == phrase("budget_unpriced", "en", whose=whose, model="GPT-5.5")


def test_the_bound_of_an_answer_counts_every_byte_picture_and_round() -> None:
    request = Request((text_message("system", "Be brief."), text_message("user", "为什么")), "m", max_tokens=50)
    assert answer_bound(request) == AnswerBound(9 + 9 + 2 * 64, 0, 50, 1)
    picture = replace(request.messages[1], parts=(*request.messages[1].parts, Image("data:,", "cat")))
    seen = answer_bound(replace(request, messages=(picture,)))
    assert seen.pictures == 1
    offered = replace(request, tools=(Tool("search", "Search.", "{}"),))
    assert answer_bound(offered).rounds == 2, "the next one and the last one"
    assert answer_bound(replace(offered, may_call=False)).rounds == 1
    assert answer_bound(offered).prompt_bytes > answer_bound(request).prompt_bytes
    assert answer_bound(offered).last_round == AnswerBound(sys.maxsize, 0, 50, 1)


async def _ended(rig: Rig, turn: Turn) -> Turn:
    for _ in range(2_000):
        now = await rig.store.turn(turn.id)
        if now is not None and not now.is_open:
            return now
        await asyncio.sleep(0.005)
    raise AssertionError("it does not end")
