"""What passes between Slack and one person beside questions and answers: commands, menus, modals, the Home tab, and
what they are told at once.

A trigger opens a modal for 3 seconds, a response URL takes 5 messages within 30 minutes:
https://docs.slack.dev/interactivity/handling-user-interaction/
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Coroutine, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Protocol, TypeGuard, TypeVar

import structlog
from cachetools import FIFOCache

from bots.slack import commands, forms, home
from bots.slack.authors import is_known, with_known
from bots.slack.errors import reason_of
from bots.slack.incoming import Identity, Names, Payload, author_of, place_of
from bots.slack.message_text import mentioned_in
from bots.slack.mrkdwn import markdown_to_mrkdwn
from bots.slack.outgoing import aside, page_to_content, told_to_content
from bots.slack.users import People
from core.clock import Clock
from core.commands import press_form
from core.commands.parser import command_of
from core.errors import BotError, Code, PlatformError
from core.i18n import error_text, language_of, phrase
from core.ports.connector import Inbox
from core.values.conversation import Ask
from core.values.events import ButtonPress, Command, Event
from core.values.outgoing import Page
from core.values.places import Person, Place
from core.values.ui import Form, ImmediateReply

log = structlog.get_logger(platform="slack")

Json = dict[str, Any]
Done = TypeVar("Done")
Given = TypeVar("Given", Command, ButtonPress, Command | ButtonPress, Ask | ButtonPress)

# Of the 3 s within which Slack wants to be answered.
_NAMES_S, _REPEAT_S, _SENT_S, _ACK_S = 0.8, 1.2, 1.8, 2.5
_AUTHOR_S = 10.0
_WHOLE_KEPT = 200
_NOT_THERE = {"not_in_channel", "channel_not_found"}
_NO_PROMPTS = {"unknown_method", "missing_scope", "not_allowed_token_type", "no_permission"}


class Slack(Protocol):
    """The calls that are needed here. All raise PlatformError."""

    async def identify(self) -> Identity: ...
    def call(self, method: str, arguments: Json) -> Coroutine[Any, Any, Json]: ...
    async def read(self, method: str, arguments: Json) -> Json: ...
    async def respond(self, url: str, body: Json) -> None: ...
    async def upload(self, name: str, content: bytes, where: Json, title: str = "") -> str: ...


class Dialog:
    """One workspace's. What a person waits for is done after the acknowledgement; `close` ends what is under way."""

    def __init__(self, slack: Slack, inbox: Inbox, people: People, clock: Clock) -> None:
        self._slack = slack
        self._inbox = inbox
        self._people = people
        self._creators = People(self._creator, clock)
        self._clock = clock
        self._jobs: set[asyncio.Task[Any]] = set()
        self._prompts = True
        # A modal's private_metadata -> what it should hold.
        self._whole: FIFOCache[str, dict[str, str]] = FIFOCache(_WHOLE_KEPT)

    async def close(self, wait_s: float) -> None:
        if self._jobs:
            await asyncio.wait(self._jobs, timeout=wait_s)
        for job in self._jobs:
            job.cancel()
        await asyncio.gather(*self._jobs, return_exceptions=True)
        await self._creators.close()

    # -- what comes in: each returns when Slack may be told that it came

    async def slash(self, payload: Payload) -> None:
        await self._in_time(self._slash(payload))

    async def _slash(self, payload: Payload) -> None:
        me, names = await self._meet(payload, commands.named_in_slash(payload), payload.get("channel_id"))
        command = commands.slash_to_command(payload, me, names, self._clock.now())
        await self._do(command, str(payload.get("response_url", "")))

    async def shortcut(self, payload: Payload) -> None:
        await self._in_time(self._shortcut(payload))

    async def _shortcut(self, payload: Payload) -> None:
        message: Payload = payload.get("message") or {}
        me, names = await self._meet(payload, (*author_of(message), *mentioned_in(message)))
        command = commands.shortcut_to_command(payload, me, names, self._clock.now())
        if command is None:
            return
        language = await self._language(command.author, command.place)
        form = commands.command_to_form(command, language)
        if form is not None:
            self.later(self._open(payload, form, command.place, language))
        else:
            await self._do(command, str(payload.get("response_url", "")))

    async def change(self, payload: Payload) -> None:
        """A button under what was told: open the form of what it is about."""
        me = await self._slack.identify()
        me, names = await self._meet(payload, (), commands.place_of_view(payload, me).channel)
        command = commands.change_to_command(payload, me, names, self._clock.now())
        if command is not None:
            self.later(self._change(payload, command))

    async def press(self, payload: Payload, press: ButtonPress) -> bool:
        """Whether a button opens a form first, which it then does."""
        language = await self._language(press.author, press.place)
        form = press_form(press.action, language)
        if form is not None:
            self.later(self._open(payload, form, press.place, language, press.turn_id))
        return form is not None

    async def submit(self, payload: Payload) -> Json | None:
        """A modal that was sent off: what Slack is to do with it. It closes where nothing is to be said, and stays as
        it was filled in where it was refused.

        https://docs.slack.dev/surfaces/modals/#handling_submissions
        """
        me = await self._slack.identify()
        try:
            place = forms.place_of_submission(payload, me)
        except (ValueError, KeyError, TypeError):
            return None
        me, names = await self._meet(payload, (), place.channel)
        author = commands.user_of(payload, me, names)
        event = forms.submission_to_event(payload, me, author, self._clock.now(), commands.PREFIX)
        if event is None:
            return None
        if isinstance(event, Command) and (whole := self._whole.get(payload["view"]["private_metadata"])):
            event = replace(event, options={**event.options, **whole})
        job = self._start(self._sent(event))
        done, _ = await asyncio.wait({job}, timeout=_SENT_S)
        if not done:
            self.later(self._tell_late(job, event))
            return None
        told = job.result()
        if not place.channel and not (told and told.refused):
            self.later(self._publish(event.author, me))
        return None if told is None else forms.told_to_response(payload["view"], told, await self._speak(event))

    async def opened(self, event: Payload) -> None:
        """The person looks at the app: its Home tab, or the conversation with it."""
        by = {"user": {"id": str(event.get("user"))}}
        me, names = await self._meet(by, ())
        person = commands.user_of(by, me, names)
        if event.get("tab") == "home":
            self.later(self._publish(person, me))
        elif event.get("tab") == "messages" and self._prompts:
            place = place_of({"channel": event.get("channel"), "channel_type": "im"}, me, "")
            self.later(self._suggest(place, person))

    async def entitled(self, event: Event, wait_s: float) -> Event:
        """The event with what its author may do in the channel, where that may matter and is known within
        `wait_s`."""
        if not is_command(event) or event.place.direct:
            return event
        author = event.author
        names = await self._with_rights({author.id: author}, author.id, event.place.channel, wait_s)
        return replace(event, author=names[author.id])

    def apologise(self, payload: Payload, failure: BotError) -> None:
        """Tell the author of `payload`, where they expect an answer, that it failed."""
        self.later(self._quietly(self._apologise(payload, failure)))

    async def _apologise(self, payload: Payload, failure: BotError) -> None:
        event: Payload = payload.get("event") or {}
        channel, user = str(event.get("channel") or ""), str(event.get("user") or "")
        place = Place("slack", (await self._slack.identify()).team, channel)
        words = error_text(failure, await self._language(Person(user), place))
        if url := str(payload.get("response_url") or ""):
            await self._slack.respond(
                url, {"text": words, "response_type": "ephemeral", "replace_original": False}
            )
        elif event.get("channel_type") == "im" and channel and user:
            await self._slack.call("chat.postMessage", {"channel": channel, "text": words} | aside())
        elif event.get("type") == "app_mention" and channel and user:
            await self._slack.call("chat.postEphemeral", {"channel": channel, "user": user, "text": words})

    def tell(self, told: ImmediateReply, event: Event, url: str = "") -> None:
        """Show what was told to the author of `event`, or to all, in its place. `url`: a response URL, if any."""
        if isinstance(event, Ask | Command | ButtonPress):
            self.later(self._tell(told, event, url))

    # -- what is done about it

    async def _do(self, command: Command, url: str) -> None:
        """Returns once a question is stored; everything else is done afterwards."""
        if not commands.becomes_turn(command):
            self.later(self._tell_done(command, url))
        elif told := await self._sent(command):
            self.tell(told, command, url)

    async def _tell_done(self, command: Command, url: str) -> None:
        if told := await self._sent(command):
            await self._tell(told, command, url)

    async def _sent(self, event: Command | ButtonPress) -> ImmediateReply | None:
        """What is told about it, or why it could not be done."""
        event = await self.identified(event)
        if isinstance(event, Command) and commands.becomes_turn(event):
            return await self._ask(event)
        return await self._received(event)

    async def _ask(self, command: Command) -> ImmediateReply | None:
        """Repeat the question for all to see, and have it stored: it is answered in its thread. Where it would be
        refused, nobody but its author sees anything."""
        language = await self._speak(command)
        try:
            refused = await self._inbox.refusal(command)
        except BotError as error:
            refused = ImmediateReply(error_text(error, language), refused=True)
        if refused is not None:
            return refused
        page = Page(commands.repeated(command, language))
        thread = {"thread_ts": command.place.thread} if command.place.thread else {}
        said = {"channel": command.place.channel} | page_to_content(page) | aside() | thread
        posting = self._start(self._slack.call("chat.postMessage", said))
        await asyncio.wait({posting}, timeout=_REPEAT_S)
        try:
            if not posting.done():
                raise PlatformError(Code.UNCERTAIN, f"chat.postMessage: no answer in {_REPEAT_S} s")
            ts = str(posting.result()["ts"])
            told = await self._received(replace(command, id=ts, opens=ts))
        except PlatformError as error:
            told = ImmediateReply(_why_not(error, command.place, language), refused=True)
        if told is not None:
            self.later(self._take_back(posting, command.place.channel))
        return told

    async def _take_back(self, posting: asyncio.Task[Json], channel: str) -> None:
        """A question that was repeated, and then not taken, goes away again."""
        with suppress(PlatformError):
            ts = (await posting)["ts"]
            await self._slack.call("chat.delete", {"channel": channel, "ts": ts})

    async def _received(self, event: Command | ButtonPress) -> ImmediateReply | None:
        try:
            return (await self._inbox.receive(event)).told
        except BotError as error:
            log.warning("event_not_accepted", **error.log_keys)
            return ImmediateReply(error_text(error, await self._speak(event)), refused=True)

    async def _tell_late(self, job: asyncio.Task[ImmediateReply | None], event: Command | ButtonPress) -> None:
        if told := await job:
            await self._tell(told, event, "")

    async def _change(self, payload: Payload, command: Command) -> None:
        told = await self._sent(command)
        if told is None:
            return
        if told.form is None:
            await self._tell(told, command, str(payload.get("response_url", "")))
        else:
            await self._open(payload, told.form, command.place, await self._speak(command))

    async def _open(self, payload: Payload, form: Form, place: Place, language: str, turn_id: int = 0) -> None:
        view = forms.form_to_view(form, place, language, turn_id)
        if forms.cuts_short(view, form):
            self._hold(view["private_metadata"], form.fixed)
        await self._quietly(
            self._slack.call("views.open", {"trigger_id": payload.get("trigger_id"), "view": view})
        )

    def _hold(self, metadata: str, fixed: Mapping[str, str]) -> None:
        """Remember what a modal can't carry. After a restart it is asked with what it does carry, which is marked."""
        self._whole[metadata] = dict(fixed)

    async def _publish(self, person: Person, me: Identity) -> None:
        at, place = self._clock.now(), commands.home_of(me)
        language = await self._language(person, place)
        told = [
            await self._sent(Command(name, place, person, at, prefix=commands.PREFIX)) for name in home.COMMANDS
        ]
        view = home.told_to_home([one for one in told if one], language)
        await self._quietly(self._slack.call("views.publish", {"user_id": person.id, "view": view}))

    async def _suggest(self, place: Place, person: Person) -> None:
        """Without a thread_ts: with one, the call fails silently for an app with `agent_view`."""
        arguments = {"channel_id": place.channel} | home.prompts(await self._language(person, place))
        try:
            await self._slack.call("assistant.threads.setSuggestedPrompts", arguments)
        except PlatformError as error:
            self._prompts = reason_of(error) not in _NO_PROMPTS
            log.info("prompts_not_suggested", **error.log_keys)

    # -- what is told

    async def _tell(self, told: ImmediateReply, event: Ask | Command | ButtonPress, url: str) -> None:
        place, author = event.place, event.author
        language = await self._speak(event)
        try:
            if told.file is not None:
                told = await self._hand_over(told, place, author, language)
            if told.text:
                await self._show(told, event, url, language)
        except PlatformError as error:
            log.warning("reply_not_delivered", place=place.key, **error.log_keys)

    async def _show(
        self, told: ImmediateReply, event: Ask | Command | ButtonPress, url: str, language: str
    ) -> None:
        place = event.place
        content = told_to_content(told, language)
        # A thread that nobody has answered in yet shows no ephemeral message:
        # https://docs.slack.dev/reference/methods/chat.postEphemeral
        whisper = told.whisper and not place.direct
        unseen = whisper and isinstance(event, Ask) and event.id == place.thread
        thread = {"thread_ts": place.thread} if place.thread and not unseen else {}
        if url:
            kind = "ephemeral" if told.whisper else "in_channel"
            body = content | thread | {"response_type": kind, "replace_original": False}
            try:
                return await self._slack.respond(url, body)
            except PlatformError as error:
                log.info("response_url_expired", **error.log_keys)
        if whisper:
            reader = {"channel": place.channel, "user": event.author.id}
            await self._slack.call("chat.postEphemeral", reader | content | thread)
        else:
            where = place.channel or event.author.id
            await self._slack.call("chat.postMessage", {"channel": where} | content | aside() | thread)

    async def _hand_over(
        self, told: ImmediateReply, place: Place, author: Person, language: str
    ) -> ImmediateReply:
        """A file for one person alone, in their conversation with the bot. What is to be said about that elsewhere."""
        assert told.file is not None
        try:
            # Direct messages may also be those of two people, between whom a command works and the bot is not.
            opened = await self._slack.call("conversations.open", {"users": author.id})
            channel = str(opened["channel"]["id"])
            here = channel == place.channel
            where: Json = {"channel_id": channel, "initial_comment": markdown_to_mrkdwn(told.text)}
            where |= {"thread_ts": place.thread} if here and place.thread else {}
            await self._slack.upload(told.file.name, told.file.content, where)
        except PlatformError as error:
            log.warning("file_not_delivered", place=place.key, **error.log_keys)
            return ImmediateReply(error_text(error, language))
        return ImmediateReply("" if here else phrase("slack_file_sent", language))

    # -- who

    async def _meet(
        self, payload: Payload, others: Collection[str], channel: Any = None
    ) -> tuple[Identity, Names]:
        """The bot, and what is known in time of the actor and of `others`."""
        me = await self._slack.identify()
        if channel:
            self._creators.ask([str(channel)])
        until_s = self._clock.monotonic() + _NAMES_S
        who = commands.user_id_of(payload)
        names = await self._people.get({who} - {""}, _NAMES_S)
        named = [id_ for id_ in dict.fromkeys(others) if id_ not in {who, me.user_id}]
        names = await self._people.names(named, max(0.0, until_s - self._clock.monotonic())) | names
        if channel:
            names = await self._with_rights(names, who, str(channel), until_s - self._clock.monotonic())
        return me, names

    async def _with_rights(self, names: Names, who: str, channel: str, wait_s: float) -> dict[str, Person]:
        """Whoever made a channel manages it: Slack makes them its first Channel Manager. Whom they have made another
        one only `admin.roles.listAssignments` tells, to a user's token of an app that an organisation's admin has
        installed, so no bot can know. For those there is PARLEY_ADMINS.

        https://slack.com/help/articles/8328303095443-Understand-Channel-Managers-in-Slack and
        https://docs.slack.dev/reference/methods/admin.roles.listAssignments
        """
        person = names.get(who)
        made = (await self._creators.get([channel], wait_s)).get(channel)
        if person is None or made is None:
            return dict(names)
        return {**names, who: replace(person, manager=made.id == who)}

    async def identified(self, event: Given) -> Given:
        """With its author as Slack knows them, waited for where it has not said yet: then there is more time than
        until the acknowledgement."""
        author, place = event.author, event.place
        if not author.id or is_known(author):
            return event
        known = await self._people.find(author.id, _AUTHOR_S)
        if known is None:
            return event
        author = with_known(author, known, (await self._slack.identify()).home)
        if place.channel and not place.direct:
            author = (await self._with_rights({author.id: author}, author.id, place.channel, _NAMES_S))[
                author.id
            ]
        return replace(event, author=author)

    async def _speak(self, event: Ask | Command | ButtonPress) -> str:
        return await self._language(event.author, event.place)

    async def _language(self, person: Person, place: Place) -> str:
        """What `person` is spoken to in there; their own while the store is away."""
        try:
            return await self._inbox.language(person, place)
        except BotError:
            return language_of(person.locale)

    async def _creator(self, channel: str) -> Person:
        """https://docs.slack.dev/reference/methods/conversations.info"""
        told = await self._slack.read("conversations.info", {"channel": channel})
        return Person(str(told["channel"].get("creator") or ""))

    # -- jobs

    async def _in_time(self, job: Coroutine[Any, Any, None]) -> None:
        """Returns when `job` is done, or when Slack has to be told that it came; then it goes on. Raises what it
        raised until then."""
        task = self._start(job)
        await asyncio.wait({task}, timeout=_ACK_S)
        if task.done():
            task.result()

    async def _quietly(self, call: Awaitable[Any]) -> None:
        try:
            await call
        except PlatformError as error:
            log.warning("platform_call_failed", **error.log_keys)

    def later(self, job: Coroutine[Any, Any, None]) -> None:
        self._start(job)

    def _start(self, job: Coroutine[Any, Any, Done]) -> asyncio.Task[Done]:
        task = asyncio.create_task(job)
        self._jobs.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._jobs.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, BotError):
            log.warning("background_task_failed", **error.log_keys)
        elif error is not None:
            log.error("background_task_failed", exc_info=error)


def is_command(event: Event) -> TypeGuard[Ask | ButtonPress]:
    """A typed command or a button: done at once, and not stored."""
    return isinstance(event, ButtonPress) or (isinstance(event, Ask) and command_of(event.text) is not None)


def _why_not(error: PlatformError, place: Place, language: str) -> str:
    if reason_of(error) in _NOT_THERE:
        return phrase("slack_between" if place.direct else "slack_invite", language)
    log.warning("question_not_reposted", place=place.key, **error.log_keys)
    if error.code in (Code.NOT_ALLOWED, Code.GONE):
        return phrase("slack_forbidden", language)
    return error_text(error, language)
