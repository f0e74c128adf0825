"""The earlier answers that turns are offered as material, and those that they cite. Each function is one transaction's
work, run by the store."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, bindparam, select, update

from core.memory.citations import MOST_NUMBERS, OPINIONS
from core.values.conversation import Turn, announcement
from core.values.places import Place
from core.values.tasks import RemoveSources
from storage import sources, threads, turns
from storage.tables import CITING, OPEN, TURNS, from_us
from storage.turns import OPEN_TURN

_OFFER_FIRST = (
    OPEN_TURN.where(TURNS.c.offered.is_(None))
    .values(offered=bindparam("sources", type_=TURNS.c.offered.type))
    .returning(TURNS.c.id)
)


def offer_first(connection: Connection, turn_id: int, found: Sequence[int]) -> list[int] | None:
    """Offer an open turn the sources `found`, and return them. None where it was offered some before, or is not
    open."""
    now = list(dict.fromkeys(found))[:MOST_NUMBERS]
    row = connection.execute(_OFFER_FIRST, {"turn_id": turn_id, "sources": now}).first()
    return None if row is None else now


def offer(connection: Connection, turn_id: int, found: Sequence[int]) -> list[int]:
    """Offer an open turn the sources `found`, behind what it was offered before, and return all of them."""
    # The lock keeps the numbers of two searches apart.
    connection.execute(select(TURNS.c.id).where(TURNS.c.id == turn_id, OPEN).with_for_update())
    before = offered(connection, turn_id)
    now = list(dict.fromkeys((*before, *found)))[:MOST_NUMBERS]
    if now == before:
        return before
    changed = connection.execute(OPEN_TURN.values(offered=now), {"turn_id": turn_id}).rowcount > 0
    return now if changed else before


def offered(connection: Connection, turn_id: int) -> list[int]:
    """The sources that a turn was offered, in the order of the numbers."""
    return list(connection.scalar(select(TURNS.c.offered).where(TURNS.c.id == turn_id)) or ())


def withdraw(connection: Connection, turn_id: int) -> None:
    """Forget what an open turn was offered."""
    connection.execute(OPEN_TURN.values(offered=None), {"turn_id": turn_id})


def remove_of_message(connection: Connection, place: Place, message: str, now_us: int) -> list[Turn]:
    """`remove` for the sources whose question or answer the message is."""
    return remove(connection, sources.of_message(connection, place, message), now_us)


def remove_of_thread(connection: Connection, place: Place, now_us: int) -> list[Turn]:
    """`remove` for the sources of a thread."""
    return remove(
        connection, connection.scalars(select(TURNS.c.id).where(*threads.within(TURNS, place))).all(), now_us
    )


def remove_of_person(connection: Connection, platform: str, team: str, person: str, now_us: int) -> list[Turn]:
    """`remove` for the sources that a person asked."""
    theirs = (*threads.of_team(TURNS, platform, team), TURNS.c.author == person)
    return remove(connection, connection.scalars(select(TURNS.c.id).where(*theirs)).all(), now_us)


def remove(connection: Connection, found: Collection[int], now_us: int) -> list[Turn]:
    """Take sources out of the citations of answers, with the buttons for an opinion of them where none is left. Returns
    the accepted turns that show those answers anew."""
    gone, turn = set(found), TURNS.c
    if not gone:
        return []
    cited = connection.execute(select(turn.id, turn.cited).where(CITING)).all()
    citing = [row.id for row in cited if not gone.isdisjoint(source for _, source in row.cited)]
    if not citing:
        return []
    # In the order in which all transactions lock turns.
    locked = select(TURNS).where(turn.id.in_(citing), CITING).order_by(turn.id).with_for_update()
    accepted = []
    for row in connection.execute(locked).all():
        left = [one for one in row.cited if one[1] not in gone]
        buttons = [one for one in row.buttons or () if left or one[0] not in OPINIONS]
        connection.execute(update(TURNS).where(turn.id == row.id).values(cited=left or None, buttons=buttons))
        if row.posted:
            place = Place(row.platform, row.team, row.channel, row.thread, row.direct)
            ask = announcement(f"uncite-{row.id}-{now_us}", place, RemoveSources(row.id), from_us(now_us))
            accepted += [new] if (new := turns.accept(connection, ask)) is not None else []
    return accepted
