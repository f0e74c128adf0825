"""The events of one workspace: identified, ordered, and handed to the inbox before they are acknowledged."""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import structlog
from cachetools import TTLCache

from bots.slack.author_lookup import is_command
from bots.slack.authors import is_known
from bots.slack.commands import REVOKED, stopped_to_events
from bots.slack.event_order import Order
from bots.slack.incoming import (
    MOVES,
    Identity,
    Payload,
    author_in,
    channel_of,
    happened_at,
    moved_in,
    named_in,
    payload_to_event,
)
from bots.slack.installation import SlackInstallation
from bots.slack.interactions import SlackInteractions
from bots.slack.late_edits import LateEdits
from core.clock import Clock
from core.errors import BotError, Code, StoreError
from core.ports.connector import Inbox
from core.values.conversation import Ask
from core.values.events import ButtonPress, Deleted, Edited, Event, Moved, Outcome, Receipt
from core.values.places import Person

log = structlog.get_logger(platform="slack")

Json = dict[str, Any]

# Of the 3 s within which an event has to be acknowledged, and before the people of its channel notice a pause. What is
# still not known then is looked up afterwards. https://docs.slack.dev/apis/events-api/#responding
_AUTHOR_BY_S, _NAMES_BY_S, _RIGHTS_BY_S = 1.2, 1.4, 1.6
_NAMES_S = 1.0
_REMEMBERED = 5_000
_APOLOGY_S = 60.0


