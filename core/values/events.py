"""Events that platforms report, and their receipts. The inbox takes each `Event` and returns a `Receipt`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from core.values.conversation import Ask
from core.values.parts import Attached
from core.values.places import Person, Place
from core.values.ui import ImmediateReply
from core.values.usage import Charge

ASKED_LATER = timedelta(minutes=15)
"""Oldest age of a message that an edit can turn into a question. Its author may still wait for an answer."""


@dataclass(frozen=True, slots=True)
class Edited:
    """A person changed a message; the stored thread is updated."""

    place: Place
    message_id: str
    text: str
    attached: tuple[Attached, ...] = ()
    begun_anew: bool = False
    """Told to others: its answer waited for an approval, and is begun anew already."""


@dataclass(frozen=True, slots=True)
class Deleted:
    """A message of a person or the bot was deleted: it is removed from the stored thread, its answer is not begun,
    and an answer that grows in it stops. `place.thread` may be unknown (empty)."""

    place: Place
    message_id: str


@dataclass(frozen=True, slots=True)
class PlaceClosed:
    """A thread or a channel was deleted or archived: it takes no messages, and its growing answers stop. `place.thread`
    is empty for a channel with all its threads. `gone`: it was deleted, and its messages with it.

    Sources: https://docs.discord.com/developers/events/gateway-events#thread-delete,
    https://docs.slack.dev/reference/events/channel_archive
    """

    place: Place
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """A command of the table in `core.commands`, by its name there without a slash.

    `place` is where it was given: its `thread` is empty at the top level of a channel. `argument` is what was typed
    behind the name, `options` are named values as text; where both are there, `options` win.
    `id` is the dedupe key and `opens` the thread that an answer opens where `place` has none: needed by those
    commands that become a turn (`Spec.turn`). `prefix` precedes the name of a command where
    this one was given, such as `/parley `. `attached`: files that were given with a question, and what the message that
    it is about holds beside its words. `charges`: as in `Ask`.
    """

    name: str
    place: Place
    author: Person
    at: datetime
    argument: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    id: str = ""
    opens: str = ""
    interaction_token: str = ""
    prefix: str = "/"
    attached: tuple[Attached, ...] = ()
    charges: tuple[Charge, ...] = ()


@dataclass(frozen=True, slots=True)
class ButtonPress:
    """A button pressed under the answer of `turn_id`. `text`: what was written into the form that the button opened
    (`core.commands.press_form`). `at`: when, by the platform's clock; None where the platform does not say."""

    action: str
    turn_id: int
    place: Place
    author: Person
    interaction_token: str = ""
    text: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Halted:
    """A person pressed the platform's own stop button in `place` before a message grew there: the answer that is being
    prepared stops."""

    place: Place
    author: Person


@dataclass(frozen=True, slots=True)
class Stopped:
    """A person stops the answer of `turn_id`. `refused`: one who may not, which a platform's own button needs to
    know."""

    turn_id: int
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Turns were forgotten: the store says which."""


@dataclass(frozen=True, slots=True)
class InstallationEnded:
    """An installation on `platform` that a team had made itself has ended: the store says which."""

    platform: str


@dataclass(frozen=True, slots=True)
class Moved:
    """A person has joined the channel of `place`, or left it: what was known of its readers counts no more."""

    place: Place
    person: str
    joined: bool


Event = Ask | Edited | Deleted | PlaceClosed | Command | ButtonPress | Halted
Interrupting = Edited | Deleted | PlaceClosed | Halted | Stopped | Forgotten
"""Events that concern answers under way, which another replica may write."""


class Outcome(StrEnum):
    """The result of an event: a turn, a change of the stored thread, or nothing (and why)."""

    TURN = "turn"
    NOTED = "noted"
    DUPLICATE = "duplicate"
    HELD = "held until it is known whether who said it may ask"
    BOT = "a bot said it"
    WORDLESS = "nothing was written, and the bot was not addressed"
    NOT_ADDRESSED = "not addressed to the bot, in a place it has not joined"
    OFF = "the bot is switched off in that channel"
    REFUSED = "who said it may not do that here"
    LIMITED = "too many questions by one person"
    BUDGET = "a budget is used up"
    TOLD = "told"
    UNKNOWN = "nothing of ours"
    DRAINING = "the program is stopping"


REFUSALS = (Outcome.REFUSED, Outcome.LIMITED, Outcome.BUDGET)
"""The outcomes of a question whose author may not ask it, or not now."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """Confirms that an event is stored or can be ignored, so that the platform may acknowledge it.

    The author of the event is shown `reply`, if any.
    """

    outcome: Outcome
    turn_id: int | None = None
    reply: ImmediateReply | None = None
