"""Summaries of long threads: when they are made, what they cost, and what interrupts them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.clock import SystemClock
from core.conversation.thread_summary import (
    AGAIN_AFTER,
    FOLDED,
    LONG_LINES,
    RETRY_AFTER,
    RETRY_LINES,
    STRETCH_LINES,
    WHOLE_LINES,
)
from core.errors import Code, ModelError
from core.i18n import LANGUAGES, phrase
from core.llm.messages import message_to_text
from core.llm.tokens import estimate
from core.ports.model import Request
from core.settings.environment import CoreSettings
from core.settings.layers import merge
from core.spend.budget_checks import BudgetChecks
from core.values.conversation import Ask, Turn, TurnState
from core.values.deltas import Charged, ChargeKind, Delta, Ended, EndReason, ModelInfo, ModelSelected, Usage
from core.values.events import Edited
from core.values.outgoing import Page
from core.values.parts import Text
from core.values.places import Person, Place
from core.values.summaries import ThreadSummary, covering
from core.values.usage import SummaryTotals
from tests.core.turns.test_runner import ADA, PLACE, Rig
from tests.fakes.memory import MemoryStore
from tests.waiting import until

SUMMARY = "They had decided on red."
TOLD = phrase("summed_up", "en")
LONG = LONG_LINES + 1


class Summarizer:
    """Answers questions at once, and sums up as it is told. `halted`: it waits in the middle of a summary."""

    def __init__(self) -> None:
        self.questions: list[Request] = []
        self.summaries: list[Request] = []
        self.error: ModelError | None = None
        self.reason = EndReason.STOP
        self.words = SUMMARY
        self.halted = False
        self.usage: Usage | None = Usage(500, 50)
        self.tried: list[Delta] = []
        self.closed = 0

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        if "keep the notes" not in request.messages[0].text:
            self.questions.append(request)
            yield ModelSelected(ModelInfo(request.model), 9)
            yield Text("So.")
            yield Ended(EndReason.STOP, Usage(9, 1))
            return
        self.summaries.append(request)
        yield ModelSelected(ModelInfo(request.model), 400)
        for one in self.tried:
            yield one
        if self.error is not None:
            raise self.error
        try:
            yield Text(self.words)
            if self.halted:
                await asyncio.Event().wait()
            yield Ended(self.reason, self.usage)
        finally:
            self.closed += 1


class NewYear(SystemClock):
    """The clock of the day on which the questions are asked. It can be set ahead."""

    def __init__(self) -> None:
        self.ahead = timedelta()
        self._shift = datetime(2026, 1, 1, 6, tzinfo=UTC) - super().now()

    def now(self) -> datetime:
        return super().now() + self._shift + self.ahead


class Journey:
    def __init__(self, **settings: Any) -> None:
        core = CoreSettings(_env_file=None, **{"openai_api_key": "sk-key", **settings})
        self.model, self.clock = Summarizer(), NewYear()
        self.core = core
        self.rig = Rig(store=MemoryStore(self.clock), clock=self.clock, model=self.model, core=core)
        self.store = self.rig.store
        self.asked = 0

    async def talk(self, count: int, place: Place = PLACE, text: str = "") -> None:
        """Messages that are no questions."""
        for _ in range(count):
            self.asked += 1
            said = replace(self._ask(place), text=text or f"line {self.asked}")
            assert await self.store.note(said)

    def _ask(self, place: Place) -> Ask:
        return replace(_ask(self.asked, place), author=(ADA, Person("U2", "Bo"))[self.asked % 2])

    async def question(self, place: Place = PLACE) -> Turn:
        self.asked += 1
        turn = await self.rig.ask(self.asked, place=place)
        ended = await self.rig.until_ended(turn)
        await until(lambda: turn.id not in self.rig.live.ids)
        return ended

    async def quiet(self) -> None:
        """Return once nothing runs in the background either."""
        await until(lambda: not self.rig.live.ids)

    async def newest(self, place: Place = PLACE) -> ThreadSummary | None:
        parts = await self.parts(place)
        return parts[-1] if parts else None

    async def parts(self, place: Place = PLACE) -> tuple[ThreadSummary, ...]:
        """The summaries that the next prompt has."""
        return covering((await self.store.summary_progress(place)).summaries)

    async def totals(self) -> SummaryTotals:
        now = self.clock.now()
        return await self.store.summary_totals(now - timedelta(days=3_000), now + timedelta(days=3_000))

    @property
    def prompt(self) -> list[str]:
        """The last question's messages."""
        return [message_to_text(message) for message in self.model.questions[-1].messages]

    @property
    def notices(self) -> list[str]:
        shown = [pages[-1] for pages in self.rig.platform.shown.values() if pages]
        return [page.notice for page in shown if isinstance(page, Page)]