class EventIntake:
    """Takes the events of `installation` for one life of the connection. `close` ends what goes on behind them.
    `on_moved` receives the people who join and leave channels."""

    def __init__(
        self,
        installation: SlackInstallation,
        inbox: Inbox,
        clock: Clock,
        on_moved: Callable[[Moved], Awaitable[None]],
    ) -> None:
        self._on_moved = on_moved
        self._installation = installation
        self._people = installation.people
        self._inbox = inbox
        self._clock = clock
        self._order = Order()
        # Channel and person.
        self._apologised: TTLCache[str, bool] = TTLCache(_REMEMBERED, _APOLOGY_S, clock.monotonic)
        self._interactions = SlackInteractions(installation.web, inbox, installation.people, clock)
        installation.interactions = self._interactions
        self._late_edits = LateEdits(clock, self._interactions.tasks)

    async def close(self, wait_s: float) -> None:
        """Give the background work `wait_s` seconds, then cancel it."""
        self._installation.interactions = None
        await self._interactions.close(wait_s)

    async def take(self, kind: str, body: Json) -> Json | None:
        """Return when the event may be acknowledged, with the body of the response.

        An unexpected error costs only this event: it is acknowledged, since it would fail again, and its author gets a
        reply. Raises BotError for an event that may succeed later.
        """
        try:
            return await self._take(kind, body)
        except StoreError as error:
            self._apologise_once(body, error)
            raise
        except BotError:
            raise
        except Exception as error:
            failure = BotError(Code.INTERNAL, type(error).__name__)
            at = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{at.filename}:{at.lineno}"
            log.error("event_failed", kind=kind, at=where, **failure.log_keys)
            self._interactions.apologise(body, failure)
            return None

    def _apologise_once(self, body: Json, error: StoreError) -> None:
        """Reply to the author of a question that can't be stored, at most once in `_APOLOGY_S`: Slack sends it
        again."""
        event = body.get("event") or {}
        who = f"{event.get('channel')}/{event.get('user')}"
        if event.get("type") != "app_mention" and event.get("channel_type") != "im":
            return
        if who not in self._apologised:
            self._apologised[who] = True
            self._interactions.apologise(body, error)

    async def _take(self, kind: str, body: Json) -> Json | None:
        """Do as `take`, and raise its errors."""
        match kind:
            case "slash_command":
                await self._interactions.slash(body)
            case "message_action":
                await self._interactions.shortcut(body)
            case "view_submission":
                return await self._interactions.submit(body)
            case (
                "block_suggestion"
            ):  # of a form that is not Parley's any more: its menus list all their options
                return {"options": []}
            case "change":
                await self._interactions.change(body)
            case "app_home_opened":
                await self._interactions.opened(body["event"])
            case "unreadable":
                pass
            case gone if gone in REVOKED:
                self._installation.web.on_refused()
            case "agent_session_stopped":
                await self._stopped(body["event"])
            case move if move in MOVES:
                await self._on_moved(moved_in(body["event"], self._installation.id))
            case _:
                await self._receive(body)
        return None

    async def _receive(self, payload: Payload) -> None:
        """Return once the event is stored or ignored. Events of one channel are taken in order."""
        me = await self._installation.web.identify()
        bare = payload_to_event(payload, me, {})
        if bare is None:
            return
        if isinstance(bare, Edited | Deleted):
            self._late_edits.heard(bare, payload)
        if not await self._take_event(payload, bare, me) and isinstance(bare, Edited):
            self._late_edits.hold(bare, payload, partial(self._take_event, payload, bare, me))

    async def _take_event(self, payload: Payload, bare: Event, me: Identity) -> bool:
        """False where the event is about nothing that is known. `bare`: without the names of people."""
        arrived_s = self._clock.monotonic()
        unasked = isinstance(bare, Edited) or (isinstance(bare, Ask) and not bare.addressed)
        if not unasked:
            self._people.ask(author_in(payload))
        async with self._order.turn(channel_of(payload), happened_at(payload)):
            if isinstance(bare, Ask | Edited) and unasked and not await self._inbox.concerns(bare):
                return False  # no look-up of its author is needed
            names = await self._names(payload, me, arrived_s)
            event = payload_to_event(payload, me, names)
            if event is None or (
                isinstance(event, ButtonPress) and await self._interactions.press(payload, event)
            ):
                return True
            self._installation.note_home(event)
            if isinstance(event, Ask) and self._installation.traits.distributed:
                self._installation.searches.note(event, payload)
            if is_command(event) and not is_known(event.author):
                self._interactions.tasks.start(self._deliver_late(event, payload))
                return True
            left_s = arrived_s + _RIGHTS_BY_S - self._clock.monotonic()
            entitled = await self._interactions.authors.entitled(event, left_s)
            return (await self._deliver(entitled, payload)).outcome is not Outcome.UNKNOWN

    async def _deliver(self, event: Event, payload: Payload) -> Receipt:
        receipt = await self._inbox.receive(event)
        if isinstance(event, Ask) and receipt.outcome in (Outcome.TURN, Outcome.HELD):
            self._installation.note_asker(event)
        if receipt.reply is not None:
            self._interactions.tell(receipt.reply, event, str(payload.get("response_url", "")))
        return receipt

    async def _deliver_late(self, event: Ask | ButtonPress, payload: Payload) -> None:
        """Commands and buttons are not stored: they are done once their author is known, or can't be."""
        try:
            await self._deliver(await self._interactions.authors.identified(event), payload)
        except BotError as error:
            log.warning("event_not_accepted", **error.log_keys)
            self._interactions.apologise(payload, error)

    async def _names(self, payload: Payload, me: Identity, arrived_s: float) -> dict[str, Person]:
        """The author first, whom rights depend on; then those who are only mentioned."""
        author = author_in(payload)
        known = await self._people.get(author, arrived_s + _AUTHOR_BY_S - self._clock.monotonic())
        left_s = min(_NAMES_S, arrived_s + _NAMES_BY_S - self._clock.monotonic())
        named = [id_ for id_ in dict.fromkeys(named_in(payload)) if id_ not in {*author, me.user_id}]
        return await self._people.names(named, left_s) | known

    async def _stopped(self, event: Payload) -> None:
        """Slack's own stop button: https://docs.slack.dev/reference/events/agent_session_stopped"""
        names = await self._people.get({str(event.get("user"))}, _AUTHOR_BY_S)
        me = await self._installation.web.identify()
        stops = stopped_to_events(event, me, names, self._installation.growing)
        receipts = [await self._inbox.receive(stop) for stop in stops]
        for stop, receipt in zip(stops, receipts, strict=True):
            if receipt.reply is not None:
                self._interactions.tell(receipt.reply, stop)
        if not any(receipt.turn_id for receipt in receipts):
            log.info("nothing_to_stop", channel=channel_of(event), thread=str(event.get("thread_ts") or ""))
