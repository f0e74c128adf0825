"""The inbox: what a platform heard is stored here, and only then acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from weakref import WeakValueDictionary

import structlog

from core.access import Refusal, refusal
from core.commands import FORGET_ME
from core.commands.handlers import FREE, CommandHandlers
from core.commands.parser import command_of
from core.errors import StoreError
from core.i18n import phrase
from core.inbox.admission import Admission
from core.inbox.membership import TeamMembership
from core.inbox.rate_limit import Rate
from core.inbox.routing import classify
from core.ports.connector import Directory, Membership
from core.ports.store import Feedback, Store
from core.settings.channel import ChannelSettings
from core.turns.running import RunningTurns
from core.values.conversation import Ask, Task, Turn, TurnState
from core.values.events import ButtonPress, Command, Deleted, Edited, Event, Outcome, PlaceClosed, Receipt
from core.values.places import Person, Place, message_key
from core.values.ui import Button, Choice, ImmediateReply

log = structlog.get_logger()

_ANEW = ("again", "regenerate", "continue")
_ENDING_S = (0.02, 0.05, 0.1, 0.2, 0.4)
EDIT_PAUSE_S = 1.0
"""How long an edited question is left alone before it is answered anew: edits come in bursts."""

_OPINIONS = {"up": 1, "down": -1, "reason": -1}


class StoringInbox:
    """Decides, stores, and hands new turns to `submit`. Events of one channel are taken in the order they come,
    so that a deletion never overtakes what it deletes. `lost` hears of the platform of what could not be stored.
    `memberships`: the platforms that know of which teams somebody is a member, by name; `directories`: those that may
    take long to say who somebody is, whose questions `admission` holds."""

    def __init__(
        self,
        store: Store,
        submit: Callable[[Turn], None],
        live: RunningTurns,
        handlers: CommandHandlers,
        lost: Callable[[str], None] = lambda _: None,
        memberships: Mapping[str, Membership] | None = None,
        directories: Mapping[str, Directory] | None = None,
    ) -> None:
        self._store = store
        self._lost = lost
        self._submit = submit
        self._live = live
        self._handlers = handlers
        self._rate = Rate()
        self._members = TeamMembership(store, memberships or {})
        self.admission = Admission(directories or {}, self._admit, handlers.clock)
        self._busy: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def receive(self, event: Event) -> Receipt:
        async with self._channel(event.place):
            try:
                return await self._receive(event)
            except StoreError:
                self._lost(event.place.platform)
                raise

    async def record_expired(self, ask: Ask) -> bool:
        """Whether `ask`, which is too old to be answered, is a question that nobody has heard. What it would have
        been part of remembers it. Raises StoreError."""
        async with self._channel(ask.place):
            ask, outcome, settings = await self._resolve(await self._members.known(ask))
            asks = outcome is Outcome.TURN
            if asks and (command_of(ask.text) or refusal(ask.author, ask.place, settings)):
                return False
            return (asks or outcome is Outcome.NOTED) and await self._store.note(ask) and asks

    async def concerns(self, event: Ask | Edited) -> bool:
        try:
            if isinstance(event, Edited):
                return self.admission.holds(event.place) or await self._store.joined(event.place)
            _, outcome, _ = await self._resolve(event)
        except StoreError:
            self._lost(event.place.platform)
            raise
        return event.addressed or outcome in (Outcome.TURN, Outcome.NOTED)

    async def refusal(self, command: Command) -> ImmediateReply | None:
        done = await self._handlers.do(await self._members.known(command))
        if isinstance(done, ImmediateReply):
            return done
        ask, outcome, settings = await self._resolve(done)
        if outcome is Outcome.OFF:
            return _no(phrase("refused_off", self._handlers.language(ask.author, settings)))
        refused = await self._refused(ask.author, ask.place, settings, ask.key, tell=True)
        return refused.told if refused else None

    async def suggest(self, command: Command, option: str) -> list[Choice]:
        return await self._handlers.suggest(command, option)

    def _channel(self, place: Place) -> asyncio.Lock:
        return self._busy.setdefault(place.channel_key, asyncio.Lock())

    async def language(self, person: Person, place: Place) -> str:
        return self._handlers.language(person, await self._handlers.settings(place, person))

    async def _receive(self, event: Event) -> Receipt:
        match event:
            case Ask():
                return await self._ask(await self._members.known(event))
            case ButtonPress():
                return await self._press(await self._members.known(event))
            case Command():
                return await self._command(await self._members.known(event))
            case Edited():
                known = await self._store.edit(event)
                await self._restart(message_key(event.place, event.message_id))
            case Deleted():
                known = await self._store.delete(event)
                message = message_key(event.place, event.message_id)
                removed = self._live.remove(message)
                self._live.withdraw(message)
                known = known or removed
            case PlaceClosed():
                known = self._live.close(event.place, self._handlers.clock.now())
        return Receipt(Outcome.NOTED if known else Outcome.UNKNOWN)

    async def _restart(self, question: str) -> None:
        """Have an edited question answered anew, where its answer is being written: once the edits have come to rest,
        and counted as a question of its author's, which may have to wait."""
        turn = self._live.answering(question)
        if turn is None:
            return
        author, place, now_s = turn.ask.author, turn.ask.place, self._handlers.clock.monotonic()
        due_s = now_s + EDIT_PAUSE_S
        if not self._live.wait_s(turn.id, now_s):
            settings = await self._handlers.settings(place, author)
            if author.id in settings.deny:
                return  # their answer was begun before they were denied: it is not begun again
            key = f"edit/{question}/{now_s}"
            due_s += self._rate.wait_s(_who(author, place), key, settings.rate, now_s)
            self._rate.count(_who(author, place), key, due_s)
        self._live.restart(question, due_s)

    # Commands.

    async def _command(self, command: Command) -> Receipt:
        done = await self._handlers.do(command)
        if isinstance(done, Ask):
            return await self._ask(done, commanded=True)
        log.info("command_received", command=command.name, place=command.place.key)
        return Receipt(Outcome.TOLD, told=done)

    async def _typed(self, ask: Ask, name: str, argument: str) -> Receipt:
        """A command written as a message to the bot. It may be delivered twice, as a message and as a mention. Others
        may see what it tells there, so a refusal is told once, as for a question."""
        if not await self._store.mark_once(f"command/{ask.key}"):
            return Receipt(Outcome.DUPLICATE)
        opens = ask.place.thread if ask.id == ask.place.thread else ""
        place = replace(ask.place, thread="") if opens else ask.place
        refused = name not in FREE and refusal(
            ask.author, place, await self._handlers.settings(place, ask.author)
        )
        if refused and not place.direct and not await self._explains(ask, refused):
            return Receipt(Outcome.REFUSED)
        return await self._command(
            Command(
                name,
                place,
                ask.author,
                ask.at,
                argument,
                id=ask.id,
                opens=opens,
                interaction_token=ask.interaction_token,
            )
        )

    # Buttons.

    async def _press(self, press: ButtonPress) -> Receipt:
        """A button under an answer. Its turn must be one of the channel it was pressed in."""
        turn = await self._store.turn(press.turn_id)
        settings = await self._handlers.settings(press.place, press.author)
        language = self._handlers.language(press.author, settings)
        if press.action == FORGET_ME and self._handlers.confirms_forgetting(press.author, press.place):
            return await self._command(_confirmed(press, self._handlers.clock.now()))
        if turn is None or turn.forgotten or turn.ask.place.channel_key != press.place.channel_key:
            return Receipt(Outcome.UNKNOWN, told=ImmediateReply(phrase("pressed_late", language)))
        log.info("button_pressed", turn=turn.id, action=press.action, place=press.place.key)
        own_stop = press.action == "stop" and press.author.id == turn.ask.author.id
        why = None if own_stop else refusal(press.author, press.place, settings)
        if why:
            if press.action == "stop":
                self._live.go_on(turn.id)
            return Receipt(Outcome.REFUSED, turn.id, _no(phrase(why, language)))
        if press.action == "stop":
            return Receipt(Outcome.NOTED if self._live.stop(turn.id) else Outcome.UNKNOWN, turn.id)
        if press.action in _OPINIONS:
            return await self._opinion(press, turn, language)
        if press.action not in _ANEW:
            return Receipt(Outcome.UNKNOWN, turn.id)
        if press.action == "regenerate" and press.author.id != turn.ask.author.id:
            return Receipt(Outcome.REFUSED, turn.id, _no(phrase("not_asker", language)))
        if turn.ask.task is Task.SUMMARY and not press.author.may_read:
            return Receipt(Outcome.REFUSED, turn.id, _no(phrase("refused_history", language)))
        if refused := await self._refused(press.author, press.place, settings, f"press-{turn.id}", tell=True):
            return refused
        again = await self._again(turn, _task(press.action, turn))
        if again is None:
            return Receipt(Outcome.DUPLICATE, turn.id, ImmediateReply(phrase("pressed_already", language)))
        self._count(press.author, press.place, f"press-{turn.id}")
        self._submit(again)
        return Receipt(Outcome.TURN, again.id)

    async def _again(self, turn: Turn, task: Task) -> Turn | None:
        """Its buttons may be pressed a moment before its end is stored."""
        for pause_s in (*_ENDING_S, 0.0):
            again = await self._store.retry_turn(turn.id, task)
            now = await self._store.turn(turn.id) if again is None else None
            if now is None or now.state not in (TurnState.WAITING, TurnState.RUNNING):
                return again
            await asyncio.sleep(pause_s)
        return None

    async def _opinion(self, press: ButtonPress, turn: Turn, language: str) -> Receipt:
        value = _OPINIONS[press.action]
        at = self._handlers.clock.now()
        await self._store.rate(turn.id, Feedback(press.author.id, value, press.text.strip(), at))
        told = ImmediateReply(phrase("thanks", language))
        if press.action == "down":
            why = Button("reason", phrase("reason", language), turn.id)
            told = ImmediateReply(phrase("thanks_down", language), buttons=(why,))
        return Receipt(Outcome.NOTED, turn.id, told)

    # Questions.

    async def _ask(self, ask: Ask, *, commanded: bool = False) -> Receipt:
        """`commanded`: the ask comes from a command, and its author waits for a reply."""
        ask, outcome, settings = await self._resolve(ask)
        asks = ask.addressed and not ask.author.bot
        if asks and not commanded and (typed := command_of(ask.text)):
            return await self._typed(ask, *typed)
        if outcome is Outcome.OFF:
            told = asks and (commanded or await self._first(ask, "off"))
            words = phrase("refused_off", self._handlers.language(ask.author, settings))
            return Receipt(outcome, told=_no(words) if told else None)
        if outcome is Outcome.NOTED:
            await self._store.note(ask)
        if outcome is not Outcome.TURN:
            return Receipt(outcome)
        if not commanded and self._is_held(ask, settings):
            return await self._hold(ask)
        if not ask.author.bot and (
            refused := await self._refused(ask.author, ask.place, settings, ask.key, tell=commanded, ask=ask)
        ):
            return refused
        turn = await self._store.accept(ask)
        if turn is None:
            return Receipt(Outcome.DUPLICATE)
        self._count(ask.author, ask.place, ask.key)
        self._submit(turn)
        log.info("question_accepted", turn=turn.id, place=ask.place.key)
        return Receipt(outcome, turn.id)

    def _is_held(self, ask: Ask, settings: ChannelSettings) -> bool:
        """Whether looking the author up for longer may help. Who gives a command has been waited for."""
        unknown = not ask.author.bot and refusal(ask.author, ask.place, settings) is Refusal.UNKNOWN
        return unknown and self.admission.takes(ask.place.platform)

    async def _hold(self, ask: Ask) -> Receipt:
        held = await self._store.hold(ask)
        if held is None:
            return Receipt(Outcome.DUPLICATE)
        log.info("question_held", turn=held.id, place=ask.place.key)
        self.admission.hold(replace(held, ask=replace(held.ask, author=ask.author)))
        return Receipt(Outcome.HELD, held.id)

    async def _admit(self, turn: Turn, author: Person) -> Receipt:
        """What becomes of a held turn, now that its author is looked up. Raises StoreError."""
        async with self._channel(turn.ask.place):
            ask, outcome, settings = await self._resolve(replace(turn.ask, author=author))
            refused = await self._refused(author, ask.place, settings, ask.key, tell=False, ask=ask)
            if refused is not None or outcome is not Outcome.TURN:
                await self._store.discard(turn.id)
                return refused or Receipt(outcome)
            admitted = await self._store.admit(turn.id, author)
            if admitted is None:
                return Receipt(Outcome.UNKNOWN)
            self._count(author, ask.place, ask.key)
            self._submit(admitted)
            log.info("question_accepted", turn=turn.id, place=ask.place.key)
            return Receipt(outcome, turn.id)

    async def _resolve(self, ask: Ask) -> tuple[Ask, Outcome, ChannelSettings]:
        """The ask in the conversation that it belongs to, what is to become of it, and what counts there."""
        if ask.replies_to:
            place = await self._store.place_of_post(ask.place, ask.replies_to)
            ask = replace(ask, place=place or ask.place)
        joined = (ask.addressed and not ask.author.bot) or await self._store.joined(ask.place)
        settings = await self._handlers.settings(ask.place, ask.author)
        return ask, classify(ask, joined, settings.listen), settings

    async def _refused(
        self,
        person: Person,
        place: Place,
        settings: ChannelSettings,
        key: str,
        *,
        tell: bool,
        ask: Ask | None = None,
    ) -> Receipt | None:
        """Why `person` gets no answer, or None. `tell`: they are told in any case, else as `_explains` decides."""
        language = self._handlers.language(person, settings)
        if why := refusal(person, place, settings):
            told = tell or (ask is not None and await self._explains(ask, why))
            return Receipt(Outcome.REFUSED, told=_no(phrase(why, language)) if told else None)
        now_s = self._handlers.clock.monotonic()
        wait_s = self._rate.wait_s(_who(person, place), key, settings.rate, now_s)
        if not wait_s:
            return None
        if ask is not None and await self._store.joined(place):
            await self._store.note(ask)
        told = tell or self._rate.tell(_who(person, place), now_s)
        return Receipt(Outcome.LIMITED, told=_no(phrase("limited", language, n=wait_s)) if told else None)

    def _count(self, person: Person, place: Place, key: str) -> None:
        self._rate.count(_who(person, place), key, self._handlers.clock.monotonic())

    async def _explains(self, ask: Ask, why: Refusal) -> bool:
        """Whether the author of a refused question is told why: once a channel, where they addressed the bot. Who is
        not known may be answered a moment later: they are told each time, within the limit of `Rate.tell`."""
        if why is Refusal.UNKNOWN:
            return self._rate.tell(_who(ask.author, ask.place), self._handlers.clock.monotonic())
        return ask.addressed and await self._first(ask, "refused")

    async def _first(self, ask: Ask, why: str) -> bool:
        """Whether this person has not been told so in this channel yet."""
        return await self._store.mark_once(f"{why}/{ask.place.channel_key}/{ask.author.id}")


def _confirmed(press: ButtonPress, at: datetime) -> Command:
    options = {"what": "me", "confirm": "confirm"}
    return Command("forget", press.place, press.author, at, options=options)


def _no(words: str) -> ImmediateReply:
    return ImmediateReply(words, refused=True)


def _task(action: str, turn: Turn) -> Task:
    if action == "continue":
        return Task.CONTINUE
    return Task.SUMMARY if turn.ask.task is Task.SUMMARY else Task.ANSWER


def _who(person: Person, place: Place) -> str:
    return f"{place.platform}/{person.id}"
