"""The one team of the page: outgoing calls become views, which the open pages receive."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from bots.web import incoming, outgoing
from bots.web.answer_streams import AnswerStreams
from core.clock import Clock
from core.errors import Code, PlatformError, StoreError
from core.i18n import language_of, variant
from core.ports.files import FileContent, FileError
from core.ports.store import Store
from core.values.conversation import Ask, History, Turn
from core.values.outgoing import (
    AnswerPicture,
    EditMessage,
    OutgoingCall,
    PostMessage,
    RateLimit,
    UploadFile,
    page_length,
)
from core.values.parts import File, FileProblem
from core.values.places import Place

THINKING_MS = 120_000
"""The time for which the page shows "thinking" without a first word, in milliseconds."""


class WebInstallation:
    """Shows answers on the pages that `live` serves. `connected`: whether pages are served."""

    name = "web"
    id = incoming.TEAM
    limits = outgoing.LIMITS
    traits = outgoing.TRAITS

    def __init__(self, live: AnswerStreams, clock: Clock, store: Store, connected: Callable[[], bool]) -> None:
        self._live = live
        self._clock = clock
        self._store = store
        self.ready = connected

    async def take_up(self) -> None:
        """Show the answers that an earlier process left half written or waiting for an approval, as far as it had
        come."""
        for turn, view in await self.unended():
            self._live.show(outgoing.place_to_thread(turn.ask.place), view, turn_id=turn.id)

    async def unended(self) -> list[tuple[Turn, outgoing.MessageView]]:
        """The answers that are half written or wait for an approval, as the store has them. Raises StoreError."""
        turns = [(turn, None) for turn in await self._store.open_turns() if turn.text]
        found = []
        for turn, asked in (*turns, *await self._store.asking_turns()):
            if turn.ask.place.platform == self.name and turn.posted:
                language = variant(language_of(turn.ask.author.locale), self.name)
                found.append((turn, outgoing.turn_to_view(turn, self._clock.now(), language, asked)))
        return found

    async def states(self) -> frozenset[tuple[int, str]]:
        """The turns that have not ended, with their states. Raises StoreError."""
        asking = [turn for turn, _ in await self._store.asking_turns()]
        turns = (*await self._store.open_turns(), *asking)
        return frozenset((turn.id, turn.state) for turn in turns if turn.ask.place.platform == self.name)

    async def history(self, place: Place, before: Ask) -> History:
        """No history: every message comes through the inbox, so the store has all of it."""
        return History()

    def channels(self) -> list[Place]:
        return []

    async def recent(self, place: Place, limit: int, since: datetime | None = None) -> History:
        """The messages in the store, which has all of them. A channel holds threads only, so its top level is
        the messages of all of them."""
        if place.thread:
            lines = await self._store.lines(place, limit=limit + 1)
        else:
            said = await self._store.messages_by_person(self.name, self.id, incoming.YOU, limit + 1)
            lines = [line for _, line in said]
        found = [line for line in lines if since is None or line.at >= since]
        return History(tuple(found[-limit:]), len(found) <= limit)

    async def missed(self, place: Place, after: datetime) -> list[Ask]:
        """No messages: while the program is down, the page itself reports that a question was not sent."""
        return []

    async def fetch(self, place: Place, message_id: str, file: File, limit: int) -> FileContent:
        """The small copy of a picture, which is all that is kept of a file."""
        try:
            content = await self._store.upload(place, message_id, file.source)
        except StoreError as error:
            raise FileError(FileProblem.UNAVAILABLE, type(error).__name__) from error
        if content is None or len(content.data) > limit:
            raise FileError(FileProblem.NOT_FOUND)
        return content

    async def question_exists(self, ask: Ask) -> bool:
        """Questions are forgotten here, not deleted."""
        return True

    def message_link(self, place: Place, message_id: str) -> str:
        """The address of its thread, without the host: the page has several."""
        return f"/#{place.thread}" if place.thread else ""

    def channel_mention(self, place: Place) -> str:
        """No channel of the page has a name."""
        return ""

    def rate_limits(self, call: OutgoingCall) -> tuple[RateLimit, ...]:
        """The page has no rate limit; this one keeps a thread from redrawing faster than a reader can follow."""
        return (RateLimit(f"web/{call.place.team}/{outgoing.place_to_thread(call.place)}", burst=30, per_s=30),)

    async def perform(self, call: OutgoingCall) -> str:
        """An edit of a message from before a restart brings it back: the call is its complete view."""
        await self.channel(call.place.channel)
        if isinstance(call, UploadFile) and call.under:
            await self._keep_picture(call, call.under, call)
            if (known := self._live.view(call.under)) is not None:
                thread = outgoing.place_to_thread(call.place)
                self._live.show(thread, outgoing.with_picture(known, call), turn_id=call.turn_id)
            return call.under
        if not isinstance(call, PostMessage | EditMessage):
            raise PlatformError(Code.UNSUPPORTED, f"the page takes no {type(call).__name__}")
        if page_length(call.page.text, self.limits.page_unit) > self.limits.page_size:
            raise PlatformError(Code.REJECTED, f"longer than {self.limits.page_size} UTF-16 units")
        if isinstance(call, PostMessage):
            message_id, key = outgoing.new_message_id(call.answers), call.key
        else:
            message_id, key = call.message_id, ""
        view = outgoing.page_to_view(message_id, call.page, self._clock.now())
        view = replace(view, anew=await self._anew(view, call.turn_id))
        if call.page.picture is not None:
            await self._keep_picture(call, message_id, call.page.picture)
            view = outgoing.with_picture(view, call.page.picture)
        self._live.show(outgoing.place_to_thread(call.place), view, key, call.turn_id)
        return message_id

    async def _keep_picture(
        self, call: OutgoingCall, message_id: str, picture: UploadFile | AnswerPicture
    ) -> None:
        """Store a picture with the message that it belongs to."""
        content = {picture.name: FileContent(picture.title, picture.media_type, picture.content)}
        try:
            await self._store.put_uploads(call.place, message_id, self._clock.now(), content, call.turn_id)
        except StoreError as error:
            raise PlatformError(Code.UNAVAILABLE, type(error).__name__, retryable=True) from error

    async def _anew(self, view: outgoing.MessageView, turn_id: int | None) -> bool:
        """True if a message of that turn answers a question that was answered before. A view without buttons is
        a notice only."""
        known = self._live.view(view.id)
        if known is not None and known.buttons:
            return known.anew
        turn = None
        with suppress(StoreError):  # then both are shown until the page is loaded again
            turn = await self._store.turn(turn_id) if view.buttons and turn_id is not None else None
        return turn is not None and outgoing.answers_anew(turn)

    async def find(self, call: OutgoingCall) -> str | None:
        return self._live.find(call.key) if isinstance(call, PostMessage) else None

    async def typing(self, place: Place, language: str = "en") -> None:
        self._live.think(outgoing.place_to_thread(place), self._clock.monotonic(), THINKING_MS)

    async def channel(self, channel: str) -> Place:
        """The only channel, `web`."""
        place = incoming.thread_to_place(incoming.TOP)
        if channel != place.channel:
            raise PlatformError(Code.GONE, "the web has one channel, web")
        return place
