"""Limits of spending at the beginning of an answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from core.i18n import phrase
from core.ports.model import Request
from core.settings.environment import CoreSettings
from core.spend.budgets import AnswerBound
from core.turns.answer_budgets import answer_bound
from core.values.conversation import Turn, TurnState, text_message
from core.values.deltas import Delta, ModelInfo, ModelSelected, Usage
from core.values.parts import Image
from core.values.tools import Tool, ToolOffer
from core.values.turn_ends import Finish
from tests.core.turns.test_runner import PLACE, Rig
from tests.waiting import until

OTHERS = replace(PLACE, thread="2.0")


def limited(budget: str, **more: Any) -> Rig:
    return Rig(core=CoreSettings(_env_file=None, parley_budget=budget, **more))


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
    assert answer_bound(request, ToolOffer()) == AnswerBound(9 + 9 + 2 * 64, 0, 50, 1)
    picture = replace(request.messages[1], parts=(*request.messages[1].parts, Image("data:,", "cat")))
    seen = answer_bound(replace(request, messages=(picture,)), ToolOffer())
    assert seen.pictures == 1
    offer = ToolOffer((Tool("search", "Search.", "{}"),))
    assert answer_bound(request, offer).rounds > 1
    assert answer_bound(request, offer).prompt_bytes > answer_bound(request, ToolOffer()).prompt_bytes


async def _ended(rig: Rig, turn: Turn) -> Turn:
    for _ in range(2_000):
        now = await rig.store.turn(turn.id)
        if now is not None and not now.is_open:
            return now
        await asyncio.sleep(0.005)
    raise AssertionError("it does not end")
