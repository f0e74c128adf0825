"""The author of an interaction, with their rights in the channel."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any, Protocol, TypeGuard, TypeVar

from bots.slack import commands
from bots.slack.authors import is_known, with_known
from bots.slack.incoming import Identity, Names, Payload
from bots.slack.users import People
from core.clock import Clock
from core.commands.parser import command_of
from core.values.conversation import Ask
from core.values.events import ButtonPress, Command, Event
from core.values.places import Person

Json = dict[str, Any]
Given = TypeVar("Given", Command, ButtonPress, Command | ButtonPress, Ask | ButtonPress)

_NAMES_S = 0.8
_AUTHOR_S = 10.0


class LookupCalls(Protocol):
    """The calls that look-ups need. All raise PlatformError."""

    async def identify(self) -> Identity: ...
    async def read(self, method: str, arguments: Json) -> Json: ...


class AuthorLookup:
    """Looks up people and the creators of channels in one workspace."""

    def __init__(self, slack: LookupCalls, people: People, clock: Clock) -> None:
        self._slack = slack
        self._people = people
        self._creators = People(self._creator, clock)
        self._clock = clock

    async def close(self) -> None:
        await self._creators.close()

    async def meet(
        self, payload: Payload, others: Collection[str], channel: Any = None
    ) -> tuple[Identity, Names]:
        """The bot, and the known of the payload's author and of `others`, within `_NAMES_S`."""
        me = await self._slack.identify()
        if channel:
            self._creators.ask([str(channel)])
        until_s = self._clock.monotonic() + _NAMES_S
        who = commands.user_id_of(payload)
        names = await self._people.get({who} - {""}, _NAMES_S)
        named = [id_ for id_ in dict.fromkeys(others) if id_ not in {who, me.user_id}]
        names = await self._people.names(named, max(0.0, until_s - self._clock.monotonic())) | names
        if channel:
            names = await self._with_rights(names, who, str(channel), until_s - self._clock.monotonic())
        return me, names

    async def _with_rights(self, names: Names, who: str, channel: str, wait_s: float) -> dict[str, Person]:
        """The creator of a channel manages it: Slack makes them its first Channel Manager.

        Further managers are listed by `admin.roles.listAssignments`, which takes only a user's token of an app that an
        organisation's admin has installed. PARLEY_ADMINS names those.

        https://slack.com/help/articles/8328303095443-Understand-Channel-Managers-in-Slack and
        https://docs.slack.dev/reference/methods/admin.roles.listAssignments
        """
        person = names.get(who)
        made = (await self._creators.get([channel], wait_s)).get(channel)
        if person is None or made is None:
            return dict(names)
        return {**names, who: replace(person, manager=made.id == who)}

    async def identified(self, event: Given) -> Given:
        """`event` with its author as Slack knows them. Waits up to `_AUTHOR_S` for users.info."""
        author, place = event.author, event.place
        if not author.id or is_known(author):
            return event
        known = await self._people.find(author.id, _AUTHOR_S)
        if known is None:
            return event
        author = with_known(author, known, (await self._slack.identify()).home)
        if place.channel and not place.direct:
            author = (await self._with_rights({author.id: author}, author.id, place.channel, _NAMES_S))[
                author.id
            ]
        return replace(event, author=author)

    async def _creator(self, channel: str) -> Person:
        """https://docs.slack.dev/reference/methods/conversations.info: nobody manages a group conversation."""
        found = (await self._slack.read("conversations.info", {"channel": channel}))["channel"]
        return Person("" if found.get("is_mpim") else str(found.get("creator") or ""))

    async def entitled(self, event: Event, wait_s: float) -> Event:
        """`event` with its author's rights in the channel, where a command or button may depend on them.

        Unchanged where they are not known within `wait_s` seconds.
        """
        if not is_command(event) or event.place.direct:
            return event
        author = event.author
        names = await self._with_rights({author.id: author}, author.id, event.place.channel, wait_s)
        return replace(event, author=names[author.id])


def is_command(event: Event) -> TypeGuard[Ask | ButtonPress]:
    """A typed command or a button: done at once, and not stored."""
    return isinstance(event, ButtonPress) or (isinstance(event, Ask) and command_of(event.text) is not None)
