"""The inbox of platform tests: keeps every event. Tests that need more override `respond`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from core.errors import BotError
from core.i18n import language_of
from core.values.budgets import SoundRules
from core.values.conversation import Ask
from core.values.events import Command, Edited, Event, Outcome, Receipt
from core.values.outgoing import Sources
from core.values.places import Person, Place
from core.values.turn_ends import AnswerFooter
from core.values.ui import Choice, ImmediateReply
from tests.waiting import until

E = TypeVar("E")


class RecordingInbox:
    """Keeps events, in `events`, in the order in which they were stored, and references in `failures`.

    `error` is raised instead of storing, and by `suggest` and `refusal`. `concerned`: the answer of `concerns`.
    `choices`: what `suggest` returns; `typed`: what it was asked. `reply`: what `refusal` returns.
    `sound`: what `sound_rules` returns. `cited`: what each answer cites that cites anything.
    """

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.error: BotError | None = None
        self.failures: list[tuple[str, Place]] = []
        self.concerned = True
        self.choices: list[Choice] = []
        self.reply: ImmediateReply | None = None
        self.sound = SoundRules()
        self.cited = Sources()
        self.typed: list[tuple[Command, str]] = []
        self.requests: set[str] = set()

    async def receive(self, event: Event) -> Receipt:
        if self.error is not None:
            raise self.error
        self.events.append(event)
        return await self.respond(event)

    async def take_request(self, key: str) -> bool:
        new = key not in self.requests
        self.requests.add(key)
        return new

    async def give_back_request(self, key: str) -> None:
        self.requests.discard(key)

    def failed(self, error: BotError, place: Place) -> None:
        self.failures.append((error.ref, place))

    async def respond(self, event: Event) -> Receipt:
        """The receipt of an event that was kept."""
        return Receipt(Outcome.TURN if isinstance(event, Ask | Command) else Outcome.NOTED, len(self.events))

    async def sources(
        self, place: Place, reader: Person, footers: Sequence[AnswerFooter]
    ) -> Mapping[str, Sources]:
        return {footer.message_id: self.cited for footer in footers if footer.cited}

    async def language(self, person: Person, place: Place) -> str:
        return language_of(person.locale)

    async def concerns(self, event: Ask | Edited) -> bool:
        return self.concerned

    async def refusal(self, event: Ask | Command) -> ImmediateReply | None:
        if self.error is not None:
            raise self.error
        return self.reply

    async def sound_rules(self, ask: Ask) -> SoundRules:
        return self.sound

    async def suggest(self, command: Command, option: str) -> list[Choice]:
        if self.error is not None:
            raise self.error
        self.typed.append((command, option))
        return self.choices

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    async def first(self, kind: type[E]) -> E:
        return (await until(lambda: self.of(kind)))[0]

    async def ask(self, text: str) -> Ask:
        """The ask with this text, once it is there."""
        return await until(lambda: next((ask for ask in self.of(Ask) if ask.text == text), None))
