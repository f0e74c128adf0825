"""Turns wait for missed messages of their place, unless they have begun."""

from __future__ import annotations

import asyncio

from core.inbox.backfills import Backfills
from core.inbox.catch_up import CatchUp
from core.inbox.deleted_questions import DeletedQuestions
from core.platform_calls import PerInstallation, PlatformCalls
from core.ports.connector import Installation
from core.turns.ownership import SOLE_OWNER, Ownership, SoleOwner
from core.turns.queue import PlaceQueues
from core.turns.recovery import Recovery
from core.values.conversation import Turn, TurnState
from tests.core.inbox.test_backfill import ask
from tests.core.inbox.test_backfills import THERE, App
from tests.fakes.clock import START, FakeClock
from tests.waiting import HANG_S


class JustGone(SoleOwner):
    """Another process has just gone, when `clock` says `at_s`."""

    def __init__(self, clock: FakeClock, at_s: float) -> None:
        self._clock = clock
        self.until_s = at_s + 0.5

    @property
    def settles_s(self) -> float:
        return max(0.0, self.until_s - self._clock.monotonic())


def catch_up_of(app: App, ownership: Ownership = SOLE_OWNER) -> CatchUp:
    """One whose jobs are to be run, so that turns wait for them."""

    async def answer(_running: object) -> None: ...

    def backfills(_installation: Installation) -> Backfills:
        return app.backfills

    queues = PlaceQueues(answer, app.running_turns)
    made = CatchUp(
        app.store,
        queues.submit,
        app.inbox,
        PerInstallation([app.platform], PlatformCalls),
        PerInstallation([app.platform], backfills),
        DeletedQuestions(lambda _place: None, app.inbox.receive, app.clock),
        Recovery(app.store, queues, app.clock, ownership),
        app.clock,
    )
    made.jobs()
    return made


async def test_an_answer_that_had_begun_goes_on_before_missed_messages_are_read_and_a_new_one_waits() -> None:
    app = App()
    app.platform.held, app.platform.connected = {"", "1"}, {""}
    catch_up = catch_up_of(app)
    shown = Turn(1, ask("m1", 0, THERE), TurnState.RUNNING, attempt=1, text="the first words")
    taken_over = Turn(1, ask("m1", 0, THERE), TurnState.WAITING, attempt=1)
    only_told = Turn(2, ask("m2", 1, THERE), TurnState.RUNNING, attempt=1)
    async with app.running():
        await app.clock.advance(1.0)
        await asyncio.wait_for(catch_up.wait(shown), HANG_S)
        await asyncio.wait_for(catch_up.wait(taken_over), HANG_S)
        waits = asyncio.create_task(catch_up.wait(only_told))
        await app.clock.advance(1.0)
        assert not waits.done()
        app.platform.connected.add("1")
        await app.clock.advance(1.0)
        await asyncio.wait_for(waits, HANG_S)


async def test_a_new_answer_waits_again_where_events_of_any_place_may_have_been_lost() -> None:
    app = App()
    app.platform.held = app.platform.connected = {"", "1"}
    catch_up = catch_up_of(app)
    waiting = Turn(1, ask("m1", 0, THERE))
    async with app.running():
        await app.clock.advance(1.0)
        await asyncio.wait_for(catch_up.wait(waiting), HANG_S)
        catch_up.lost_somewhere()
        app.platform.missing[THERE.key] = [ask("m0", -1, THERE, addressed=True)]
        waits = asyncio.create_task(catch_up.wait(waiting))
        await asyncio.sleep(0)
        assert not waits.done()
        await app.store.advance_watermark("slack 1", "T1", START)
        await app.clock.advance(1.0)
        await asyncio.wait_for(waits, HANG_S)
        assert app.received == ["m0"]


async def test_a_new_answer_waits_a_moment_for_what_a_process_heard_that_has_just_gone() -> None:
    app = App()
    app.platform.held = app.platform.connected = {"", "1"}
    gone = JustGone(app.clock, 1.0)
    catch_up = catch_up_of(app, gone)
    new, begun = Turn(1, ask("m1", 0, THERE)), Turn(2, ask("m2", 0, THERE), attempt=1)
    async with app.running():
        await app.clock.advance(1.0)
        await asyncio.wait_for(catch_up.wait(begun), HANG_S)
        waits = asyncio.create_task(catch_up.wait(new))
        await app.clock.advance(0.4)
        assert not waits.done()
        gone.until_s += 0.2  # one more goes
        await app.clock.advance(0.1)
        assert not waits.done()
        await app.clock.advance(0.2)
        await asyncio.wait_for(waits, HANG_S)
