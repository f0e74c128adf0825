"""`parley errors` and `parley retry`: failures by their references, and failed questions that are asked again.

Both work beside a running Parley.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo

from bots.running_programs import count_running, tell_replicas
from core.clock import Clock
from core.errors import REF_ALPHABET, SettingsError
from core.log import printable
from core.operators.failure_text import advice_for, cause_to_text, place_of, request_to_text
from core.settings.environment import CoreSettings
from core.text import shortened
from core.values.conversation import Turn, TurnState
from core.values.failures import RetryRefusal, StoredFailure
from storage import DatabaseSettings, SqlStore, open_existing

SHOWN = 20
"""The failures that are listed without a reference."""
_CAUSE_LENGTH = 60
_LONGEST_ID = 18
"""The most digits that are below 2**63, the end of both databases' ids."""
_REFUSALS = {
    RetryRefusal.NOT_FAILED: "has not failed ({state}), so that there is nothing to ask again",
    RetryRefusal.RETRIED: "was asked again already: `parley errors` shows it where that failed too",
    RetryRefusal.FORGOTTEN: "has lost its question: its author was forgotten, or it is no longer kept",
    RetryRefusal.NO_QUESTION: "is no question of a person: only those are asked again",
}


async def newest_to_text(database: DatabaseSettings, core: CoreSettings, clock: Clock) -> str:
    """The newest failures, one a line, the newest first. Raises StoreError."""
    store = await open_existing(database, clock)
    try:
        found = await store.failures(SHOWN)
    finally:
        await store.close()
    if not found:
        return "nothing has failed\n"
    rows = [("ref", "when", "where", "question", "cause")]
    rows += [_row(one, core.zone) for one in found]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    lines = ["  ".join([*map(str.ljust, row, widths), row[-1]]).rstrip() for row in rows]
    return "\n".join([*lines, "", "parley errors REF shows all that is known of one."]) + "\n"


def _row(stored: StoredFailure, zone: tzinfo) -> tuple[str, str, str, str, str]:
    place, turn = place_of(stored), stored.turn
    return (
        stored.failure.ref,
        f"{stored.at.astimezone(zone):%Y-%m-%d %H:%M}",
        printable(f"{place.platform} {place.channel}" if place else stored.failure.what),
        f"{turn.id}{' asked again' if stored.retry else ''}" if turn is not None else "-",
        printable(shortened(cause_to_text(stored.failure), _CAUSE_LENGTH)),
    )


async def reference_to_text(database: DatabaseSettings, core: CoreSettings, clock: Clock, ref: str) -> str:
    """The failures with a reference, field by field. Raises StoreError, and SettingsError where there is none."""
    store = await open_existing(database, clock)
    try:
        found = await store.failures_of(ref)
    finally:
        await store.close()
    if not found:
        raise SettingsError(_unknown(ref))
    return "\n".join("\n".join(_lines(one, core.zone)) + "\n" for one in found)


def _unknown(ref: str) -> str:
    written = ref.strip().upper()
    if len(written) != 6 or not set(written) <= set(REF_ALPHABET):
        return (
            f"{printable(ref)!r} is no reference: one has 6 letters and digits, such as K7M2QX, "
            "without 0, 1, I, L, O and U"
        )
    return (
        f"no failure has the reference {written}. It may be of another database (DATABASE_URL), "
        "older than what is kept (PARLEY_KEEP_DAYS), or of a fault that only the log has"
    )


def _lines(stored: StoredFailure, zone: tzinfo) -> list[str]:
    failure, turn, place = stored.failure, stored.turn, place_of(stored)
    fields = {
        "reference": failure.ref,
        "when": f"{stored.at.astimezone(zone):%Y-%m-%d %H:%M:%S} {zone}",
        "alert": failure.what,
        "place": ""
        if place is None
        else _place_to_text(place.platform, place.team, place.channel, place.thread),
        "asked by": "" if turn is None else f"{turn.payer.name} ({turn.payer.id})",
        "question": "" if turn is None else _turn_to_text(turn, stored.retry),
        "cause": cause_to_text(failure),
        "model": request_to_text(failure),
        "to do": advice_for(stored),
        "again": "" if turn is None or not may_retry(stored) else f"parley retry {turn.id}",
    }
    return [f"{name:<10} {printable(value)}" for name, value in fields.items() if value]


def may_retry(stored: StoredFailure) -> bool:
    """True if the question of a failure can be asked again."""
    turn = stored.turn
    if turn is None or stored.retry is not None:
        return False
    return turn.state is TurnState.FAILED and not (turn.ask.announces or turn.forgotten)


def _place_to_text(platform: str, team: str, channel: str, thread: str) -> str:
    parts = [f"{platform}, team {team}" if team else platform, f"channel {channel}"]
    return ", ".join([*parts, f"thread {thread}"] if thread else parts)


def _turn_to_text(turn: Turn, retry: int | None) -> str:
    kind = "work of Parley's own" if turn.ask.announces else "turn"
    again = f", asked again as turn {retry}" if retry is not None else ""
    return f"{kind} {turn.id}, {turn.state}{again}"


async def retry_to_text(database: DatabaseSettings, clock: Clock, which: str) -> str:
    """Have a failed question asked again, by its turn or its reference. Raises StoreError, and SettingsError where it
    is refused."""
    store = await open_existing(database, clock)
    tell_replicas(database, store, "retry")
    try:
        turn_id = await _turn_of(store, which)
        again = await store.retry_failed(turn_id)
        if isinstance(again, RetryRefusal):
            raise SettingsError(await _refusal(store, turn_id, again))
        running = await count_running(database, store)
    finally:
        await store.close()
    then = "the running parley begins it now" if running == 1 else f"one of the {running} running begins it now"
    then = then if running else "the next start of parley begins it"
    return f"turn {again.id} asks the question of turn {turn_id} again: {then}\n"


async def _turn_of(store: SqlStore, which: str) -> int:
    found = await store.failures_of(which)
    if not found and which.isascii() and which.strip().isdecimal():
        number = which.strip().lstrip("0")
        if len(number) > _LONGEST_ID:
            raise SettingsError(_no_turn(shortened(number, _CAUSE_LENGTH)))
        return int(number or "0")
    ids = list(dict.fromkeys(one.turn.id for one in found if one.turn is not None))
    if not found:
        raise SettingsError(_unknown(which))
    if not ids:
        raise SettingsError(
            f"{found[0].failure.ref} is the reference of no question: nothing can be asked again"
        )
    if len(ids) > 1:
        raise SettingsError(
            f"{found[0].failure.ref} is the reference of several questions: name a turn, {_named(ids)}"
        )
    return ids[0]


def _named(ids: Sequence[int]) -> str:
    return " or ".join(f"`parley retry {turn_id}`" for turn_id in ids)


async def _refusal(store: SqlStore, turn_id: int, why: RetryRefusal) -> str:
    if why is RetryRefusal.UNKNOWN:
        return _no_turn(str(turn_id))
    turn = await store.turn(turn_id)
    return f"turn {turn_id} {_REFUSALS[why].format(state=turn.state if turn is not None else '')}"


def _no_turn(number: str) -> str:
    return f"there is no turn {number}; `parley errors` lists those that failed"
