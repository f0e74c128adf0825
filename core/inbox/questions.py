"""Questions and commands: accepted as turns, held, kept as context of their thread, or refused."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import structlog

from core.access import Refusal, refusal
from core.commands import COMMANDS
from core.commands.handlers import FREE, CommandHandlers
from core.commands.parser import command_of, named
from core.i18n import phrase
from core.inbox.admission import Admission
from core.inbox.eligibility import Eligibility, Eligible, refusal_reply
from core.inbox.routing import classify
from core.ports.connector import Directory
from core.ports.store import Store
from core.settings.channel import ChannelSettings
from core.values.conversation import Ask, Turn
from core.values.events import Command, Outcome, Receipt
from core.values.parts import Attached, File, Unread
from core.values.places import Person, Place, message_key
from core.values.tasks import RelateThreads
from core.values.ui import ImmediateReply

log = structlog.get_logger()

RELATED_ID = "related:"
"""The beginning of the id of an ask for the related threads of a post."""


class Questions:
    """Stores questions and passes each new turn to `submit`. Every method raises StoreError.

    The caller holds the lock of the event's channel (`channel_lock`); a held turn is admitted under it as well.
    `edited` is called with the key of a question that changed, `gone_on` with each new turn before it is submitted.
    """

    def __init__(
        self,
        store: Store,
        submit: Callable[[Turn], None],
        handlers: CommandHandlers,
        eligibility: Eligibility,
        directories: Callable[[Place], Directory | None],
        channel_lock: Callable[[Place], asyncio.Lock],
        edited: Callable[[str], Awaitable[object]],
        gone_on: Callable[[Turn], Awaitable[None]],
    ) -> None:
        self._store = store
        self._submit = submit
        self._handlers = handlers
        self._eligibility = eligibility
        self._channel_lock = channel_lock
        self._edited = edited
        self._gone_on = gone_on
        self.admission = Admission(directories, self._admit, handlers.clock)

    async def resolve(self, ask: Ask) -> tuple[Ask, Outcome, ChannelSettings]:
        """The ask in the conversation it belongs to, its outcome by `classify`, and the settings there."""
        if ask.replies_to:
            place = await self._store.place_of_post(ask.place, ask.replies_to)
            ask = replace(ask, place=place or ask.place)
        addressed = ask.addressed and not ask.author.bot
        joined_at = ask.at if addressed else await self._store.joined_at(ask.place)
        settings = await self._handlers.settings(ask.place, ask.author)
        return ask, classify(ask, joined_at, settings.listen), settings

    async def ask(self, ask: Ask, *, commanded: bool = False) -> Receipt:
        """Take a message. `commanded`: it comes from a command, whose author waits for a reply."""
        ask, outcome, settings = await self.resolve(ask)
        asks = ask.addressed and not ask.author.bot
        if not commanded and (typed := typed_command(ask)):
            return await self._typed(ask, *typed)
        if outcome is Outcome.OFF:
            told = asks and (commanded or await self._eligibility.first(ask, "off"))
            return Receipt(outcome, reply=self._off(ask, settings) if told else None)
        if outcome is Outcome.NOTED and not await self._store.note(ask):
            return await self._again(ask)
        if outcome is Outcome.NOT_ADDRESSED and settings.related and ask.id == ask.place.thread:
            await self._relate(ask, settings)
        if outcome is not Outcome.TURN:
            return Receipt(outcome)
        if not commanded and self._is_held(ask, settings):
            return await self._hold(ask)
        eligible = Eligible() if ask.author.bot else await self._check(ask, settings, tell=commanded)
        if eligible.refused is not None:
            return eligible.refused
        turn = await self._store.accept(ask, self._handlers.clock.now())
        return await self._again(ask) if turn is None else await self._accepted(turn, settings, eligible)

    async def _relate(self, ask: Ask, settings: ChannelSettings) -> None:
        """Have related threads linked in a new post, once."""
        if refusal(ask.author, ask.place, settings):
            return
        related = replace(ask, id=f"{RELATED_ID}{ask.id}", addressed=True, task=RelateThreads())
        turn = await self._store.accept(related)
        if turn is not None:
            self._submit(turn)

    async def _again(self, ask: Ask) -> Receipt:
        """A second delivery. It may hold files that the first one lacked; then the question counts as edited.

        Words are the same in both, save for names that were looked up in between.
        https://github.com/slackapi/bolt-python/issues/925
        """
        files = _files(ask)
        if files and await self._store.add_attached(ask.place, ask.id, files):
            await self._edited(ask.key)
        return Receipt(Outcome.DUPLICATE)

    async def command(self, command: Command) -> Receipt:
        """Take a command: its handler replies at once, or makes a question of it."""
        done = await self._do(command)
        if isinstance(done, Ask):
            return await self.ask(done, commanded=True)
        log.info("command_received", command=command.name, place=command.place.key)
        return Receipt(Outcome.TOLD, reply=done)

    async def refusal(self, event: Ask | Command) -> ImmediateReply | None:
        """The reply to a question, or a command that a model answers, that would get no turn now; else None. Stores
        nothing, and counts the refusal alone."""
        done = event if isinstance(event, Ask) else await self._do(event)
        if isinstance(done, ImmediateReply):
            return done
        if isinstance(event, Ask) and (typed := command_of(event.text)) and not COMMANDS[typed[0]].turn:
            return None
        ask, outcome, settings = await self.resolve(done)
        if outcome is Outcome.OFF:
            return self._off(ask, settings)
        checked = await self._eligibility.check(ask.author, ask.place, settings, ask.key, tell=True)
        return checked.refused.reply if checked.refused else None

    async def _do(self, command: Command) -> Ask | ImmediateReply:
        """`CommandHandlers.do`. A question that the access rules refuse is counted."""
        done = await self._handlers.do(command)
        if isinstance(done, ImmediateReply) and done.refused and _asks(command.name):
            settings = await self._handlers.settings(command.place, command.author)
            if refusal(command.author, command.place, settings):
                self._count_refused(command.place, command.id)
        return done

    def _count_refused(self, place: Place, message_id: str) -> None:
        self._eligibility.count_refused(place, message_key(place, message_id), Outcome.REFUSED)

    async def expired(self, ask: Ask) -> bool:
        """Keep a message that is too old to be answered as context of its thread.

        Returns whether it is an unanswered question that would have been accepted, seen for the first time.
        """
        ask, outcome, settings = await self.resolve(ask)
        asks = outcome is Outcome.TURN
        if asks and (command_of(ask.text) or refusal(ask.author, ask.place, settings)):
            return False
        return (asks or outcome is Outcome.NOTED) and await self._store.note(ask) and asks

    async def _admit(self, turn: Turn, author: Person) -> Receipt:
        """Accept or refuse a held turn, now that `author` has been looked up."""
        async with self._channel_lock(turn.ask.place):
            ask, outcome, settings = await self.resolve(replace(turn.ask, author=author))
            eligible = await self._check(ask, settings, tell=False)
            if eligible.refused is not None or outcome is not Outcome.TURN:
                await self._store.discard(turn.id)
                return eligible.refused or Receipt(outcome)
            admitted = await self._store.admit(turn.id, author, self._handlers.clock.now())
            if admitted is None:
                return Receipt(Outcome.UNKNOWN)
            return await self._accepted(admitted, settings, eligible)

    async def _accepted(self, turn: Turn, settings: ChannelSettings, eligible: Eligible) -> Receipt:
        ask = turn.ask
        self._eligibility.count(ask.author, ask.place, ask.key)
        await self._gone_on(turn)
        self._submit(turn)
        log.info("question_accepted", turn=turn.id, place=ask.place.key)
        note = await self._eligibility.note(ask.author, ask.place, settings, eligible)
        return Receipt(Outcome.TURN, turn.id, note)

    async def _typed(self, ask: Ask, name: str, argument: str) -> Receipt:
        """A command written as a message to the bot, which may be delivered twice: as a message and as a mention.

        Other people may see the reply, so a refusal is explained once, as for a question.
        """
        if not await self._store.mark_once(f"command/{ask.key}"):
            return Receipt(Outcome.DUPLICATE)
        opens = ask.place.thread if ask.id == ask.place.thread else ""
        place = replace(ask.place, thread="") if opens else ask.place
        settings = await self._handlers.settings(place, ask.author)
        refused = None if name in FREE else refusal(ask.author, place, settings)
        if refused and not place.direct and not await self._eligibility.explains(ask, refused):
            if _asks(name):
                self._count_refused(place, ask.id)
            return Receipt(Outcome.REFUSED)
        token = ask.interaction_token
        return await self.command(
            Command(
                name,
                place,
                ask.author,
                ask.at,
                argument,
                id=ask.id,
                opens=opens,
                interaction_token=token,
                prefix=self._handlers.traits(place).typed_prefix,
                attached=ask.attached,
                charges=ask.charges,
            )
        )

    def _is_held(self, ask: Ask, settings: ChannelSettings) -> bool:
        """True if a longer look-up of the author may help. The author of a command has been looked up already."""
        unknown = not ask.author.bot and refusal(ask.author, ask.place, settings) is Refusal.UNKNOWN
        return unknown and self.admission.takes(ask.place)

    async def _hold(self, ask: Ask) -> Receipt:
        held = await self._store.hold(ask)
        if held is None:
            return await self._again(ask)
        if not set(_files(ask)) <= set(held.ask.attached):  # a second delivery, as in `_again`
            await self._store.add_attached(ask.place, ask.id, _files(ask))
        log.info("question_held", turn=held.id, place=ask.place.key)
        self.admission.hold(replace(held, ask=replace(held.ask, author=ask.author)))
        return Receipt(Outcome.HELD, held.id)

    async def _check(self, ask: Ask, settings: ChannelSettings, *, tell: bool) -> Eligible:
        return await self._eligibility.check(ask.author, ask.place, settings, ask.key, tell=tell, ask=ask)

    def _off(self, ask: Ask, settings: ChannelSettings) -> ImmediateReply:
        return refusal_reply(phrase("refused_off", self._handlers.language(ask.author, settings)))


def typed_command(ask: Ask) -> tuple[str, str] | None:
    """(name, the rest) of a command that a person has typed to the bot."""
    return command_of(ask.text) if ask.addressed and not ask.author.bot else None


def _asks(command: str) -> bool:
    """True if a model answers that command."""
    name = named(command)
    return name is not None and COMMANDS[name].turn


def _files(ask: Ask) -> list[Attached]:
    return [one for one in ask.attached if isinstance(one, File | Unread)]