def _ask(number: int, place: Place) -> Ask:
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number)
    return Ask(f"m{number}", place, ADA, "why?", at, addressed=True)


async def test_a_short_thread_is_answered_as_ever() -> None:
    journey = Journey()
    async with journey.rig.delivering():
        await journey.talk(LONG_LINES - 1)
        await journey.question()
        await journey.quiet()
    assert not journey.model.summaries
    assert len(await journey.store.open_turns()) == 0


async def test_a_long_one_is_summed_up_once_after_the_answer_and_the_next_prompt_has_it() -> None:
    journey = Journey()
    async with journey.rig.delivering():
        await journey.talk(LONG)
        await journey.question()
        await journey.quiet()
        assert len(journey.prompt) == 1 + LONG + 1, "the first answer has all lines"
        summary = await journey.newest()
        assert summary is not None
        assert (summary.text, summary.lines) == (SUMMARY, LONG + 2 - WHOLE_LINES)
        await journey.question()
        await journey.question()
        await journey.quiet()
    (request,) = journey.model.summaries
    assert [message.role for message in request.messages] == ["system", "user"]
    text = request.messages[1].text
    assert '"text": "line 1"' in text
    assert f'"text": "line {summary.lines}"' in text
    assert f'"text": "line {summary.lines + 1}"' not in text
    system, note, *said = journey.prompt
    assert SUMMARY not in system
    assert note.endswith(f"> {SUMMARY}")
    assert said[0].endswith(f"line {summary.lines + 1}")
    assert journey.model.questions[-1].notes == 1


# Retention.


class Kept(Journey):
    """A thread whose messages are kept for `days` days."""

    def __init__(self, days: int = 8) -> None:
        super().__init__(parley_keep_days=days)
        self.days = days
        self.day = 0

    async def next_day(self, lines: int = 60) -> ThreadSummary | None:
        """A day on which retention removes what is older, and a question is asked after these lines. Returns the newest
        summary."""
        self.day += 1
        self.clock.ahead = timedelta(days=self.day)
        before = self.clock.now() - timedelta(days=self.days)
        while await self.store.expire_channel(replace(PLACE, thread=""), before):
            pass
        await self.talk(lines)
        await self.question()
        await self.quiet()
        return await self.newest()

    async def question(self, place: Place = PLACE) -> Turn:
        self.asked += 1
        turn = await self.store.accept(replace(_ask(self.asked, place), at=self._now))
        assert turn is not None
        self.rig.place_queues.submit(turn)
        ended = await self.rig.until_ended(turn)
        await until(lambda: turn.id not in self.rig.live.ids)
        return ended

    def keeps(self, at: datetime | None, *, days: int) -> bool:
        """True if what was said then is kept for so many days more."""
        return at is not None and at > self.clock.now() - timedelta(days=self.days - days)

    @property
    def _now(self) -> datetime:
        return _ask(self.asked, PLACE).at + timedelta(days=self.day)

    def _ask(self, place: Place) -> Ask:
        return replace(super()._ask(place), at=self._now)


