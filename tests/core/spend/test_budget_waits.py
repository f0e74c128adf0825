"""Answers that wait for a limit: each of them ends, and the limit is passed by at most one."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, replace
from datetime import timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from core.ports.store.settings import StoredSettings
from core.settings.channel import ChannelSettings
from core.settings.environment import CoreSettings
from core.settings.layers import merge
from core.spend.budget_checks import AnswerPart, BudgetChecks, Reserved
from core.spend.budgets import AnswerBound
from core.values.budgets import Spent
from core.values.conversation import Ask, Turn, TurnState
from core.values.deltas import ModelInfo, Usage
from core.values.places import Person, Place
from core.values.tasks import BudgetReached
from core.values.turn_ends import Finish
from tests.fakes.clock import FakeClock
from tests.fakes.memory import MemoryStore

PLACE = Place("slack", "T1", "C1")
SMALL, LARGE = ModelInfo("small", context_tokens=80), ModelInfo("large", context_tokens=200)
UNREAD = AnswerBound(sys.maxsize, max_tokens=20, rounds=2)
LONGEST_S = 2_500
"""Seconds in which all answers end: 6 of them, begun 4 times each, of at most 5 rounds and 4 tries that fail."""


class Rig:
    def __init__(self, tokens: int, person_tokens: int = 0) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore(self.clock)
        core = CoreSettings(_env_file=None, parley_budget=f"{tokens} tokens a day")
        self.reached: list[BudgetReached] = []
        self.checks = BudgetChecks(self.store, core, self.clock, on_reached=self.reached.append)
        workspace = {"person_budget": f"{person_tokens} tokens a day"} if person_tokens else {}
        self._settings = merge(core, StoredSettings(workspace, {}), "slack")

    async def until_midnight(self, seconds: int) -> None:
        """Let the clock go on until `seconds` before midnight."""
        now = self.clock.now()
        midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        await self.clock.advance((midnight - now).total_seconds() - seconds)

    async def begun(self, number: int, person: str = "U1", days: int = 0) -> Turn:
        at = self.clock.now() + timedelta(seconds=number)
        ask = Ask(f"{number}.0", replace(PLACE, thread=f"{number}.0"), Person(person), "why?", at)
        turn = await self.store.accept(ask, at + timedelta(days=days))
        assert turn is not None
        return await self.store.begin(turn.id)

    async def reserve(
        self,
        turn: Turn,
        bound: AnswerBound,
        spent: int = 0,
        model_info: ModelInfo = SMALL,
        *,
        begun: bool = False,
        goes_on: bool = False,
        hears: bool = False,
    ) -> Reserved:
        async def settings() -> ChannelSettings:
            return self._settings

        part = AnswerPart(turn, bound, model_info, Spent(tokens=spent), begun or goes_on, goes_on, hears)
        return await self.checks.reserve(part, settings)

    async def end(self, turn: Turn, spent: int) -> None:
        await self.store.finish(Finish(turn, TurnState.DONE, "so", model="m", usage=Usage(spent)))
        self.checks.end(turn.id)


async def test_an_answer_that_reserves_again_does_not_wait_for_one_that_waits_for_it() -> None:
    rig = Rig(650)
    clip, looks = await rig.begun(1, "U1"), await rig.begun(2, "U2")
    tools = AnswerBound(80, max_tokens=20, rounds=2)
    assert (await rig.reserve(clip, UNREAD, model_info=LARGE)).refusal is None
    assert (await rig.reserve(looks, tools)).refusal is None
    goes_on = asyncio.create_task(rig.reserve(looks, tools, 100, goes_on=True))
    await rig.clock.advance(3)
    assert not goes_on.done(), "the clip may use up the limit"
    heard = asyncio.create_task(rig.reserve(clip, AnswerBound(80, max_tokens=20), model_info=LARGE))
    await rig.clock.advance(3)
    assert heard.done()
    assert goes_on.done(), "the clip has reserved less"


async def test_sounds_of_one_answer_at_a_time_are_transcribed_and_hold_nobody_else_back() -> None:
    rig = Rig(1_000)
    turns = [await rig.begun(number, f"U{number}") for number in range(4)]
    clip = AnswerBound(10, max_tokens=20)
    assert (await rig.reserve(turns[0], clip, hears=True)).refusal is None
    second = asyncio.create_task(rig.reserve(turns[1], clip, hears=True))
    third = asyncio.create_task(rig.reserve(turns[2], clip, hears=True))
    await rig.clock.advance(3)
    assert not second.done()
    assert (await rig.reserve(turns[3], clip)).refusal is None, "it has no sounds"
    await rig.end(turns[3], 10)
    await rig.reserve(turns[0], clip, 500)
    await rig.clock.advance(3)
    assert (second.done(), third.done()) == (True, False)
    assert second.result().refusal is None
    await rig.end(turns[1], 900)
    await rig.clock.advance(3)
    refusal = third.result().refusal
    assert refusal is not None, "the sounds of the second one have used up the limit"
    assert refusal.balance.spent.tokens == 1_410, "it is charged as it was"


async def test_answers_of_two_days_do_not_wait_for_each_other_for_ever() -> None:
    rig = Rig(400)
    turns = [await rig.begun(1, "U1"), await rig.begun(2, "U2", days=1)]
    tools = AnswerBound(80, max_tokens=20, rounds=2)
    for turn in turns:
        await rig.reserve(turn, tools)
    parts = [asyncio.create_task(rig.reserve(turn, tools, 150, goes_on=True)) for turn in turns]
    await rig.clock.advance(5)
    assert all(part.done() for part in parts)


async def test_an_answer_that_waits_over_midnight_is_counted_on_the_new_day_and_begins() -> None:
    rig = Rig(300)
    await rig.until_midnight(60)
    first, second = await rig.begun(-30, "U1"), await rig.begun(-20, "U2")
    await rig.reserve(first, AnswerBound(80, max_tokens=20), model_info=LARGE)
    waits = asyncio.create_task(rig.reserve(second, AnswerBound(300, max_tokens=200), model_info=LARGE))
    await rig.clock.advance(3)
    assert not waits.done()
    await rig.clock.advance(300)
    await rig.end(first, 350)
    await rig.clock.advance(3)
    assert waits.done()
    assert waits.result().refusal is None
    at = waits.result().at
    assert at is not None
    known = await rig.store.turn(second.id)
    assert known is not None
    assert known.started_at == at
    await rig.end(known, 250)
    (_, balance), *_ = await rig.checks.balances(PLACE, "U1", rig._settings)
    assert balance.spent.tokens == 250, "that of the first answer is of the day before"


async def test_a_question_that_is_recovered_after_midnight_is_counted_on_the_new_day() -> None:
    rig = Rig(300)
    await rig.until_midnight(60)
    spent, late = await rig.begun(-30, "U1"), await rig.begun(-20, "U2")
    await rig.reserve(spent, AnswerBound(80, max_tokens=20))
    await rig.end(spent, 350)
    await rig.clock.advance(3_600)
    assert (await rig.reserve(late, AnswerBound(80, max_tokens=20))).refusal is None
    assert rig.reached == []


async def test_what_has_spent_stays_on_its_day_whose_limit_alerts_nobody_any_more() -> None:
    rig = Rig(300)
    await rig.until_midnight(60)
    spent, late = await rig.begun(-30, "U1"), await rig.begun(-20, "U2")
    await rig.reserve(spent, AnswerBound(80, max_tokens=20))
    await rig.end(spent, 350)
    await rig.clock.advance(3_600)
    late_refusal = (await rig.reserve(late, AnswerBound(80, max_tokens=20), 10)).refusal
    assert late_refusal is not None
    assert late_refusal.renewed
    assert rig.reached == []
    fresh = await rig.begun(0, "U3")
    await rig.reserve(fresh, AnswerBound(80, max_tokens=20))
    await rig.end(fresh, 350)
    refusal = (await rig.checks.check(PLACE, "U3", rig._settings)).refusal
    assert refusal is not None
    assert not refusal.renewed
    assert len(rig.reached) == 1


async def test_an_answer_that_begins_anew_holds_nothing_until_it_does() -> None:
    rig = Rig(300)
    edited, other = await rig.begun(1, "U1"), await rig.begun(2, "U2")
    await rig.reserve(edited, AnswerBound(80, max_tokens=20, rounds=2))
    waits = asyncio.create_task(rig.reserve(other, UNREAD))
    await rig.clock.advance(3)
    assert not waits.done()
    await rig.checks.release(edited, Spent(tokens=50))
    await rig.clock.advance(0)
    assert waits.done()
    (_, balance), *_ = await rig.checks.balances(PLACE, "U1", rig._settings)
    assert balance.spent.tokens == 50


@dataclass(frozen=True)
class Plan:
    """An answer. `again`: a second reservation, `again_s` after the first one. `fails`: the models that are asked after
    tries of a round that fail charged, by the number of the round. `interrupts`: the seconds after which its question
    is edited; `stops`: it is stopped by the last of them. `heard`: the tokens of a clip that is transcribed between
    the two reservations, reserved or not."""

    person: str
    arrives_s: int
    first: AnswerBound
    again: tuple[AnswerBound, ModelInfo] | None
    again_s: int
    rounds: int
    round_s: int
    uses: float
    interrupts: tuple[float, ...]
    stops: bool
    days: int
    fails: tuple[tuple[int, ModelInfo], ...] = ()
    heard: int = 0


bounds = st.builds(
    AnswerBound, st.sampled_from([10, 60, sys.maxsize]), max_tokens=st.sampled_from([5, 20]), rounds=st.just(2)
)
plans = st.builds(
    Plan,
    st.sampled_from(["U1", "U2", "U3"]),
    st.integers(0, 4),
    st.one_of(st.just(UNREAD), bounds),
    st.none() | st.tuples(bounds, st.sampled_from([SMALL, LARGE])),
    st.integers(1, 8),
    st.integers(1, 4),
    st.integers(1, 4),
    st.sampled_from([0.1, 0.5, 1.0]),
    st.lists(st.sampled_from([0.5, 1.0, 2.5, 6.0]), max_size=3).map(tuple),
    st.booleans(),
    st.sampled_from([0, 0, 0, 1]),
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from([SMALL, LARGE])), max_size=4).map(tuple),
    st.sampled_from([0, 0, 50, 350, 1_000]),
)


class Answer:
    """Lives as the runner and the writer have an answer live."""

    def __init__(self, rig: Rig, number: int, plan: Plan) -> None:
        self._rig, self._number, self._plan = rig, number, plan
        self.spent = 0

    async def live(self) -> None:
        rig, plan = self._rig, self._plan
        await rig.clock.sleep(plan.arrives_s)
        turn = await rig.begun(self._number, plan.person, plan.days)
        for number, after_s in enumerate((*plan.interrupts, None)):
            writing = asyncio.create_task(self._write(turn))
            interrupting = asyncio.create_task(self._interrupt(writing, after_s))
            await asyncio.wait([writing])
            interrupting.cancel()
            last = number == len(plan.interrupts) - 1
            if not writing.cancelled() or (plan.stops and last):
                break
            await rig.checks.release(turn, Spent(tokens=self.spent))
            await rig.clock.sleep(5)
        await rig.end(turn, self.spent)

    async def _interrupt(self, writing: asyncio.Task[None], after_s: float | None) -> None:
        if after_s is not None:
            await self._rig.clock.sleep(after_s)
            writing.cancel()

    async def _write(self, turn: Turn) -> None:
        rig, plan, bound, asked = self._rig, self._plan, self._plan.first, SMALL
        hears = plan.again is not None and plan.heard > 0
        reserved = await rig.reserve(turn, bound, self.spent, hears=hears)
        if reserved.refusal is not None:
            return
        if plan.again is not None:
            await rig.clock.sleep(plan.again_s)
            self.spent += plan.heard
            bound, asked = plan.again
            reserved = await rig.reserve(turn, bound, self.spent, asked)
        for number in range(plan.rounds):
            if reserved.refusal is not None:
                return
            left, last_round = plan.rounds - 1 - number, reserved.last_round
            model_info = asked
            for model_after in (model for at, model in plan.fails if at == number):
                await self._ask(bound, model_info)
                model_info = model_after
                further = replace(bound, rounds=1) if last_round else bound
                reserved = await rig.reserve(turn, further, self.spent, model_info, begun=number > 0)
                if reserved.refusal is not None:
                    return
            await self._ask(bound, model_info)
            if last_round or not left:
                return
            bound = UNREAD if left > 1 else UNREAD.last_round
            reserved = await rig.reserve(turn, bound, self.spent, asked, goes_on=True)

    async def _ask(self, bound: AnswerBound, model_info: ModelInfo) -> None:
        """One request, of which the answer is charged also where it is interrupted."""
        try:
            await self._rig.clock.sleep(self._plan.round_s)
        finally:
            most = min(bound.prompt_bytes, model_info.context_tokens) + (bound.max_tokens or 0)
            self.spent += int(most * self._plan.uses)


TOOLS = AnswerBound(60, max_tokens=20, rounds=2)
HEARD = Plan("U1", 0, UNREAD, (TOOLS, LARGE), 5, 1, 1, 1.0, (), False, 0)
LOOKS = Plan("U2", 1, TOOLS, None, 1, 3, 1, 1.0, (), False, 0)
FALLS_BACK = replace(LOOKS, arrives_s=0, rounds=2, fails=((1, LARGE),))
FAILS = replace(LOOKS, arrives_s=0, rounds=1, fails=((0, SMALL), (0, SMALL)))


@example([HEARD, LOOKS], 400, 0)
@example([replace(HEARD, person=f"U{number}", heard=1_000) for number in range(3)], 900, 0)
@example([replace(HEARD, again=None, round_s=4, interrupts=(5.0,)), LOOKS, replace(LOOKS, person="U3")], 400, 0)
@example([replace(FALLS_BACK, person=f"U{number}") for number in range(10)], 1_900, 0)
@example([replace(FAILS, person=f"U{number}") for number in range(10)], 900, 0)
@given(
    st.lists(plans, min_size=2, max_size=6),
    st.integers(1, 9).map(lambda n: 100 * n),
    st.sampled_from([0, 0, 150, 400]),
)
def test_every_answer_ends_and_the_limit_is_passed_by_at_most_one(
    some: list[Plan], tokens: int, person_tokens: int
) -> None:
    async def live() -> None:
        rig = Rig(tokens, person_tokens)
        answers = [Answer(rig, number, plan) for number, plan in enumerate(some, 1)]
        lives = [asyncio.create_task(answer.live()) for answer in answers]
        for _ in range(LONGEST_S):
            if all(one.done() for one in lives):
                break
            await rig.clock.advance(1)
        ended = [one.done() for one in lives]
        for one in lives:
            one.cancel()
        await asyncio.gather(*lives, return_exceptions=True)
        assert all(ended), (
            f"these wait for ever: {[plan for plan, done in zip(some, ended, strict=True) if not done]}"
        )
        for one in lives:
            one.result()
        for days in (0, 1):
            spent = [answer.spent for answer, plan in zip(answers, some, strict=True) if plan.days == days]
            assert sum(spent) - max(spent, default=0) <= tokens
            for person in {plan.person for plan in some} if person_tokens else ():
                spent = [
                    answer.spent
                    for answer, plan in zip(answers, some, strict=True)
                    if (plan.days, plan.person) == (days, person)
                ]
                assert sum(spent) - max(spent, default=0) <= person_tokens

    asyncio.run(live())
