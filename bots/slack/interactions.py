"""Interactions: slash commands, shortcuts, buttons of forms, modals, the Home tab.

A trigger opens a modal for 3 seconds: https://docs.slack.dev/interactivity/handling-user-interaction/
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import replace
from typing import Any, Protocol

import structlog
from cachetools import FIFOCache

from bots.slack import commands, forms, home
from bots.slack.author_lookup import AuthorLookup
from bots.slack.background import BackgroundTasks, log_failure
from bots.slack.errors import reason_of
from bots.slack.immediate_replies import Replied, ReplySender
from bots.slack.incoming import Identity, Payload, author_of, place_of
from bots.slack.message_text import content_of
from bots.slack.outgoing import aside, page_to_content, reply_to_content
from bots.slack.users import People
from core.clock import Clock
from core.commands import press_form
from core.commands.given_back import with_words
from core.errors import BotError, Code, PlatformError
from core.i18n import error_text, language_of, phrase
from core.ports.connector import Inbox
from core.values.conversation import Ask
from core.values.events import ButtonPress, Command, Event, Halted
from core.values.outgoing import Page
from core.values.places import Person, Place
from core.values.ui import Form, ImmediateReply

log = structlog.get_logger(platform="slack")

Json = dict[str, Any]

# Parts of the 3 s until Slack needs its acknowledgement.
_REPEAT_S, _SENT_S = 1.2, 1.8
_METADATA_KEPT = 200
_NOT_THERE = {"not_in_channel", "channel_not_found"}
_NO_PROMPTS = {"unknown_method", "missing_scope", "not_allowed_token_type", "no_permission"}


class Slack(Protocol):
    """The calls that interactions need. All raise PlatformError."""

    async def identify(self) -> Identity: ...
    def call(self, method: str, arguments: Json) -> Coroutine[Any, Any, Json]: ...
    async def read(self, method: str, arguments: Json) -> Json: ...
    async def respond(self, url: str, body: Json) -> None: ...
    async def upload(self, name: str, content: bytes, where: Json, title: str = "", alt: str = "") -> str: ...


class SlackInteractions:
    """The interactions of one workspace.

    `slash`, `shortcut`, `change`, `press`, `submit` and `opened` take a payload and return when it may be acknowledged.
    The rest of the work goes on in `tasks`.
    """

    def __init__(self, slack: Slack, inbox: Inbox, people: People, clock: Clock) -> None:
        self._slack = slack
        self._inbox = inbox
        self._clock = clock
        self.authors = AuthorLookup(slack, people, clock)
        self.tasks = BackgroundTasks()
        self._replies = ReplySender(slack, clock, inbox.failed)
        self._prompts = True
        # A modal's private_metadata -> the options that it is too short for.
        self._cut_options: FIFOCache[str, dict[str, str]] = FIFOCache(_METADATA_KEPT)

    async def close(self, wait_s: float) -> None:
        """Give the background work `wait_s` seconds, then cancel it."""
        await self.tasks.close(wait_s)
        await self.authors.close()

    # Payloads.

    async def slash(self, payload: Payload) -> None:
        await self.tasks.in_time(self._slash(payload))

    async def _slash(self, payload: Payload) -> None:
        me, names = await self.authors.meet(
            payload, commands.named_in_slash(payload), payload.get("channel_id")
        )
        command = commands.slash_to_command(payload, me, names, self._clock.now())
        await self._do(command, str(payload.get("response_url", "")))

    async def shortcut(self, payload: Payload) -> None:
        await self.tasks.in_time(self._shortcut(payload))

    async def _shortcut(self, payload: Payload) -> None:
        message: Payload = payload.get("message") or {}
        me, names = await self.authors.meet(payload, (*author_of(message), *content_of(message).people))
        command = commands.shortcut_to_command(payload, me, names, self._clock.now())
        if command is None:
            return
        language = await self._language(command.author, command.place)
        form = commands.command_to_form(command, language)
        if form is not None:
            self.tasks.start(self._open(payload, form, command.place, language))
        else:
            await self._do(command, str(payload.get("response_url", "")))

    async def change(self, payload: Payload) -> None:
        """Take a press of Change under a reply: open the form of its setting."""
        me = await self._slack.identify()
        me, names = await self.authors.meet(payload, (), commands.place_of_view(payload, me).channel)
        command = commands.change_to_command(payload, me, names, self._clock.now())
        if command is not None:
            self.tasks.start(self._change(payload, command))

    async def press(self, payload: Payload, press: ButtonPress) -> bool:
        """Open the form that a button has, if any. Returns whether it has one."""
        language = await self._language(press.author, press.place)
        form = press_form(press.action, language)
        if form is not None:
            self.tasks.start(self._open(payload, form, press.place, language, press.turn_id))
        return form is not None

    async def submit(self, payload: Payload) -> Json | None:
        """Take a submitted modal. Returns the response_action, or None to close the modal.

        A refused modal stays open as it was filled in.

        https://docs.slack.dev/surfaces/modals/#handling_submissions
        """
        me = await self._slack.identify()
        try:
            place = forms.place_of_submission(payload, me)
        except (ValueError, KeyError, TypeError):
            return None
        me, names = await self.authors.meet(payload, (), place.channel)
        author = commands.user_of(payload, me, names)
        event = forms.submission_to_event(payload, me, author, self._clock.now(), me.names.prefix)
        if event is None:
            return None
        if isinstance(event, Command) and (whole := self._cut_options.get(payload["view"]["private_metadata"])):
            event = replace(event, options={**event.options, **whole})
        job = self.tasks.start(self._sent(event))
        done, _ = await asyncio.wait({job}, timeout=_SENT_S)
        if not done:
            self.tasks.start(self._tell_late(job, event))
            return None
        reply = job.result()
        if not place.channel and not (reply and reply.refused):
            self.tasks.start(self._publish(event.author, me))
        return (
            None if reply is None else forms.reply_to_response(payload["view"], reply, await self._speak(event))
        )

    async def opened(self, event: Payload) -> None:
        """Take app_home_opened, of the Home tab or of the Messages tab."""
        by = {"user": {"id": str(event.get("user"))}}
        me, names = await self.authors.meet(by, ())
        person = commands.user_of(by, me, names)
        if event.get("tab") == "home":
            self.tasks.start(self._publish(person, me))
        elif event.get("tab") == "messages" and self._prompts:
            place = place_of({"channel": event.get("channel"), "channel_type": "im"}, me, "")
            self.tasks.start(self._suggest(place, person))

    def apologise(self, payload: Payload, failure: BotError) -> None:
        """Show `failure` to the author of `payload`, where they wait for a reply."""
        self.tasks.start(log_failure(self._apologise(payload, failure)))

    async def _apologise(self, payload: Payload, failure: BotError) -> None:
        event: Payload = payload.get("event") or {}
        channel, user = str(event.get("channel") or ""), str(event.get("user") or "")
        me = await self._slack.identify()
        place = Place("slack", me.team, channel)
        self._inbox.failed(failure, place)
        language = await self._language(Person(user), place)
        words = error_text(failure, language)
        if url := str(payload.get("response_url") or ""):
            reply = ImmediateReply(words, refused=True)
            if payload.get("command"):
                command = commands.slash_to_command(payload, me, {}, self._clock.now())
                reply = with_words(reply, command, language)
            content = reply_to_content(reply, language)
            await self._slack.respond(url, content | {"response_type": "ephemeral", "replace_original": False})
        elif event.get("channel_type") == "im" and channel and user:
            await self._slack.call("chat.postMessage", {"channel": channel, "text": words} | aside())
        elif event.get("type") == "app_mention" and channel and user:
            await self._slack.call("chat.postEphemeral", {"channel": channel, "user": user, "text": words})

    def tell(self, reply: ImmediateReply, event: Event, url: str = "") -> None:
        """Show `reply` to the author of `event`, or to all, in its place. `url`: a response URL, if any."""
        if isinstance(event, Ask | Command | ButtonPress | Halted):
            self.tasks.start(self._tell(reply, event, url))

    # Events of the inbox.

    async def _do(self, command: Command, url: str) -> None:
        """Return once a question is stored. Other commands are done in the background."""
        if not commands.becomes_turn(command):
            self.tasks.start(self._tell_done(command, url))
        elif reply := await self._sent(command):
            self.tell(await self._with_words(reply, command), command, url)

    async def _tell(self, reply: ImmediateReply, event: Replied, url: str = "") -> None:
        await self._replies.send(reply, event, await self._speak(event), url)

    async def _tell_done(self, command: Command, url: str) -> None:
        if reply := await self._sent(command):
            await self._tell(await self._with_words(reply, command), command, url)

    async def _sent(self, event: Command | ButtonPress) -> ImmediateReply | None:
        """Pass `event` to the inbox. Returns the reply, or the error as a reply."""
        event = await self.authors.identified(event)
        if isinstance(event, Command) and commands.becomes_turn(event):
            return await self._ask(event)
        return await self._received(event)

    async def _ask(self, command: Command) -> ImmediateReply | None:
        """Post the question where all can see it, and store it; it is answered in its thread.

        A question that would be refused is not posted.
        """
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
        posting = self.tasks.start(self._slack.call("chat.postMessage", said))
        await asyncio.wait({posting}, timeout=_REPEAT_S)
        try:
            if not posting.done():
                raise PlatformError(Code.UNCERTAIN, f"chat.postMessage: no answer in {_REPEAT_S} s")
            ts = str(posting.result()["ts"])
            reply = await self._received(replace(command, id=ts, opens=ts))
        except PlatformError as error:
            self._inbox.failed(error, command.place)
            reply = ImmediateReply(_why_not(error, command.place, language), refused=True)
        if reply is not None:
            self.tasks.start(self._take_back(posting, command.place.channel))
        return reply

    async def _take_back(self, posting: asyncio.Task[Json], channel: str) -> None:
        """Delete a posted question that was not accepted."""
        with suppress(PlatformError):
            ts = (await posting)["ts"]
            await self._slack.call("chat.delete", {"channel": channel, "ts": ts})

    async def _received(self, event: Command | ButtonPress) -> ImmediateReply | None:
        try:
            return (await self._inbox.receive(event)).reply
        except BotError as error:
            log.warning("event_not_accepted", **error.log_keys)
            return ImmediateReply(error_text(error, await self._speak(event)), refused=True)

    async def _with_words(self, reply: ImmediateReply, event: Command | ButtonPress) -> ImmediateReply:
        """A refusal with the refused words: Slack keeps neither a command's text nor that of a closed form."""
        return with_words(reply, event, await self._speak(event)) if reply.refused else reply

    async def _tell_late(self, job: asyncio.Task[ImmediateReply | None], event: Command | ButtonPress) -> None:
        if reply := await job:
            await self._tell(await self._with_words(reply, event), event)

    async def _change(self, payload: Payload, command: Command) -> None:
        reply = await self._sent(command)
        if reply is None:
            return
        if reply.form is None:
            await self._tell(reply, command, str(payload.get("response_url", "")))
        else:
            await self._open(payload, reply.form, command.place, await self._speak(command))

    async def _open(self, payload: Payload, form: Form, place: Place, language: str, turn_id: int = 0) -> None:
        view = forms.form_to_view(form, place, language, turn_id)
        if forms.cuts_short(view, form):
            self._cut_options[view["private_metadata"]] = dict(form.fixed)
        await log_failure(
            self._slack.call("views.open", {"trigger_id": payload.get("trigger_id"), "view": view})
        )

    async def _publish(self, person: Person, me: Identity) -> None:
        at, place = self._clock.now(), commands.home_of(me)
        language = await self._language(person, place)
        replies = [
            await self._sent(Command(name, place, person, at, prefix=me.names.prefix)) for name in home.COMMANDS
        ]
        view = home.replies_to_home([one for one in replies if one], language)
        await log_failure(self._slack.call("views.publish", {"user_id": person.id, "view": view}))

    async def _suggest(self, place: Place, person: Person) -> None:
        """Show the suggestions without a thread_ts: with one, the call fails silently for an app with
        `agent_view`."""
        arguments = {"channel_id": place.channel} | home.prompts(await self._language(person, place))
        try:
            await self._slack.call("assistant.threads.setSuggestedPrompts", arguments)
        except PlatformError as error:
            self._prompts = reason_of(error) not in _NO_PROMPTS
            log.info("prompts_not_suggested", **error.log_keys)

    async def _speak(self, event: Replied) -> str:
        return await self._language(event.author, event.place)

    async def _language(self, person: Person, place: Place) -> str:
        """The language for `person` there. Without the store, that of their locale."""
        try:
            return await self._inbox.language(person, place)
        except BotError:
            return language_of(person.locale)


def _why_not(error: PlatformError, place: Place, language: str) -> str:
    if reason_of(error) in _NOT_THERE:
        return phrase("slack_between" if place.direct else "slack_invite", language)
    log.warning("question_not_reposted", place=place.key, **error.log_keys)
    if error.code in (Code.NOT_ALLOWED, Code.GONE):
        return phrase("slack_forbidden", language)
    return error_text(error, language)
