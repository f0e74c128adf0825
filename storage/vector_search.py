"""The search for answered questions by their meaning, and the vectors that are made for it in the background. Each
function is one transaction's work, run by the store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from sqlalchemy import Connection

from core.values.conversation import TurnState, announcement
from core.values.memory import EarlierAnswer, QuestionVector, SourceQuestion, SourceScope
from core.values.places import Place
from core.values.tasks import EmbedQuestions
from core.values.turn_ends import Finish
from core.values.usage import Charge
from storage import source_vectors, sources, turn_ends, turns
from storage.balances import Changed
from storage.tables import from_us, storable


def best(
    connection: Connection, scope: SourceScope, ids: Sequence[int], limit: int
) -> dict[str, EarlierAnswer]:
    """The first `limit` sources of `scope` among `ids`, one of each thread, by their threads."""
    found: dict[str, EarlierAnswer] = {}
    for answer in _sources(connection, scope, ids, 2 * limit):
        found.setdefault(answer.place.key, answer)
        if len(found) == limit:
            break
    return found


def _sources(
    connection: Connection, scope: SourceScope, ids: Sequence[int], at_once: int
) -> Iterator[EarlierAnswer]:
    rest = iter(ids)
    while batch := list(islice(rest, at_once)):
        there = sources.answers(connection, batch, scope)
        yield from (there[turn_id] for turn_id in batch if turn_id in there)


def unembedded(
    connection: Connection, model: str, below: int, limit: int, dimension: int | None
) -> tuple[int, list[SourceQuestion]]:
    """Sources without a vector of `model` and `dimension` (None: any) among the `limit` newest such ones below an id,
    and the id to go on below: 0 where there are none left."""
    ids = source_vectors.lacking(connection, model, below, limit, dimension)
    rows = sources.answered_turns(connection, ids) if ids else []
    found = [
        SourceQuestion(
            row.id, Place(row.platform, row.team, row.channel, row.thread, bool(row.direct)), row.asked
        )
        for row in rows
    ]
    return min(ids, default=0), sorted(found, key=lambda one: one.turn_id, reverse=True)


def put(
    connection: Connection,
    place: Place,
    vectors: Mapping[int, QuestionVector],
    charge: Charge,
    now_us: int,
    balances: Changed | None,
) -> list[int]:
    """Store vectors of sources whose question is still the same, and the turn that has made them. Returns the turns
    that have theirs now. `balances`: as in `turn_ends.finish`."""
    ask = announcement(f"embed:{min(vectors, default=0)}:{now_us}", place, EmbedQuestions(), from_us(now_us))
    turn = turns.accept(connection, ask)
    if turn is not None:
        end = Finish(turn, TurnState.DONE, model=charge.model, usage=charge.usage, charges=(charge,))
        turn_ends.finish_charged(connection, end, now_us, balances)
    rows = sources.answered_turns(connection, sorted(vectors)) if vectors else []
    there = {row.id for row in rows if row.asked == storable(vectors[row.id].question)}
    kept = {turn_id: one.vector for turn_id, one in vectors.items() if turn_id in there}
    source_vectors.put(connection, kept)
    return sorted(kept)