async def test_a_thread_whose_lines_go_day_by_day_is_summed_up_about_once() -> None:
    thread = Kept()
    async with thread.rig.delivering():
        for _ in range(thread.days + 1):
            await thread.next_day()
        paid, days = len(thread.model.summaries), 4 * thread.days
        for _ in range(days):
            assert await thread.next_day() is not None
    anew = thread.model.summaries[paid:]
    assert 0 < len(anew) <= days
    assert sum(request.messages[1].text.count('"by"') for request in anew) < 1.5 * 62 * days


async def test_a_day_on_which_no_line_goes_that_is_summed_up_pays_nothing() -> None:
    thread = Kept()
    async with thread.rig.delivering():
        for _ in range(2 * thread.days):
            await thread.next_day()
            parts = await thread.parts()
            if thread.day > thread.days and parts and thread.keeps(parts[0].after.at, days=1):
                break
        paid, spent = len(thread.model.summaries), await thread.totals()
        lines = len(await thread.store.oldest_lines(PLACE, limit=1_000))
        await thread.next_day(lines=1)
        assert await thread.parts() == parts
        assert len(await thread.store.oldest_lines(PLACE, limit=1_000)) < lines, "others went"
        assert (len(thread.model.summaries), await thread.totals()) == (paid, spent)


async def test_what_is_left_is_summed_up_at_most_once() -> None:
    thread = Kept()
    async with thread.rig.delivering():
        for _ in range(thread.days):
            assert await thread.next_day() is not None or thread.day < 4
        await thread.next_day(lines=0)
        paid, parts = len(thread.model.summaries), await thread.parts()
        assert thread.keeps(parts[0].after.at, days=1)
        for _ in range(3):
            await thread.question()
            await thread.quiet()
        assert await thread.parts() == parts
        assert len(thread.model.summaries) == paid
        assert len(thread.prompt) < LONG_LINES, "what is about to go is not read as it is"


async def test_it_is_said_once_in_a_thread() -> None:
    journey = Journey()
    async with journey.rig.delivering():
        await journey.talk(LONG)
        for _ in range(3):
            await journey.question()
            await journey.quiet()
    assert journey.notices == ["", TOLD, ""]
    assert not await journey.store.mark_once(f"summed-up/{PLACE.key}"), "a restart knows it too"


def test_it_is_said_in_every_language() -> None:
    said = {phrase("summed_up", language) for language in LANGUAGES}
    assert len(said) == len(LANGUAGES)


async def test_the_next_stretch_is_summed_up_on_its_own_and_the_prompt_has_both() -> None:
    journey = Journey()
    async with journey.rig.delivering():
        await journey.talk(LONG)
        await journey.question()
        await journey.quiet()
        journey.model.words = "They had decided on blue."
        await journey.talk(LONG_LINES - WHOLE_LINES + 1)
        await journey.question()
        await journey.quiet()
        await journey.question()
    first, second = journey.model.summaries
    assert SUMMARY not in second.messages[1].text
    assert '"text": "line 1"' not in second.messages[1].text
    assert [one.text for one in await journey.parts()] == [SUMMARY, "They had decided on blue."]
    assert journey.prompt[1].index(SUMMARY) < journey.prompt[1].index("They had decided on blue.")
    assert first.fair_key == second.fair_key == PLACE.key


async def test_a_very_long_thread_takes_one_request_for_each_stretch() -> None:
    journey = Journey()
    async with journey.rig.delivering():
        await journey.talk(2 * STRETCH_LINES + LONG_LINES)
        await journey.question()
        await journey.quiet()
    rest = LONG_LINES + 2 - WHOLE_LINES
    counts = [request.messages[1].text.count('"by"') for request in journey.model.summaries]
    assert counts == [STRETCH_LINES, STRETCH_LINES, rest]
    assert [one.lines for one in await journey.parts()] == counts


