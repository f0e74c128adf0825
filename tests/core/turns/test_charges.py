"""The charges of an answer: its rounds and tries, clips that were written down, pictures that were described."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from core.errors import Code, PlatformError
from core.i18n import phrase
from core.llm.tokens import estimate
from core.ports.files import Transcript
from core.ports.model import Request
from core.settings.environment import CoreSettings
from core.turns.interrupts import Interrupt
from core.values.conversation import Ask, Turn, TurnState
from core.values.deltas import (
    CallPiece,
    Charged,
    ChargeKind,
    Delta,
    Ended,
    EndReason,
    ModelInfo,
    ModelSelected,
    Queued,
    Thinking,
    Usage,
)
from core.values.model_accounts import ModelAccount
from core.values.parts import File, Text
from core.values.prices import Prices
from core.values.turn_ends import Finish
from core.values.usage import Charge
from tests.core.turns.test_runner import ADA, PLACE, NewYear, Rig
from tests.fakes.files import FilePlatform
from tests.fakes.memory import MemoryStore
from tests.waiting import until

CHEAP = (Prices(input=Decimal(1), output=Decimal(1), picture=Decimal(100)),)
DEAR = (Prices(input=Decimal(10), output=Decimal(10)),)
CLIP = File("clip.ogg", "audio/ogg", source="F1")
HEARD = Charge(ChargeKind.TRANSCRIPTION, "ears", Usage(sound_s=30, cost_micros=3_000))


class Ears:
    async def transcribe(self, name: str, media_type: str, data: bytes) -> Transcript:
        model_info = ModelInfo("ears", prices=(Prices(minute=Decimal("0.006")),))
        return Transcript(data.decode(), model_info, Usage(sound_s=30))


class TwoModels:
    """Has two pictures described, fails once, and answers with another model."""

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        for _ in range(2):
            yield ModelSelected(ModelInfo("eyes", prices=CHEAP), 9, pictures=1)
            yield Charged(Usage(50, 5), ChargeKind.DESCRIPTION)
        yield ModelSelected(ModelInfo("first", prices=CHEAP), 9)
        yield Charged(Usage(20, 0))
        yield ModelSelected(ModelInfo("second", prices=DEAR), 9)
        yield Text("A cat.")
        yield Ended(EndReason.STOP, Usage(20, 4))


class Busy:
    """Has its first request wait for others, or read and answered by `text` without an end."""

    def __init__(self, *, queued: bool = False, text: str = "") -> None:
        self.queued = queued
        self.text = text
        self.asked = asyncio.Event()

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        yield ModelSelected(ModelInfo("first", prices=CHEAP), 9)
        if self.asked.is_set():
            yield Text("Now.")
            yield Ended(EndReason.STOP, Usage(20, 4))
            return
        yield Queued()
        if not self.queued:
            yield Queued(over=True)
            yield Text(self.text)
        self.asked.set()
        await asyncio.Event().wait()


INTERRUPTED = Usage(9, 4, estimated=True, cost_micros=13)


async def finished(rig: Rig, turn: Turn) -> Finish:
    assert isinstance(rig.store, MemoryStore)
    async with rig.delivering():
        rig.place_queues.submit(turn)
        await rig.until_ended(turn)
    return rig.store._finishes[turn.id]


async def asked(rig: Rig, *clips: File) -> Turn:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    turn = await rig.store.accept(Ask("m1", PLACE, ADA, "what is it?", at, addressed=True, attached=clips))
    assert turn is not None
    return turn


async def test_an_answer_costs_all_the_work_that_it_needed_each_at_the_price_of_its_model() -> None:
    rig = Rig(FilePlatform(F1=b"call me back"), model=TwoModels(), transcriber=Ears())
    finish = await finished(rig, await asked(rig, CLIP))
    assert finish.charges == (
        HEARD,
        Charge(ChargeKind.DESCRIPTION, "eyes", Usage(100, 10, cost_micros=310)),
        Charge(ChargeKind.ANSWER, "first", Usage(20, 0, cost_micros=20)),
        Charge(ChargeKind.ANSWER, "second", Usage(20, 4, cost_micros=240)),
    )
    assert finish.usage == Usage(140, 14, cost_micros=3_570, sound_s=30)
    assert (finish.model, finish.estimate_tokens) == ("second", None)
    assert await rig.store.charges(finish.turn.id) == sorted(
        finish.charges, key=lambda charge: (charge.kind, charge.model)
    )


async def test_a_clip_that_was_written_down_as_it_was_sent_is_charged_to_its_question() -> None:
    rig = Rig(FilePlatform(), model=TwoModels(), transcriber=Ears())
    heard = replace(CLIP, text="call me back", source="")
    at = datetime(2026, 1, 1, tzinfo=UTC)
    turn = await rig.store.accept(
        Ask("m1", PLACE, ADA, "what is it?", at, addressed=True, attached=(heard,), charges=(HEARD,))
    )
    assert turn is not None
    finish = await finished(rig, turn)
    assert finish.charges[0] == HEARD
    assert finish.usage is not None
    assert finish.usage.cost_micros == 3_570


async def test_a_clip_is_not_written_down_once_a_limit_is_reached() -> None:
    class Counting(Ears):
        clips = 0

        async def transcribe(self, name: str, media_type: str, data: bytes) -> Transcript:
            self.clips += 1
            return await super().transcribe(name, media_type, data)

    ears = Counting()
    core = CoreSettings(_env_file=None, parley_budget="100 tokens a day")
    rig = Rig(FilePlatform(F1=b"call me back"), model=TwoModels(), transcriber=ears, core=core, clock=NewYear())
    before = await rig.store.begin((await asked(rig)).id)
    await rig.store.finish(Finish(before, TurnState.DONE, "so", model="m", usage=Usage(100)))
    turn = await rig.store.accept(replace(before.ask, id="m2", attached=(CLIP,)))
    assert turn is not None
    assert isinstance(rig.store, MemoryStore)
    finishes = rig.store._finishes
    async with rig.delivering():
        rig.place_queues.submit(turn)
        await until(lambda: turn.id in finishes)
    assert (finishes[turn.id].state, finishes[turn.id].charges, ears.clips) == (TurnState.FAILED, (), 0)


async def test_a_clip_that_was_written_down_before_is_not_charged_again() -> None:
    rig = Rig(FilePlatform(F1=b"call me back"), model=TwoModels(), transcriber=Ears())
    finish = await finished(rig, await asked(rig, replace(CLIP, text="call me back")))
    assert HEARD not in finish.charges


async def test_a_run_goes_on_with_the_charges_of_the_one_before_it() -> None:
    rig = Rig(FilePlatform(F1=b"call me back"), model=TwoModels(), transcriber=Ears())
    turn = await rig.store.begin((await asked(rig, CLIP)).id)
    await rig.store.put_file(PLACE, "m1", replace(CLIP, text="call me back"))
    await rig.store.finish(Finish(turn, TurnState.DONE, charges=(HEARD,)))
    rig.store._turns[turn.id] = turn  # type: ignore[attr-defined]
    finish = await finished(rig, turn)
    assert finish.charges[0] == HEARD
    assert len(finish.charges) == 4


async def stopped(model: Busy) -> Finish:
    """The end of an answer of `model` that is stopped once the model was asked."""
    rig = Rig(model=model)
    turn = await asked(rig)
    async with rig.delivering():
        rig.place_queues.submit(turn)
        await model.asked.wait()
        rig.live.stop(turn.id)
        await until(lambda: turn.id in rig.store._finishes)  # type: ignore[attr-defined]
    finish: Finish = rig.store._finishes[turn.id]  # type: ignore[attr-defined]
    return finish


@pytest.mark.parametrize(("queued", "charges"), [(True, 0), (False, 1)])
async def test_a_question_that_is_stopped_costs_something_once_a_model_reads_it(
    queued: bool, charges: int
) -> None:
    finish = await stopped(Busy(queued=queued))
    assert finish.state is TurnState.STOPPED
    assert [charge.usage for charge in finish.charges] == [INTERRUPTED][:charges]
    assert finish.usage is not None
    assert finish.usage.cost_micros == 13 * charges


async def test_reasoning_and_arguments_of_calls_cost_something_where_the_answer_is_stopped() -> None:
    class Thinks(Busy):
        async def stream(self, request: Request) -> AsyncIterator[Delta]:
            yield ModelSelected(ModelInfo("first", prices=CHEAP), 9)
            yield Thinking("lost " * 500)
            yield ModelSelected(ModelInfo("second", prices=CHEAP), 9)
            for _ in range(100):
                yield Thinking("think of it ")
                yield CallPiece('{"name": ')
            self.asked.set()
            await asyncio.Event().wait()

    (charge,) = (await stopped(Thinks())).charges
    thoughts, arguments = estimate("think of it " * 100), estimate('{"name": ' * 100)
    written = thoughts + arguments + estimate("")
    assert charge.usage == Usage(9, written, thoughts, estimated=True, cost_micros=9 + written)


async def test_a_try_that_was_charged_costs_nothing_more_where_the_answer_is_stopped_before_another() -> None:
    class Fails(Busy):
        async def stream(self, request: Request) -> AsyncIterator[Delta]:
            yield ModelSelected(ModelInfo("first", prices=CHEAP), 9)
            yield Charged(Usage(20, 0))
            self.asked.set()
            await asyncio.Event().wait()

    finish = await stopped(Fails())
    assert [charge.usage for charge in finish.charges] == [Usage(20, 0, cost_micros=20)]


async def test_an_answer_that_began_anew_after_an_edit_costs_both_of_its_rounds() -> None:
    model = Busy()
    rig = Rig(model=model)
    turn = await asked(rig)
    async with rig.delivering():
        rig.place_queues.submit(turn)
        await model.asked.wait()
        (running,) = rig.live
        assert running.restart()
        await rig.until_ended(turn)
    finish = rig.store._finishes[turn.id]  # type: ignore[attr-defined]
    assert finish.usage == Usage(29, 8, estimated=True, cost_micros=37)


async def test_an_answer_that_the_platform_takes_no_more_of_costs_what_was_written() -> None:
    model = Busy()
    rig = Rig(model=model)
    turn = await asked(rig)
    async with rig.delivering():
        rig.place_queues.submit(turn)
        await model.asked.wait()
        (running,) = rig.live
        assert running.delivery is not None
        running.delivery.error = PlatformError(Code.REJECTED)
        running.interrupt(Interrupt.LOST)
        charges = await until(lambda: running.draft.charges)
    assert running.draft.error is not None
    assert [charge.usage for charge in charges] == [INTERRUPTED]


class Hour(Ears):
    """Hears an hour, or more, in each clip, once `go` is set."""

    def __init__(self, hours: int = 1) -> None:
        self.hours = hours
        self.clips = 0
        self.go = asyncio.Event()

    async def transcribe(self, name: str, media_type: str, data: bytes) -> Transcript:
        self.clips += 1
        await self.go.wait()
        transcript = await super().transcribe(name, media_type, data)
        return replace(transcript, usage=Usage(sound_s=3_600 * self.hours))


PRICED: dict[str, Any] = {
    "openai_api_key": "sk-test",
    "parley_price_input": "0.1",
    "parley_price_output": "0.1",
    "parley_transcribe_model": "ears",
}


async def five_clips(rig: Rig, ears: Hour, clip: File = CLIP) -> list[TurnState]:
    """The ends of five questions with a clip each, which arrive before the first clip is written down."""
    turns = []
    for number in range(5):
        place = replace(PLACE, thread=f"{number}.0")
        at = datetime(2026, 1, 1, tzinfo=UTC)
        ask = Ask(f"m{number}", place, ADA, "what is it?", at, addressed=True, attached=(clip,))
        turn = await rig.store.accept(ask)
        assert turn is not None
        turns.append(turn)
    assert isinstance(rig.store, MemoryStore)
    finishes = rig.store._finishes
    async with rig.delivering():
        for turn in turns:
            rig.place_queues.submit(turn)
        await until(lambda: len(finishes) + len([one for one in rig.live if one.writing]) >= len(turns))
        ears.go.set()
        await until(lambda: len(finishes) == len(turns))
    return sorted(finishes[turn.id].state for turn in turns)


async def test_of_clips_that_come_at_once_no_more_are_written_down_than_a_limit_allows() -> None:
    ears = Hour()
    core = CoreSettings(
        _env_file=None, parley_budget="0.4 a day", parley_price_sound_minute="0.006", **PRICED
    )  # of which the first hour is 0.36
    rig = Rig(FilePlatform(F1=b"call me back"), model=TwoModels(), transcriber=ears, core=core, clock=NewYear())
    states = await five_clips(rig, ears)
    assert ears.clips == 2
    assert states == [TurnState.DONE, *[TurnState.FAILED] * 4]


async def test_of_clips_that_are_longer_than_could_be_known_one_alone_passes_a_limit() -> None:
    ears = Hour(hours=2)  # an hour of each is reserved
    core = CoreSettings(_env_file=None, parley_budget="2 a day", parley_price_sound_minute="0.006", **PRICED)
    rig = Rig(FilePlatform(F1=b"call me back"), model=TwoModels(), transcriber=ears, core=core, clock=NewYear())
    states = await five_clips(rig, ears, replace(CLIP, size=5_000))
    assert ears.clips == 3, "two hours are 0.72: the third clip passes the limit"
    assert states == [*[TurnState.DONE] * 2, *[TurnState.FAILED] * 3]


async def test_without_a_price_of_transcripts_a_limit_in_money_allows_none_and_says_why() -> None:
    ears = Hour()
    core = CoreSettings(_env_file=None, parley_budget="2 a day", **PRICED)
    rig = Rig(FilePlatform(F1=b"call me back"), model=TwoModels(), transcriber=ears, core=core, clock=NewYear())
    assert set(await five_clips(rig, ears)) == {TurnState.DONE}
    assert ears.clips == 0
    footer = (await rig.store.answer_footers(replace(PLACE, thread="0.0")))[-1]
    assert phrase("file_problem_unpriced", "en") in footer.notice


async def test_no_clip_is_written_down_for_a_workspace_with_a_model_account_of_its_own() -> None:
    """Its sounds do not go to the operator's endpoint, and nobody pays for them."""
    ears = Hour()
    rig = Rig(FilePlatform(F1=b"call me back"), model=TwoModels(), transcriber=ears, clock=NewYear())
    own = ModelAccount(PLACE.platform, PLACE.team, "https://models.example/v1", ("large",))
    at = datetime(2026, 1, 1, tzinfo=UTC)
    await rig.store.put_model_account(own, "sk-of-the-workspace-0001", ADA, at)
    assert set(await five_clips(rig, ears)) == {TurnState.DONE}
    assert ears.clips == 0
    footer = (await rig.store.answer_footers(replace(PLACE, thread="0.0")))[-1]
    assert phrase("file_problem_unheard", "en") in footer.notice
    assert isinstance(rig.store, MemoryStore)
    charged = [one.kind for finish in rig.store._finishes.values() for one in finish.charges]
    assert ChargeKind.TRANSCRIPTION not in charged


async def test_without_a_price_of_transcripts_a_limit_in_tokens_allows_them() -> None:
    ears = Hour()
    core = CoreSettings(_env_file=None, parley_budget="100m tokens a day", **PRICED)
    rig = Rig(FilePlatform(F1=b"call me back"), model=TwoModels(), transcriber=ears, core=core, clock=NewYear())
    assert set(await five_clips(rig, ears)) == {TurnState.DONE}
    assert ears.clips == 5
