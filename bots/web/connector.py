"""The web page: its routes, and whose each request is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import asdict, replace
from datetime import datetime
from functools import partial, wraps
from weakref import WeakValueDictionary

from aiohttp import hdrs, web

from bots import guard
from bots.web import incoming, outgoing, suggestions
from bots.web.answer_streams import AnswerStreams, ThinkingNews
from bots.web.errors import Reason, RequestError
from bots.web.event_streams import EventStreams
from bots.web.http_messages import (
    HEADERS,
    json_response,
    locale_of,
    picture_response,
    read_body,
    refusal_response,
)
from bots.web.installation import WebInstallation
from bots.web.others import OtherAnswers
from bots.web.page_files import PageFiles
from bots.web.renderer import ViewRenderer
from bots.web.uploads import QuestionRefusedError, SentAgainError, SentMessage, UploadReader
from core.clock import Clock
from core.conversation.file_content import ContentReader
from core.errors import StoreError
from core.i18n import language_of
from core.ports.connector import Inbox
from core.ports.store import Store
from core.spend.prices import merged, transcript_to_charge
from core.values.budgets import SoundRules
from core.values.conversation import Ask
from core.values.events import REFUSALS, Command, Event, Outcome, Receipt
from core.values.parts import FileProblem
from core.values.places import Person, Place
from core.values.turn_ends import ANNOUNCED_FOR, MOST_ANNOUNCEMENTS

HEARTBEAT_S = 15.0
STREAMS = 24
"""The most event streams that one address may have open."""

_ASKED = (Outcome.TURN, Outcome.NOTED, Outcome.DUPLICATE)
"""Outcomes after which the message is part of its thread."""

_TAKEN = (*_ASKED, Outcome.TOLD)
"""Outcomes after which the page does not send the message again."""

_JSON, _FORM = "application/json", "multipart/form-data"

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class WebConnector:
    """The chat page of this machine: its routes, its threads and its answers."""

    name = "web"
    traits = outgoing.TRAITS
    signed_paths = ()

    def __init__(
        self,
        hosts: guard.Hosts,
        clock: Clock,
        store: Store,
        content: ContentReader,
        *,
        heartbeat_s: float = HEARTBEAT_S,
        streams: int = STREAMS,
    ) -> None:
        self._uploads = UploadReader(content)
        self._heard: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._alone = hosts.alone
        self._clock = clock
        self._store = store
        self._inbox: Inbox | None = None
        self._live = AnswerStreams()
        self._renderer = ViewRenderer()
        self._event_streams = EventStreams(self._live, self._renderer, heartbeat_s, streams)
        self.installation = WebInstallation(self._live, clock, store, self.ready)
        self._others = OtherAnswers(self.installation, self._live, clock)
        self._files = PageFiles()

    # The port.

    @property
    def installations(self) -> tuple[WebInstallation, ...]:
        return (self.installation,)

    def serving(self, place: Place) -> WebInstallation | None:
        return self.installation if place.team in ("", self.installation.id) else None

    async def run(self, inbox: Inbox) -> None:
        """Serve until cancelled. The listening socket is `bots.http`'s; this opens and shuts the page's part."""
        with suppress(StoreError):  # running answers are shown once they go on
            await self.installation.take_up()
        self._inbox = inbox
        try:
            await self._others.run()
        finally:
            self._inbox = None
            self._live.close()
            self._renderer.close()

    def ready(self) -> bool:
        return self._inbox is not None

    def share_answers(self, here: Callable[[Place], bool]) -> None:
        self._others.here = here

    @property
    def watchers(self) -> int:
        """The number of open pages."""
        return self._live.watchers

    @property
    def connections(self) -> int:
        return self.watchers

    @property
    def uploading(self) -> int:
        """The number of messages whose files are being read."""
        return self._uploads.reading

    # The routes.

    def routes(self) -> list[web.RouteDef]:
        """The routes for the one HTTP application of the program."""
        return [
            web.get("/", self._guarded(self._files.page)),
            web.get("/static/{name}", self._guarded(self._files.static)),
            web.get("/api/words.js", self._guarded(self._files.words)),
            web.get("/api/threads", self._guarded(self._threads)),
            web.get("/api/threads/{thread}", self._guarded(self._thread)),
            web.get("/api/threads/{thread}/events", self._guarded(self._events), allow_head=False),
            web.get("/api/events", self._guarded(self._events), allow_head=False),
            web.get("/api/suggestions", self._guarded(self._suggestions)),
            web.get("/api/files/{message}/{source}", self._guarded(self._picture)),
            web.post("/api/asks", self._guarded(self._ask, _JSON, _FORM)),
            web.post("/api/commands", self._guarded(self._command)),
            web.post("/api/presses", self._guarded(self._press)),
        ]

    def shown_at(self, address: str) -> str:
        return address

    def _guarded(self, handler: _Handler, *types: str) -> _Handler:
        """Every route: checked first, refused in words, answered with the page's headers. `types`: of a POST's body,
        JSON where none is given."""

        @wraps(handler)
        async def guarded(request: web.Request) -> web.StreamResponse:
            try:
                self._check(request, types or (_JSON,))
                response = await handler(request)
            except RequestError as refused:
                response = refusal_response(refused, locale_of(request))
            except StoreError:
                response = refusal_response(RequestError(Reason.STORE), locale_of(request))
            if not response.prepared:
                response.headers.update(HEADERS)
            return response

        return guarded

    def _check(self, request: web.Request, types: Sequence[str]) -> None:
        if request.method == hdrs.METH_POST:
            if not guard.same_origin(request.headers, request.host):
                raise RequestError(Reason.CROSS_SITE)
            if request.content_type not in types:
                raise RequestError(Reason.NOT_JSON)

    async def _threads(self, request: web.Request) -> web.Response:
        threads = await self._store.threads(self.name, self.installation.id)
        return json_response({"threads": outgoing.threads_to_json(threads, await self._notices(1))})

    async def _thread(self, request: web.Request) -> web.Response:
        place = incoming.thread_to_place(request.match_info["thread"])
        return json_response(await self._state(place, self._reader(request)))

    async def _state(self, place: Place, reader: Person) -> dict[str, object]:
        """The complete view of a thread."""
        language = await self._language(reader, place)
        lines = await self._store.lines(place)
        answer_footers = await self._store.answer_footers(place)
        thread = outgoing.place_to_thread(place)
        live = self._live.views(thread)
        asked = {line.id for line in lines}
        live = [view for view in live if view.after in asked]  # messages that were forgotten leave memory too
        if thread == incoming.TOP:
            answers = {view.id for view in live}
            live += [view for view in await self._notices() if view.id not in answers]
        sources = await self._inbox.sources(place, reader, answer_footers) if self._inbox is not None else {}
        views = outgoing.views(lines, live, answer_footers, language, sources)
        if not views:
            raise RequestError(Reason.NO_THREAD)
        return {
            "messages": [await self._renderer.view(view) for view in views],
            "thinking": asdict(self._live.thinking(thread, self._clock.monotonic())),
        }

    async def _notices(self, limit: int = MOST_ANNOUNCEMENTS) -> list[outgoing.MessageView]:
        """The newest alerts and reports, oldest first: those of the store, and from memory those that are being posted
        or that the store refused."""
        open_turns = {turn.id for turn in await self._store.open_turns()} | {None}
        top, since = incoming.thread_to_place(incoming.TOP), self._clock.now() - ANNOUNCED_FOR
        stored = await self._store.announcements(top, since, limit)
        views = [outgoing.announcement_to_view(one) for one in stored]
        known = {view.id for view in views}
        views += [
            view
            for view in self._live.views(incoming.TOP)
            if view.id not in known and self._live.turn_of(view.id) in open_turns
        ]
        return sorted(views, key=lambda view: datetime.fromisoformat(view.at))

    async def _left(self, place: Place, reader: Person) -> dict[str, object]:
        """The complete view of a thread that was there; there may be nothing left of it."""
        try:
            return await self._state(place, reader)
        except RequestError:
            return {"messages": [], "thinking": asdict(ThinkingNews())}

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """The events of a thread, or those of the blank page of a new one."""
        thread = request.match_info.get("thread")
        place = None if thread is None else incoming.thread_to_place(thread)
        if self._inbox is None:
            raise RequestError(Reason.STARTING)
        if place is None:
            return await self._event_streams.serve(request)
        reader = self._reader(request)
        first, later = (partial(read, place, reader) for read in (self._state, self._left))
        return await self._event_streams.serve(request, outgoing.place_to_thread(place), first, later)

    async def _suggestions(self, request: web.Request) -> web.Response:
        """Completions of the command in `?text=`, the content of the input box."""
        text = request.query.get("text", "")[: suggestions.LENGTH_LIMIT]
        place = incoming.thread_to_place(request.query.get("thread", incoming.TOP), alone=self._alone)
        language = await self._language(self._reader(request), place)
        typed = suggestions.typing(text)
        if typed is None or self._inbox is None:
            return json_response({"suggestions": [asdict(one) for one in suggestions.names(text, language)]})
        author = self._reader(request)
        values = {}
        for option in typed.asked:
            options = {**typed.given, option.name: typed.begun}
            command = Command(typed.spec.name, place, author, self._clock.now(), options=options)
            values[option.name] = await self._inbox.suggest(command, option.name)
        found = typed.suggestions(values, language)
        return json_response({"suggestions": [asdict(one) for one in found]})

    async def _ask(self, request: web.Request) -> web.Response:
        async with AsyncExitStack() as sounds:
            return await self._take_ask(request, sounds)

    async def _take_ask(self, request: web.Request, sounds: AsyncExitStack) -> web.Response:
        """`sounds` is closed once the cost of its transcripts is counted."""
        try:
            sent = await self._read_ask(request, sounds)
        except QuestionRefusedError as refused:
            return await self._answered(refused.ask, Receipt(Outcome.REFUSED, reply=refused.reply))
        except SentAgainError as again:
            return await self._asked(incoming.ask_to_command(again.ask) or again.ask)
        day = self._clock.now().date()
        charges = merged(transcript_to_charge(one, day) for one in sent.transcripts)
        ask = replace(sent.ask, charges=charges)
        try:
            await self._store.put_uploads(ask.place, ask.id, ask.at, sent.pictures)
            return await self._asked(incoming.ask_to_command(ask) or ask)
        finally:
            if sent.pictures:
                with suppress(StoreError):  # they expire
                    await self._store.discard_uploads(ask.place, ask.id)

    async def _read_ask(self, request: web.Request, sounds: AsyncExitStack) -> SentMessage:
        to_ask = partial(
            incoming.body_to_ask, at=self._clock.now(), locale=locale_of(request), alone=self._alone
        )
        if request.content_type == _JSON:
            return SentMessage(to_ask(await read_body(request)))
        if self._inbox is None:
            raise RequestError(Reason.STARTING)
        language = language_of(locale_of(request))
        check_sounds = partial(self._check_sounds, sounds=sounds)
        return await self._uploads.read(
            request, partial(to_ask, files=True), self._check_question, check_sounds, language
        )

    async def _check_question(self, ask: Ask) -> None:
        """Raises QuestionRefusedError, so that no file of a question that is refused is read, and StoreError."""
        if self._inbox is not None and (reply := await self._inbox.refusal(ask)) is not None:
            raise QuestionRefusedError(ask, reply)

    async def _check_sounds(self, ask: Ask, sounds: AsyncExitStack) -> FileProblem | None:
        """The reason why the sounds of a question are not transcribed. Under a limit one question at a time of a
        person has them transcribed: it waits for the one before it, and holds the next one back until `sounds` is
        closed.

        Raises QuestionRefusedError where a limit is reached by then, SentAgainError for a question whose transcripts
        are counted already, and StoreError.
        """
        rules = SoundRules() if self._inbox is None else await self._inbox.sound_rules(ask)
        if rules.limited and rules.problem is None:
            await sounds.enter_async_context(self._heard.setdefault(ask.author.id, asyncio.Lock()))
            await self._check_question(ask)
            if any(line.id == ask.id for line in await self._store.lines(ask.place)):
                raise SentAgainError(ask)
        return rules.problem

    async def _picture(self, request: web.Request) -> web.Response:
        """The small copy of an image of a message. Every visitor of the page may read all its threads."""
        place = incoming.thread_to_place(incoming.TOP)
        found = await self._store.upload(place, request.match_info["message"], request.match_info["source"])
        if found is None:
            raise RequestError(Reason.NO_FILE)
        return picture_response(found)

    async def _command(self, request: web.Request) -> web.Response:
        command = incoming.body_to_command(
            await read_body(request), self._clock.now(), locale_of(request), alone=self._alone
        )
        return await self._asked(command)

    async def _asked(self, event: Ask | Command) -> web.Response:
        """A message or command in a thread, or one that opens a thread."""
        opens = incoming.ask_id_to_thread(event.id)
        thread = opens if isinstance(event, Command) and event.place.thread == "" else ""
        thread = thread or outgoing.place_to_thread(event.place)
        if thread not in (opens, incoming.TOP) and not await self._store.joined(event.place):
            raise RequestError(Reason.NO_THREAD)
        receipt = await self._receive(event)
        if receipt.outcome is Outcome.TURN and receipt.turn_id is not None:
            self._live.ask(thread, event.id, receipt.turn_id)
        if receipt.outcome in (Outcome.TURN, Outcome.NOTED):
            self._live.tell(thread, await self._question(event, receipt))
        elif receipt.reply is not None:
            self._live.tell_all()  # a command may forget messages of any thread
        return await self._answered(event, receipt, thread)

    async def _answered(self, event: Ask | Command, receipt: Receipt, thread: str = "") -> web.Response:
        thread = thread or outgoing.place_to_thread(event.place)
        outcome = receipt.outcome
        answer = {"thread": thread, "id": event.id, "taken": outcome in _TAKEN, "asked": outcome in _ASKED}
        return json_response(answer | await self._renderer.receipt(receipt), status=202)

    async def _question(self, event: Ask | Command, receipt: Receipt) -> outgoing.MessageView:
        """The question as the thread shows it: a command becomes another text than was typed."""
        text = event.text if isinstance(event, Ask) else ""
        if receipt.turn_id is not None and (not text or text.startswith("/")):
            turn = await self._store.turn(receipt.turn_id)
            text = turn.ask.text if turn else text
        language = await self._language(event.author, event.place)
        text, attached = (
            outgoing.question_words(text, language),
            outgoing.attached_to_views(event.id, event.attached, language),
        )
        return outgoing.MessageView(event.id, False, text, event.at.isoformat(), attached=attached)

    async def _language(self, reader: Person, place: Place) -> str:
        """The language of the page's reader."""
        return await self._inbox.language(reader, place) if self._inbox else language_of(reader.locale)

    def _reader(self, request: web.Request) -> Person:
        return incoming.person(locale_of(request), alone=self._alone)

    async def _press(self, request: web.Request) -> web.Response:
        press = incoming.body_to_press(await read_body(request), locale_of(request), alone=self._alone)
        turn = await self._store.turn(press.turn_id)
        receipt = await self._receive(press)
        again = receipt.outcome is Outcome.TURN
        if again and turn is not None and receipt.turn_id is not None:
            thread = outgoing.place_to_thread(press.place)
            self._live.spend(thread, press.turn_id)
            self._live.ask(thread, turn.ask.id, receipt.turn_id)
        if receipt.outcome is Outcome.TOLD:
            self._live.tell_all()  # a press may forget messages of any thread
        return json_response({"again": again} | await self._renderer.receipt(receipt), status=202)

    async def _receive(self, event: Event) -> Receipt:
        if self._inbox is None:
            raise RequestError(Reason.STARTING)
        receipt = await self._inbox.receive(event)
        if receipt.outcome is Outcome.DRAINING:
            raise RequestError(Reason.DRAINING)
        if receipt.reply is None and receipt.outcome in (*REFUSALS, Outcome.OFF):
            raise RequestError(Reason.UNANSWERED)
        if receipt.reply is None and receipt.outcome not in _TAKEN:
            raise RequestError(Reason.OUT_OF_DATE)
        return receipt
