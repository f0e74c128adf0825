"""The interface of a rig: a platform that runs, the actions of people there, its failures, and what its readers see."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import Context
from dataclasses import dataclass
from itertools import count
from typing import Any, NoReturn

import pytest

from core.errors import Code
from core.ports.connector import Connector, Installation
from core.values.conversation import Ask
from core.values.events import ButtonPress, Command, Event, Outcome, Receipt
from core.values.outgoing import EditMessage, OutgoingCall, Page, PostMessage
from core.values.places import Place
from core.values.ui import Button, ImmediateReply
from tests.fakes.inbox import RecordingInbox
from tests.waiting import until

_numbers = count(1)

PageCall = PostMessage | EditMessage
"""The calls that show a page: every platform has them."""

LOST, CUT = "done, and its answer lost", "cut off before it was done"
"""The two ways to be UNCERTAIN."""


class Recorder(RecordingInbox):
    """`came`: events that arrived; `open`: while it is cleared, none is stored. `keep` stores questions as well.

    `reply`: the immediate reply to every question, command and press.
    """

    def __init__(self, keep: Callable[[Ask], Awaitable[object]] | None = None) -> None:
        super().__init__()
        self.came: list[Event] = []
        self.open = asyncio.Event()
        self.open.set()
        self.reply: ImmediateReply | None = None
        self._keep = keep

    async def receive(self, event: Event) -> Receipt:
        self.came.append(event)
        await self.open.wait()
        if self.error is None and self._keep is not None and isinstance(event, Ask):
            await self._keep(event)
        return await super().receive(event)

    async def respond(self, event: Event) -> Receipt:
        if self.reply is None or not isinstance(event, Ask | Command | ButtonPress):
            return await super().respond(event)
        # Slack delivers a mention twice.
        again = isinstance(event, Ask) and [ask.id for ask in self.of(Ask)].count(event.id) > 1
        return Receipt(Outcome.DUPLICATE) if again else Receipt(Outcome.TOLD, reply=self.reply)

    async def refusal(self, event: Ask | Command) -> ImmediateReply | None:
        return self.reply or await super().refusal(event)


@dataclass(frozen=True, slots=True)
class Shown:
    """A message of the bot's as its readers see it."""

    id: str
    text: str
    notice: str = ""
    buttons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ShownReply:
    """An immediate reply as it is read; `alone`: by the person alone who caused it."""

    text: str
    buttons: tuple[str, ...]
    alone: bool


