"""The inbox: every event of a platform is stored here, and only then acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime
from functools import partial
from weakref import WeakValueDictionary

from cachetools import LRUCache

from core.commands import COMMANDS, FORGET_ME
from core.commands.handlers import CommandHandlers
from core.commands.parser import named
from core.errors import BotError, StoreError
from core.inbox.approvals import Approvals
from core.inbox.button_presses import ButtonPresses
from core.inbox.eligibility import Eligibility
from core.inbox.interruptions import Interruptions, TellOthers, to_nobody
from core.inbox.membership import TeamMembership
from core.inbox.questions import Questions, typed_command
from core.inbox.quotes import QuoteRemoval
from core.inbox.rate_limit import TellCount, to_no_other
from core.log import place_context
from core.memory.audience import Audience
from core.platform_calls import PlatformCalls
from core.ports.connector import STORE_WAIT_S, Directory, Membership
from core.ports.store import Store
from core.settings.channel import ChannelSettings
from core.spend.budgets import scoped_limits
from core.tracing import arrival
from core.turns.running import RunningTurns, holds
from core.turns.store_retry import until_stored
from core.values.budgets import BudgetUnit, SoundRules
from core.values.conversation import Ask, Turn
from core.values.deltas import ModelInfo
from core.values.events import (
    ButtonPress,
    Command,
    Deleted,
    Edited,
    Event,
    Halted,
    Outcome,
    PlaceClosed,
    Receipt,
)
from core.values.outgoing import Sources
from core.values.parts import FileProblem
from core.values.places import Person, Place, message_key
from core.values.turn_ends import AnswerFooter
from core.values.ui import Choice, ImmediateReply

EDIT_PAUSE_S = 1.0
"""Seconds between the last edit of a question and its new answer: edits come in bursts."""
_TEAMS = 1_000
"""The most teams whose last event is remembered."""


class StoringInbox:
    """Takes the events of one channel in the order they come, so that a deletion never overtakes its message.

    `submit` receives each new turn. `lost` receives the place of an event that could not be stored.
    `memberships`: as in `TeamMembership`. `directories`: as in `Admission`; where a place has one, questions of unknown
    people are held. `calls_at`: the calls to a place, of which deletions are no events. `on_refused` receives the
    platform of each question that is refused, and why. `sound_models`: those that transcribe.
    `on_failed` receives an error whose reference is shown to the author of an event, and the place.
    `on_received` receives the platform of each event that was taken, and the seconds that it took. `tell_others`: as in
    `Interruptions`, whose `learn` is here too. `tell_count`: as in `Rate`, whose `learn` is `learn_count` here.
    """

    def __init__(
        self,
        store: Store,
        submit: Callable[[Turn], None],
        live: RunningTurns,
        handlers: CommandHandlers,
        lost: Callable[[Place], None] = lambda _: None,
        memberships: Callable[[Place], Membership | None] = lambda _: None,
        directories: Callable[[Place], Directory | None] = lambda _: None,
        calls_at: Callable[[Place], PlatformCalls | None] = lambda _: None,
        on_refused: Callable[[str, Outcome], None] = lambda _platform, _why: None,
        sound_models: Sequence[ModelInfo] = (),
        on_failed: Callable[[BotError, Place], None] = lambda _error, _place: None,
        on_received: Callable[[str, float], None] = lambda _platform, _seconds: None,
        tell_others: TellOthers = to_nobody,
        tell_count: TellCount = to_no_other,
    ) -> None:
        self._tell_others = tell_others
        self._store = store
        self._lost = lost
        self._calls_at = calls_at
        self._sound_models = sound_models
        self._on_failed = on_failed
        self._on_received = on_received
        self._live = live
        self._handlers = handlers
        self._members = TeamMembership(store, memberships)
        self._eligibility = Eligibility(store, handlers, on_refused, tell_count)
        self.learn_count = self._eligibility.learn_count
        self.approvals = Approvals(store, submit, handlers)
        self._questions = Questions(
            store,
            submit,
            handlers,
            self._eligibility,
            directories,
            self._channel,
            self._restart,
            self.approvals.supersede,
        )
        self._submit = submit
        self._quotes = QuoteRemoval(store, submit, live, handlers.clock)
        self._presses = ButtonPresses(
            store, submit, live, handlers, self._eligibility, self.approvals, tell_others
        )
        self._interruptions = Interruptions(
            store, live, handlers.clock, self._quotes, self._restart, self._halted, self._is_ours
        )
        self.learn = self._interruptions.learn
        self._busy: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self.admission = self._questions.admission
        self.last_events: LRUCache[tuple[str, str], datetime] = LRUCache(_TEAMS)
        """The time of the last event of each team, by its platform and its id."""

    async def receive(self, event: Event) -> Receipt:
        self.last_events[event.place.platform, event.place.team] = self._handlers.clock.now()
        clock = self._handlers.clock
        began_s = clock.monotonic()
        with arrival(), place_context(event.place):
            async with nullcontext() if _is_slow(event) else self._channel(event.place):
                # A person waits for the reply to a command or a button, and both do more than store.
                retried = not isinstance(event, Command | ButtonPress | Halted)
                within_s = began_s + STORE_WAIT_S - clock.monotonic() if retried else 0.0
                try:
                    receipt = await until_stored(clock, lambda: self._receive(event), within_s)
                except BotError as error:
                    self._not_taken(error, event)
                    raise
        self._on_received(event.place.platform, clock.monotonic() - began_s)
        return receipt

    async def take_request(self, key: str) -> bool:
        return await self._store.take_request(key, self._handlers.clock.now())

    async def give_back_request(self, key: str) -> None:
        await self._store.give_back_request(key)

    def failed(self, error: BotError, place: Place) -> None:
        self._on_failed(error, place)

    def _not_taken(self, error: BotError, event: Event) -> None:
        """Note an error that its author is shown where they wait for a reply."""
        if isinstance(error, StoreError):
            self._lost(event.place)
        if isinstance(event, Command | ButtonPress) or (isinstance(event, Ask) and event.addressed):
            self._on_failed(error, event.place)

    async def record_expired(self, ask: Ask) -> bool:
        """Keep a message that is too old to be answered (`Questions.expired`). Raises StoreError."""
        async with self._channel(ask.place):
            return await self._questions.expired(await self._members.known(ask))

    async def concerns(self, event: Ask | Edited) -> bool:
        try:
            return await until_stored(self._handlers.clock, lambda: self._concerns(event), STORE_WAIT_S)
        except StoreError:
            self._lost(event.place)
            raise

    async def _concerns(self, event: Ask | Edited) -> bool:
        """Raises StoreError."""
        if isinstance(event, Edited):
            return self.admission.holds(event.place) or await self._store.joined(event.place)
        _, outcome, _ = await self._questions.resolve(event)
        return event.addressed or outcome in (Outcome.TURN, Outcome.NOTED)

    async def refusal(self, event: Ask | Command) -> ImmediateReply | None:
        try:
            return await self._questions.refusal(await self._members.known(event))
        except BotError as error:
            self._not_taken(error, event)
            raise

    async def sound_rules(self, ask: Ask) -> SoundRules:
        ask = await self._members.known(ask)
        limits = scoped_limits(await self._handlers.settings(ask.place, ask.author))
        units = {limit.unit for _, some in limits for limit in some}
        day = self._handlers.clock.now().date()
        priced = all(model_info.is_sound_priced(day) for model_info in self._sound_models)
        refused = BudgetUnit.MONEY in units and not priced
        return SoundRules(bool(units), FileProblem.UNPRICED if refused else None)

    async def suggest(self, command: Command, option: str) -> list[Choice]:
        return await self._handlers.suggest(command, option)

    async def sources(
        self, place: Place, reader: Person, footers: Sequence[AnswerFooter]
    ) -> Mapping[str, Sources]:
        recall = self._handlers.recall
        citing = [footer for footer in footers if footer.cited]
        if recall is None or not citing:
            return {}
        settings = await self._handlers.settings(place, reader)
        language, audience = self._handlers.language(reader, settings), Audience(place, (reader,), place.direct)
        return {
            footer.message_id: await recall.cited(audience, footer.cited, language, settings.zone)
            for footer in citing
        }

    async def language(self, person: Person, place: Place) -> str:
        return self._handlers.language(person, await self._handlers.settings(place, person))

    async def limited(self, ask: Ask, settings: ChannelSettings) -> ChannelSettings:
        """The settings of `ask`: `settings`, or those with the limits of the asker's teams where no other rules apply.

        Raises StoreError.
        """
        if not self._handlers.is_teamless(ask.place):
            return settings
        workspaces = await self._store.workspaces(ask.place.platform)
        if any("person_budget" in stored for stored in workspaces.values()):
            ask = await self._members.known(ask)
        return await self._handlers.settings(ask.place, ask.author)

    def _channel(self, place: Place) -> asyncio.Lock:
        return self._busy.setdefault(place.channel_key, asyncio.Lock())

    async def _receive(self, event: Event) -> Receipt:
        match event:
            case Ask():
                return await self._questions.ask(await self._members.known(event))
            case ButtonPress():
                return await self._press(await self._members.known(event))
            case Halted():
                return await self._halted(event)
            case Command():
                return await self._questions.command(await self._members.known(event))
            case Edited():
                await self._quotes.receive(event)
                known = await self._store.edit(event)
                anew = known and await self._restart(message_key(event.place, event.message_id))
                await self._tell_others(replace(event, text="", begun_anew=anew))
            case Deleted():
                known = await self._deleted(event)
                await self._tell_others(event)
            case PlaceClosed():
                known = self._live.close(event.place, self._handlers.clock.now())
                closed = await self.approvals.withdraw(lambda turn: holds(event.place, turn.ask.place))
                known = closed or known
                await self._tell_others(event)
                if event.gone:
                    await self._store.remove_sources_of(event.place)
        return Receipt(Outcome.NOTED if known else Outcome.UNKNOWN)

    async def _deleted(self, event: Deleted) -> bool:
        """False where the message is unknown. One that a call of ours deletes is a page that its answer needs no
        longer."""
        if self._is_ours(event):
            return True
        await self._quotes.receive(event)
        now = self._handlers.clock.now()
        without_links = await self._store.uncite_message(event.place, event.message_id, now)
        known = await self._store.delete(event)
        for turn in without_links:
            self._submit(turn)
        message = message_key(event.place, event.message_id)
        known = self._live.message_deleted(message) or known
        self._live.withdraw(message)
        return await self.approvals.withdraw(partial(_has, message)) or known

    def _is_ours(self, event: Deleted) -> bool:
        calls = self._calls_at(event.place)
        return calls is not None and calls.deletes(event.place, event.message_id)

    async def _press(self, press: ButtonPress) -> Receipt:
        traits = self._handlers.traits(press.place)
        confirms = self._handlers.confirms_forgetting
        if press.action == FORGET_ME and await confirms(press.author, press.place, traits):
            options = {"what": "me", "confirm": "confirm"}
            at = press.at or self._handlers.clock.now()
            return await self._questions.command(
                Command("forget", press.place, press.author, at, options=options)
            )
        return await self._presses.press(press)

    async def _halted(self, event: Halted) -> Receipt:
        """The same as a press of Stop under the answer that is being prepared there."""
        running = self._live.at(event.place)
        if running is None:
            await self._tell_others(event)
            return Receipt(Outcome.UNKNOWN)
        press = ButtonPress("stop", running.id, event.place, event.author)
        return await self._press(await self._members.known(press))

    async def _restart(self, question: str) -> bool:
        """Answer an edited question anew, `EDIT_PAUSE_S` after its last edit, while its answer is being written or
        waits for an approval. False where neither is so here.

        It counts as a question of its author, who pays for it and may have to wait. The answer of an author who was
        denied meanwhile is not begun again.
        """
        running = self._live.answering(question)
        asking = await self.approvals.find(question) if running is None else None
        turn = running.turn if running else asking[0] if asking else None
        if turn is None:
            return False
        now_s = self._handlers.clock.monotonic()
        due_s = now_s + EDIT_PAUSE_S
        if running is None or not running.wait_s(now_s):
            settings = await self._handlers.settings(turn.ask.place, turn.ask.author)
            if turn.ask.author.id in settings.deny:
                return True
            due_s = self._eligibility.count_edit(turn.ask, f"edit/{question}/{now_s}", settings.rate, due_s)
        if running is not None:
            running.restart(due_s)
        elif asking is not None:
            await self.approvals.restart(*asking)
            self._live.delay(turn.id, due_s)
        return True


def _has(message: str, turn: Turn) -> bool:
    """True if the message with this key is the question of `turn`, or one of its answer's."""
    return message in {message_key(turn.ask.place, one) for one in (turn.ask.id, *turn.posted)}


def _is_slow(event: Event) -> bool:
    """True for a command whose reply takes long, also where it is typed."""
    name = None
    if isinstance(event, Command):
        name = named(event.name)
    elif isinstance(event, Ask) and (typed := typed_command(event)):
        name, _ = typed
    return name is not None and COMMANDS[name].slow