async def test_the_summaries_of_a_thread_of_many_stretches_are_folded() -> None:
    journey = Journey()
    async with journey.rig.delivering():
        await journey.talk(FOLDED * STRETCH_LINES + LONG_LINES)
        await journey.question()
        await journey.quiet()
        await journey.question()
    *_, folding = journey.model.summaries
    assert len(journey.model.summaries) == FOLDED + 2
    assert folding.messages[1].text.count(SUMMARY) == FOLDED
    assert [(one.level, one.lines) for one in await journey.parts()] == [
        (1, FOLDED * STRETCH_LINES),
        (0, LONG_LINES + 2 - WHOLE_LINES),
    ]
    assert len((await journey.store.summary_progress(PLACE)).summaries) == FOLDED + 2, "the parts are kept"
    assert journey.prompt[1].count(SUMMARY) == 2


async def test_an_edit_of_the_first_line_costs_its_own_stretch_again_once_an_hour() -> None:
    journey = Journey()
    async with journey.rig.delivering():
        await journey.talk(FOLDED * STRETCH_LINES + LONG_LINES)
        await journey.question()
        await journey.quiet()
        journey.clock.ahead = timedelta(hours=3)
        paid = []
        for number in range(6):  # every ten minutes
            journey.clock.ahead += timedelta(minutes=10)
            before = len(journey.model.summaries)
            await journey.store.edit(Edited(PLACE, "m1", f"line 1, number {number}"))
            await journey.question()
            await journey.quiet()
            paid.append(len(journey.model.summaries) - before)
        assert paid == [2, 0, 0, 0, 0, 0], "its stretch and the summary above it"
        assert "line 1, number 0" in journey.model.summaries[-2].messages[1].text
        assert '"text": "line 401"' not in journey.model.summaries[-2].messages[1].text
        assert any("line 1, number 5" in message for message in journey.prompt), "it is read as it is"
        await journey.question()
        assert len(await journey.parts()) == FOLDED
        journey.clock.ahead += timedelta(hours=2)
        await journey.question()
        await journey.quiet()
        assert len(journey.model.summaries) - before == 2
    assert len(await journey.parts()) == 2


async def test_edits_in_many_stretches_cost_one_of_them_for_each_question() -> None:
    journey = Journey()
    async with journey.rig.delivering():
        await journey.talk(3 * STRETCH_LINES + LONG_LINES)
        await journey.question()
        await journey.quiet()
        journey.clock.ahead = timedelta(hours=3)
        for number in (1, STRETCH_LINES + 1, 2 * STRETCH_LINES + 1):
            await journey.store.edit(Edited(PLACE, f"m{number}", "corrected"))
        paid = []
        for _ in range(4):
            before = len(journey.model.summaries)
            await journey.question()
            await journey.quiet()
            paid.append(len(journey.model.summaries) - before)
    assert paid == [1, 1, 2, 0], "at the end they are folded"
    assert len(await journey.parts()) == 1


