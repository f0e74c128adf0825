"""/reset, /forget and /export: the stored data of a thread and of a person."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

from core.access import is_manager
from core.clock import Clock
from core.commands import FORGET_ME, reports
from core.commands.context import CommandContext
from core.commands.parser import CommandError, named
from core.ports.store import Store
from core.values.budgets import person_digest
from core.values.conversation import Turn
from core.values.places import Person, Place
from core.values.platform import PlatformTraits
from core.values.ui import Button, ImmediateReply

CONFIRM = timedelta(minutes=10)
"""Lifetime of the button that confirms `/forget me`."""

_MESSAGES_MAX = 10_000


class DataCommands:
    """Every method raises StoreError, and CommandError where the person may not.

    `interrupt` ends the running answers to the turns that match a predicate, after these were forgotten. `submit` gets
    those of them that waited for an approval: their messages say that they were forgotten.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        interrupt: Callable[[Callable[[Turn], bool]], object],
        submit: Callable[[Turn], object],
    ) -> None:
        self._store = store
        self._clock = clock
        self._interrupt = interrupt
        self._submit = submit

    async def reset(self, given: CommandContext) -> ImmediateReply:
        await self._require_thread(given)
        await self._store.reset(given.place, given.command.at)
        return ImmediateReply(given.phrase("reset_done"), whisper=False)

    async def forget(self, given: CommandContext) -> ImmediateReply:
        if given.option("what") == "me":
            return await (self._forget_person if given.option("confirm") else self._ask_to_forget)(given)
        author, place = given.author, given.place
        await self._require_thread(given)
        said = await self._store.lines(place, limit=_MESSAGES_MAX)
        alone = {line.author.id for line in said if not line.mine} <= {author.id}
        if not alone and not is_manager(author, place, given.core):
            raise CommandError("forget_by_manager")
        forgotten = await self._forget(
            lambda turn: turn.ask.place.key == place.key,
            lambda: self._store.uncite_thread(place, self._clock.now()),
            lambda: self._store.forget_thread(place, given.command.at),
        )
        return _forgotten(given, "forget_thread_done", forgotten)

    async def _forget_person(self, given: CommandContext) -> ImmediateReply:
        platform, team = given.place.platform, given.traits.people_of(given.place)
        forgotten = await self._forget(
            lambda turn: (
                turn.ask.author.id == given.author.id
                and turn.ask.place.platform == platform
                and team in ("", turn.ask.place.team)
            ),
            lambda: self._store.uncite_person(platform, team, given.author.id, self._clock.now()),
            lambda: self._store.forget_person(platform, team, given.author.id, given.command.at),
        )
        return _forgotten(given, "forget_me_done", forgotten)

    async def _forget(
        self,
        which: Callable[[Turn], bool],
        uncite: Callable[[], Awaitable[list[Turn]]],
        forget: Callable[[], Awaitable[int]],
    ) -> int:
        """The result of `forget`, which removes the turns that `which` picks. `uncite` takes them out of the citations
        of others before, and returns the turns that show that."""
        asking = [turn for turn, _ in await self._store.asking_turns() if which(turn)]
        without_links = await uncite()
        forgotten = await forget()
        self._interrupt(which)
        for turn in (*asking, *without_links):
            self._submit(turn)
        return forgotten

    async def _ask_to_forget(self, given: CommandContext) -> ImmediateReply:
        """A summary of the data to delete, and the button that confirms it."""
        team = given.traits.people_of(given.place)
        found = await self._store.messages_by_person(given.place.platform, team, given.author.id, _MESSAGES_MAX)
        key = _confirmation(given.author, given.place, given.traits)
        await self._store.give_back_request(key)
        await self._store.take_request(key, self._clock.now())
        reply = _forgotten(given, "forget_me_asks", sum(not message.mine for _, message in found))
        return replace(reply, buttons=(Button(FORGET_ME, given.phrase("forget_me_sure"), 0),))

    async def confirms_forgetting(self, person: Person, place: Place, traits: PlatformTraits) -> bool:
        """True if `person` was asked within CONFIRM to confirm, and has not yet: others may see the button, too. Raises
        StoreError."""
        key = _confirmation(person, place, traits)
        return await self._store.use_request(key, self._clock.now() - CONFIRM)

    async def export(self, given: CommandContext) -> ImmediateReply:
        if given.option("what") == "me":
            return await self._export_person(given)
        await self._require_thread(given)
        require_readable(given)
        messages = await self._store.lines(given.place, limit=_MESSAGES_MAX)
        if not messages:
            return ImmediateReply(given.phrase("export_nothing"))
        file = reports.thread_file(messages, given.language)
        return ImmediateReply(given.phrase("export_thread", n=len(messages)), file=file)

    async def _export_person(self, given: CommandContext) -> ImmediateReply:
        platform, person = given.place.platform, given.author.id
        found = await self._store.messages_by_person(
            platform, given.traits.people_of(given.place), person, _MESSAGES_MAX
        )
        team = Place(platform, given.place.team, "")
        totals = await self._store.usage_totals(reports.EVER, self._clock.now(), team, person)
        if not found and not totals.questions:
            return ImmediateReply(given.phrase("export_nothing"))
        return ImmediateReply(
            given.phrase("export_me", n=len(found)), file=reports.person_file(found, totals, given.language)
        )

    async def _require_thread(self, given: CommandContext) -> None:
        """A direct conversation counts as a thread only where it has been used as one."""
        place = given.place
        if not place.thread and not (place.direct and await self._store.joined(place)):
            words = filter(None, (named(given.command.name), given.option("what")))
            raise CommandError("thread_only", typed=given.traits.typed_prefix + " ".join(words))


def require_readable(given: CommandContext) -> None:
    """Raises CommandError where the person may not read the earlier messages of the place."""
    if not given.author.may_read:
        raise CommandError("refused_history")


def _forgotten(given: CommandContext, key: str, messages: int) -> ImmediateReply:
    words = given.phrase(key, n=messages, prefix=given.command.prefix)
    return ImmediateReply(given.phrase("joined", one=words, two=given.phrase("forget_kept")))


def _confirmation(person: Person, place: Place, traits: PlatformTraits) -> str:
    """The key of the request that waits for a confirmation. It does not show whose it is."""
    return f"forget/{person_digest(traits.person_key(person, place))}"
