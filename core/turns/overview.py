"""The turns that wait or run here, as an operator sees them: without their words. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.turns.running import RunningTurn
from core.values.places import Person, Place


class TurnStage(StrEnum):
    """The progress of a turn that has not ended."""

    QUEUED = "queued"
    """It waits behind another one of its place."""
    PREPARING = "preparing"
    """Its prompt is made, or it waits for the model's account."""
    THINKING = "thinking"
    """A model has its request and has said nothing yet."""
    WRITING = "writing"
    TOOLS = "tools"
    """Tools run for it."""
    ENDING = "ending"
    """Its last words are being shown."""


@dataclass(frozen=True, slots=True)
class TurnOverview:
    """One turn. `at`: the time at which it was asked for. `model` is empty while none is selected. `length`: characters
    of the answer so far. `task`: the class of its task."""

    turn_id: int
    place: Place
    message_id: str
    person: Person
    at: datetime
    stage: TurnStage
    task: str
    model: str = ""
    length: int = 0
    first_word_s: float | None = None


def overview(running: Iterable[RunningTurn]) -> list[TurnOverview]:
    """The turns, those that were asked for first before the others."""
    return sorted(map(_overview, running), key=lambda one: (one.at, one.turn_id))


def _overview(running: RunningTurn) -> TurnOverview:
    turn, draft = running.turn, running.draft
    return TurnOverview(
        turn.id,
        turn.ask.place,
        turn.ask.id,
        turn.ask.author,
        turn.started_at or turn.ask.at,
        _stage(running),
        type(turn.ask.task).__name__,
        draft.model_info.name if draft.model_info else "",
        len(draft.text),
        draft.first_word_s,
    )


def _stage(running: RunningTurn) -> TurnStage:
    draft = running.draft
    if not running.begun:
        return TurnStage.QUEUED
    if draft.error is not None or draft.interrupt is not None:
        return TurnStage.ENDING
    if draft.activity.line:
        return TurnStage.TOOLS
    if draft.reads:
        return TurnStage.WRITING if len(draft.text) > draft.round_start else TurnStage.THINKING
    return TurnStage.ENDING if draft.ended is not None and running.writing is None else TurnStage.PREPARING