async def test_few_long_messages_are_summed_up_by_the_window_of_the_model() -> None:
    journey = Journey(parley_context_tokens=4_000)
    words = "word " * 400
    async with journey.rig.delivering():
        await journey.talk(4_000 // estimate(words), text=words)
        await journey.question()
        await journey.quiet()
    assert journey.model.summaries
    assert all(request.max_tokens == 500 for request in journey.model.summaries)


@pytest.mark.parametrize("settings", [{"openai_api_key": None}, {}], ids=["offline", "off"])
async def test_nothing_is_summed_up_by_the_offline_model_or_where_the_channel_has_it_off(
    settings: dict[str, Any],
) -> None:
    journey = Journey(**settings)
    if not settings:
        await journey.store.change(PLACE, {"summaries": "off"}, ADA, journey.clock.now())
    async with journey.rig.delivering():
        await journey.talk(LONG)
        await journey.question()
        await journey.quiet()
    assert not journey.model.summaries
    assert (await journey.totals()).number == 0


async def test_a_question_meanwhile_goes_first_and_has_the_lines_as_ever() -> None:
    journey = Journey()
    journey.model.halted = True
    async with journey.rig.delivering():
        await journey.talk(LONG)
        await journey.question()
        await until(lambda: journey.model.summaries and any(one.writing for one in journey.rig.live))
        await journey.question()
        assert journey.model.closed == 1, "the request ended at once"
        assert len(journey.prompt) > LONG
        await journey.quiet()
        totals = await journey.totals()
        assert totals.number == 1, "what the model had read is charged"
        journey.model.halted = False
        await journey.question()
        await journey.quiet()
        assert len(journey.model.summaries) == 1, "it is not paid for again at once"
        await journey.talk(RETRY_LINES)
        await journey.question()
        await journey.quiet()
    assert len(journey.model.summaries) == 2
    assert await journey.newest() is not None


FAILURES: dict[str, dict[str, Any]] = {
    "an error": {"error": ModelError(Code.NO_MONEY)},
    "an empty answer": {"words": "  "},
    "a cut answer": {"reason": EndReason.LENGTH},
    "a refusal": {"reason": EndReason.POLICY},
}


@pytest.mark.parametrize("failure", FAILURES)
async def test_a_failed_summary_drops_nothing_and_is_tried_again_later(failure: str) -> None:
    journey = Journey()
    for name, value in FAILURES[failure].items():
        setattr(journey.model, name, value)
    async with journey.rig.delivering():
        await journey.talk(LONG)
        for _ in range(4):
            await journey.question()
            await journey.quiet()
        assert len(journey.model.summaries) == 1
        assert len(journey.prompt) > LONG
        assert journey.notices == [""] * 4
        assert await journey.newest() is None
        for name in FAILURES[failure]:
            setattr(journey.model, name, getattr(Summarizer(), name))
        journey.clock.ahead = RETRY_AFTER
        await journey.question()
        await journey.quiet()
    assert len(journey.model.summaries) == 2
    assert await journey.newest() is not None


async def test_one_that_never_succeeds_is_paid_for_less_and_less_often_and_said_once() -> None:
    journey = Journey()
    journey.model.reason = EndReason.LENGTH
    async with journey.rig.delivering():
        await journey.talk(LONG)
        paid = []
        for lines in (0, RETRY_LINES, RETRY_LINES, RETRY_LINES, 2 * RETRY_LINES, 2 * RETRY_LINES):
            await journey.talk(lines)
            await journey.question()
            await journey.quiet()
            paid.append(len(journey.model.summaries))
        assert paid == [1, 2, 2, 3, 3, 4]
        assert [request.max_tokens for request in journey.model.summaries] == [4_000, 8_000, 16_000, 16_000]
        model = f"summaries {journey.model.summaries[0].model}"
        assert journey.rig.observer.causes == [model] * 3, "the alerts say each once an hour"
        (failure,) = (await journey.store.summary_progress(PLACE)).failures[-1:]
        assert failure.attempts == 4
        journey.clock.ahead = timedelta(hours=7)
        await journey.question()
        await journey.quiet()
        assert len(journey.model.summaries) == 4
        journey.model.reason = EndReason.STOP
        journey.clock.ahead = timedelta(hours=8)
        await journey.question()
        await journey.quiet()
    assert await journey.newest() is not None
    assert (await journey.store.summary_progress(PLACE)).failures == ()
    assert journey.rig.observer.recovered[:1] == [model]


async def test_a_stretch_that_is_refused_as_too_long_is_halved() -> None:
    journey = Journey(parley_context_tokens=8_000)
    journey.model.error = ModelError(Code.CONTEXT_OVERFLOW)
    words = "word " * 100
    async with journey.rig.delivering():
        await journey.talk(60, text=words)
        await journey.question()
        await journey.quiet()
        journey.model.error = None
        await journey.talk(RETRY_LINES, text=words)
        await journey.question()
        await journey.quiet()
    first, second, *_ = (request.messages[1].text.count('"by"') for request in journey.model.summaries)
    assert second == pytest.approx(first / 2, abs=1)


async def test_its_cost_is_a_part_of_its_own_and_of_nobody() -> None:
    journey = Journey(parley_price_input=1, parley_price_output=10)
    journey.model.tried = [Charged(Usage(100, 0)), ModelSelected(ModelInfo("second"), 400)]
    async with journey.rig.delivering():
        await journey.talk(LONG)
        await journey.question()
        await journey.quiet()
    assert await journey.totals() == SummaryTotals(1, 0, 1)
    charges = await journey.store.charges(2)
    assert {charge.kind for charge in charges} == {ChargeKind.SUMMARY}
    now = journey.clock.now()
    since, until_ = now - timedelta(days=3_000), now + timedelta(days=3_000)
    everybody = await journey.store.usage_totals(since, until_)
    assert (everybody.questions, everybody.prompt_tokens) == (1, 609)
    own = await journey.store.usage_totals(since, until_, None, ADA.id)
    assert own.prompt_tokens == 9


async def test_a_budget_that_is_used_up_makes_no_summary_and_loses_nothing() -> None:
    journey = Journey(parley_budget="5 tokens a day")
    async with journey.rig.delivering():
        await journey.talk(LONG)
        await journey.question()
        await journey.quiet()
    assert not journey.model.summaries
    assert await journey.newest() is None
    assert (await journey.store.summary_progress(PLACE)).failures == ()
    assert journey.rig.observer.causes == []
    assert len(await journey.store.lines(PLACE, limit=1_000)) == LONG + 2


async def test_a_summary_counts_in_the_budget_of_the_channel_and_reserves_before() -> None:
    journey = Journey()
    await journey.store.change(PLACE, {"budget": "1m tokens a day"}, ADA, journey.clock.now())
    async with journey.rig.delivering():
        await journey.talk(LONG)
        await journey.question()
        await journey.quiet()
    assert await journey.newest() is not None
    settings = merge(journey.core, await journey.store.stored_settings(PLACE), "slack")
    checks = BudgetChecks(journey.store, journey.core, journey.clock)
    ((_, balance),) = await checks.balances(PLACE, ADA.id, settings)
    assert balance.spent.tokens == 560


async def test_no_person_pays_for_it_and_none_is_made_after_a_question_that_reaches_the_limit_of_its_asker() -> (
    None
):
    journey = Journey()
    workspace = replace(PLACE, channel="", thread="")
    await journey.store.change(workspace, {"person_budget": "1m tokens a day"}, ADA, journey.clock.now())
    async with journey.rig.delivering():
        await journey.talk(LONG)
        await journey.question()
        await journey.quiet()
        assert await journey.newest() is not None
        settings = merge(journey.core, await journey.store.stored_settings(PLACE), "slack")
        checks = BudgetChecks(journey.store, journey.core, journey.clock)
        balances = [
            balance.spent.tokens
            for person in (ADA.id, "U2")
            for _, balance in await checks.balances(PLACE, person, settings)
        ]
        assert balances == [10, 0], "the summary is the channel's"
        await journey.store.change(workspace, {"person_budget": "15 tokens a day"}, ADA, journey.clock.now())
        await journey.talk(LONG)
        await journey.question()
        await journey.quiet()
    assert len(journey.model.summaries) == 1
    assert (await journey.store.summary_progress(PLACE)).failures == ()


async def test_an_edit_voids_it_and_it_is_made_anew_after_the_next_answer() -> None:
    journey = Journey()
    async with journey.rig.delivering():
        await journey.talk(LONG)
        await journey.question()
        await journey.quiet()
        await journey.store.edit(Edited(PLACE, "m3", "line 3, corrected"))
        await journey.question()
        assert len(journey.prompt) > LONG, "until then the prompt is as without a summary"
        assert not any(SUMMARY in message for message in journey.prompt)
        await journey.quiet()
        assert len(journey.model.summaries) == 1, "not within an hour"
        journey.clock.ahead = AGAIN_AFTER
        await journey.question()
        await journey.quiet()
        assert "line 3, corrected" in journey.model.summaries[1].messages[1].text
        await journey.question()
    assert any(SUMMARY in message for message in journey.prompt)
    assert len(journey.model.summaries) == 2


async def test_an_edit_while_it_is_written_leaves_no_summary_of_the_words_before() -> None:
    journey = Journey()

    async def edited(request: Request) -> AsyncIterator[Delta]:
        if "keep the notes" in request.messages[0].text:
            await journey.store.edit(Edited(PLACE, "m3", "corrected"))
        async for delta in stream(request):
            yield delta

    stream = journey.model.stream
    journey.model.stream = edited  # type: ignore[method-assign]
    async with journey.rig.delivering():
        await journey.talk(LONG)
        await journey.question()
        await journey.quiet()
    assert await journey.newest() is None
    assert (await journey.totals()).number == 1


async def test_a_sudden_end_in_the_middle_is_made_good_by_the_next_process() -> None:
    journey = Journey()
    journey.model.halted = True
    async with journey.rig.delivering():
        await journey.talk(LONG)
        await journey.question()
        await until(lambda: journey.model.summaries)
        await until(lambda: any(one.writing for one in journey.rig.live))
    assert [turn.state for turn in await journey.store.open_turns()] == [TurnState.RUNNING]
    await journey.store.recover(journey.clock.now())
    core = CoreSettings(_env_file=None, openai_api_key="sk-key")
    model = Summarizer()
    after = Rig(store=journey.store, model=model, core=core)
    async with after.delivering():
        for turn in await journey.store.open_turns():
            after.place_queues.submit(turn)
        await until(lambda: not after.live.ids)
    assert len(model.summaries) == 1
    assert await journey.newest() is not None


async def test_one_that_may_have_ended_the_program_twice_is_given_up() -> None:
    journey = Journey()
    journey.model.halted = True
    async with journey.rig.delivering():
        await journey.talk(LONG)
        await journey.question()
        await until(lambda: any(one.writing for one in journey.rig.live))
    for _ in range(2):
        (turn,) = await journey.store.open_turns()
        await journey.store.begin(turn.id)
        await journey.store.recover(journey.clock.now())
    after = Rig(
        store=journey.store, model=Summarizer(), core=CoreSettings(_env_file=None, openai_api_key="sk-key")
    )
    async with after.delivering():
        for turn in await journey.store.open_turns():
            after.place_queues.submit(turn)
        await until(lambda: not after.live.ids)
    assert [one.error for one in (await journey.store.summary_progress(PLACE)).failures] == ["set_aside"]
    assert await journey.store.open_turns() == []


async def test_a_forgotten_thread_ends_the_summary_that_is_written() -> None:
    journey = Journey()
    journey.model.halted = True
    async with journey.rig.delivering():
        await journey.talk(LONG)
        await journey.question()
        await until(lambda: any(one.writing for one in journey.rig.live))
        await journey.store.forget_thread(PLACE, journey.clock.now())
        assert journey.rig.live.forget(lambda turn: turn.ask.place == PLACE)
        await journey.quiet()
    assert journey.model.closed == 1
    assert await journey.newest() is None
    assert (await journey.store.summary_progress(PLACE)).failures == ()


async def test_a_person_who_may_not_read_older_messages_has_nothing_summed_up() -> None:
    journey = Journey()
    async with journey.rig.delivering():
        await journey.talk(LONG)
        journey.asked += 1
        guest = replace(ADA, may_read=False)
        turn = await journey.store.accept(replace(_ask(journey.asked, PLACE), author=guest))
        assert turn is not None
        journey.rig.place_queues.submit(turn)
        await journey.rig.until_ended(turn)
        await journey.quiet()
    assert not journey.model.summaries