class Rig(ABC):
    """A platform that runs, and the people around it. `secrets` must never be seen in an error."""

    name: str
    secrets: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()
    posts_and_edits_are_limited_apart = True
    deletes = True
    whispers_to_messages = True
    """True if the reply to a message, and not only to a command or a press, can be for its author alone."""
    has_others = True
    keeps_posts = True
    """True if the platform keeps what the bot posts: else the turn is all that there is."""
    only_threads_stand_in_the_channel = False
    limited_for_all_teams: frozenset[str] = frozenset()
    platform: Connector

    def __init__(self) -> None:
        self.inbox = Recorder()
        self.running: asyncio.Task[None] | None = None
        self.context: Context | None = None

    @property
    def installation(self) -> Installation:
        """The only installation of the platform."""
        (one,) = self.platform.installations
        return one

    def cannot(self, reason: str) -> NoReturn:
        pytest.skip(f"{self.name}: {reason}")

    # Life.

    @abstractmethod
    async def open(self) -> None:
        """The other side is there, and `platform` is made, but does not run yet."""

    @abstractmethod
    async def close(self) -> None: ...

    @abstractmethod
    def again(self) -> Connector:
        """The platform as a new process would make it: it remembers nothing."""

    @abstractmethod
    def refused(self) -> list[tuple[str, Connector]]:
        """Platforms whose credentials are not accepted, each with the setting to name."""

    async def start(self) -> None:
        self.running = asyncio.create_task(self.platform.run(self.inbox), context=self.context)
        await until(self.platform.ready)

    async def stop(self) -> None:
        if self.running is not None:
            self.running.cancel()
            with suppress(asyncio.CancelledError):
                await self.running

    async def restart(self) -> None:
        await self.stop()
        self.platform = self.again()
        await self.start()

    @abstractmethod
    async def lose(self) -> None:
        """The connection for events goes, and does not come back."""

    @abstractmethod
    async def vanish(self) -> None:
        """The other side is gone."""

    @abstractmethod
    async def hang(self) -> None:
        """A client is connected whose connection is dead, or who never closes it."""

    # What people do.

    @abstractmethod
    async def say(self, text: str) -> None:
        """One person asks the bot something, in a new conversation."""

    @abstractmethod
    async def follow_up(self, ask: Ask, text: str) -> None:
        """Another line in the conversation of `ask`, as people there add one."""

    @abstractmethod
    async def edit(self, ask: Ask, text: str) -> None: ...

    @abstractmethod
    async def delete(self, ask: Ask) -> None: ...

    @abstractmethod
    async def press(self, ask: Ask, message_id: str, button: Button) -> None: ...

    @abstractmethod
    async def command(self, text: str) -> None:
        """The command `ask` with these words."""

    @abstractmethod
    async def bot_says(self, ask: Ask, text: str) -> None:
        """Another bot speaks in the conversation."""

    async def ask(self, text: str = "what is a loom?") -> Ask:
        await self.say(text)
        return await self.inbox.ask(text)

    # How it fails.

    @abstractmethod
    async def failing(self, call: PageCall, code: Code) -> PageCall:
        """The call to perform, like `call`, so that it fails with `code` and is not done."""

    @abstractmethod
    async def uncertain(self, call: OutgoingCall, way: str) -> None:
        """The next call for such a call ends LOST or CUT."""

    @abstractmethod
    def strange(self) -> list[Callable[[OutgoingCall], None]]:
        """Ways in which the next call for such a call is answered as no documentation says."""

    @abstractmethod
    def slow(self, call: OutgoingCall) -> float:
        """The next call for such a call is refused for a while: for how long, in seconds."""

    async def halt(self, ask: Ask) -> None:
        """A person presses the platform's own button that stops what grows."""
        self.cannot("messages do not grow")

    @abstractmethod
    async def files(self, place: Place) -> list[tuple[str, str]]:
        """Names and texts of the files that the bot put into the conversation."""

    @abstractmethod
    async def pictures(self, place: Place) -> list[tuple[str, bytes]]:
        """Pictures of the bot there, each behind the description for people who can't see it."""

    @abstractmethod
    def read_slowly(self) -> float:
        """The next read is refused for a while: for how long, in seconds."""

    @abstractmethod
    def break_typing(self) -> None: ...

    @abstractmethod
    def mend(self) -> None: ...

    # What there is to see.

    @abstractmethod
    async def shown(self, place: Place) -> list[Shown]:
        """The bot's messages in the conversation, oldest first."""

    def tasks(self, message_id: str) -> list[tuple[str, str]]:
        """The tasks that a message shows, each with its state in the platform's words."""
        self.cannot("no message grows there")

    @abstractmethod
    async def replies(self, words: str) -> list[ShownReply]:
        """The immediate replies with these words, once there is one."""

    @abstractmethod
    def alerts(self) -> list[Any]:
        """The people whom the bot's messages alerted."""

    @abstractmethod
    def acknowledged(self) -> bool:
        """True if the other side has an acknowledgement of an event."""

    @abstractmethod
    async def told(self) -> str:
        """The reply to a question that could not be stored; empty where the question comes again instead."""

    @abstractmethod
    def calls(self) -> int:
        """The number of calls to the other side."""

    @abstractmethod
    async def typed(self, place: Place) -> bool: ...

    @abstractmethod
    def channel(self) -> str:
        """The id of a channel, as an operator would write it down."""

    @abstractmethod
    def elsewhere(self, place: Place) -> Place:
        """A place in a channel of another team."""


def post(ask: Ask, page: Page, key: str = "") -> PostMessage:
    """An answer to `ask`, under a key of its own unless one is given."""
    return PostMessage(ask.place, page, key or f"turn-{next(_numbers)}/0", ask.id, ask.interaction_token)
