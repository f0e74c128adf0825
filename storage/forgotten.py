"""The people who were forgotten, and the times: messages that were sent before are not stored again, however
late they come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection, case, select

from core.values.budgets import person_digest
from core.values.conversation import Ask, ThreadMessage
from core.values.parts import Attached, Quote
from core.values.places import Place
from storage.attached import without_quotes_of
from storage.engine import insert
from storage.tables import FORGOTTEN, from_us

FORGOTTEN_USER = "forgotten-"
"""The beginning of the random name under which the usage of a person stays after `/forget`."""
EXPIRED_USER = "expired-"
"""The beginning of the name of a person in usage that is older than what is kept: a hash of their id follows."""
NAMELESS = (FORGOTTEN_USER, EXPIRED_USER)
_HASH_LENGTH = 16

Message = TypeVar("Message", Ask, ThreadMessage)
Key = tuple[str, str, str]
"""Platform, team (empty: all teams) and the hash of a person's id."""


def former_name(person: str) -> str:
    """The name of a person in usage that is older than what is kept: the id still leads to it, so that no
    sum changes. A name that is no id stays."""
    if person.startswith(NAMELESS):
        return person
    return f"{EXPIRED_USER}{person_digest(person)[:_HASH_LENGTH]}"


def names_of(person: str) -> tuple[str, str]:
    """The names of a person in usage: that of the newer, and that of the older."""
    return person, former_name(person)


class ForgottenPeople:
    """The times at which people were forgotten, by digests of their ids: neither the table nor its backups show who
    they are. All of them are in memory: a query for each message would cost a third of the time in which it is stored.
    Of several replicas each learns from the others whom they forget."""

    def __init__(self, known: Mapping[Key, datetime] | None = None) -> None:
        self._at = dict(known or {})

    def add(self, platform: str, team: str, person: str, at: datetime) -> None:
        key = (platform, team, person_digest(person))
        self._at[key] = max(at, self._at.get(key, at))

    def learn(self, known: Mapping[Key, datetime]) -> dict[Key, datetime]:
        """Take the times that are stored. Returns those that are new."""
        new = {key: at for key, at in known.items() if key not in self._at or self._at[key] < at}
        self._at |= new
        return new

    def remaining(self, place: Place, said: Message) -> Message | None:
        """The message without the quotes of people who were forgotten after it was sent, or None where its
        author is one of them."""
        if not self._at:
            return said
        people = people_in(said)
        gone = {person for person in people if self._after(place, person, said.at)}
        if said.author.id in gone:
            return None
        return replace(said, attached=without_quotes_of(said.attached, gone)) if gone else said

    def _after(self, place: Place, person: str, sent: datetime) -> bool:
        """True if `person` was forgotten after `sent`."""
        keys = ((place.platform, team, person_digest(person)) for team in ("", place.team))
        return any(sent < self._at.get(key, sent) for key in keys)


def people_in(said: Ask | ThreadMessage) -> set[str]:
    """The author of a message, and those whom it quotes."""
    return {said.author.id, *_quoted(said.attached)}


def _quoted(attached: Iterable[Attached]) -> set[str]:
    return {one.author_id for one in attached if isinstance(one, Quote)}


def load(connection: Connection) -> dict[Key, datetime]:
    """The stored times, for `ForgottenPeople`."""
    rows = connection.execute(select(FORGOTTEN)).all()
    return {(row.platform, row.team, row.person): from_us(row.at_us) for row in rows}


def record(connection: Connection, platform: str, team: str, person: str, at_us: int) -> None:
    """Store the time at which a person was forgotten; an earlier one changes nothing."""
    adding = insert(connection.dialect.name, FORGOTTEN)
    old, new = FORGOTTEN.c.at_us, adding.excluded.at_us
    latest = adding.on_conflict_do_update(
        index_elements=["platform", "team", "person"], set_={"at_us": case((new > old, new), else_=old)}
    )
    row = {"platform": platform, "team": team, "person": person_digest(person), "at_us": at_us}
    connection.execute(latest, row)
