"""Builds the request of a turn. Its thread is read from the platform once, and from the store afterwards."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import structlog

from core.conversation.files import FileReader, ThreadFiles
from core.conversation.prompt import GO_ON, GO_ON_WITH_TOOLS, build, counted_prompt, situation, with_question
from core.conversation.steps import steps_to_messages
from core.conversation.summary import build_summary, within
from core.conversation.thread_summary import expiring
from core.errors import PlatformError, StoreError, UnreadError
from core.platform_calls import PlatformCalls
from core.ports.files import TranscriptHooks
from core.ports.model import Request
from core.ports.store.threads import Context, ThreadStore
from core.ports.store.turns import TurnLedger
from core.settings.channel import ChannelSettings
from core.text import is_blank
from core.values.conversation import Ask, History, Message, ThreadMessage, Turn, text_message
from core.values.parts import File, FileProblem
from core.values.places import Person, Place
from core.values.steps import ToolResults, pending_calls
from core.values.tasks import ContinueAnswer, Summarize

log = structlog.get_logger()

PARLEY = Person("", "Parley", bot=True)


def readable(lines: Sequence[ThreadMessage], ask: Ask) -> list[ThreadMessage]:
    """The lines that the asker may see: all of them, or, without the right to read history, those from their own
    first line on."""
    if ask.author.may_read:
        return list(lines)
    first = next((at for at, line in enumerate(lines) if line.author.id == ask.author.id), len(lines))
    return list(lines[first:])


class ContextStore(ThreadStore, TurnLedger, Protocol):
    """The part of the store from which a turn's context is read."""


@dataclass(frozen=True, slots=True)
class Material:
    """The context of an answer.

    `request` is None if there are no messages: neither in the range to summarise, nor in a question and the thread
    before it. `summed_up`: a summary stands for the beginning of the thread.
    """

    request: Request | None
    files: ThreadFiles = field(default_factory=ThreadFiles)
    summed_up: bool = False


class ContextReader:
    """Reads the context of all turns. Its only state is the set of writes under way."""

    def __init__(self, store: ContextStore, files: FileReader) -> None:
        self._store = store
        self._files = files
        self._notes: set[asyncio.Task[None]] = set()

    async def read(
        self,
        turn: Turn,
        settings: ChannelSettings,
        language: str,
        platform_calls: PlatformCalls,
        hooks: TranscriptHooks,
    ) -> Material:
        """The material of `turn`, with the content of the thread's files.

        Raises StoreError, what `hooks.before` raises, and UnreadError if the range to summarise can't be read. An
        answer continues without history that a platform refuses.
        """
        ask, model = turn.ask, settings.model
        request = Request((), model, settings.temperature, settings.max_tokens, ask.place.key, _asker_key(ask))
        request = replace(request, account=settings.account)
        if isinstance(ask.task, Summarize):
            lines = await self._said(ask, ask.task, model, platform_calls)
            messages = build_summary(lines, language)
            return Material(replace(request, messages=messages, joined=True) if lines else None)
        context, complete, _ = await self._context(ask, model, platform_calls)
        context = replace(context, lines=_without_expiring(context, settings.keep_days, ask))
        lines = readable(context.lines, ask)
        complete = complete and len(lines) == len(context.lines)
        stored = any(line.id == ask.id for line in lines)
        lines = with_question(lines, ask if stored else _without_files(ask))
        question = next(line for line in lines if line.id == ask.id)  # as it is now: it may have been edited
        if question.wordless and (ask.place.direct or all(line.wordless for line in lines)):
            return Material(None)
        files = await self._files.read(ask, lines, platform_calls, hooks)
        lines = list(files.lines)
        if isinstance(ask.task, ContinueAnswer) and turn.again_of is not None:
            request = replace(request, steps=await self._steps_before(turn))
            lines += [] if request.steps else await self._unfinished(turn.again_of)
        system = f"{settings.prompt}\n\n{situation(ask, settings.zone)}"
        known = context.summaries
        messages = build(lines, ask, system=system, complete=complete, pictures=files.pictures, summaries=known)
        counted = counted_prompt(lines, context.spent, model)
        request = replace(request, messages=messages, counted=counted, notes=1 if known else 0)
        return Material(request, files, summed_up=bool(known))

    async def _said(
        self, ask: Ask, task: Summarize, model: str, platform_calls: PlatformCalls
    ) -> list[ThreadMessage]:
        """The range to summarise, of the thread or its channel. Raises UnreadError."""
        if not task.channel:
            context, _, refused = await self._context(ask, model, platform_calls)
            lines = within(context.lines, task, ask)
            if refused is not None and not lines:
                raise _unread(refused) from refused
            return lines
        try:
            there = replace(ask.place, thread="")
            said = await platform_calls.recent(there, task.last + 1, task.since)  # the command is there too
        except PlatformError as error:
            raise _unread(error) from error
        return within(said.entries, task, ask)

    async def _context(
        self, ask: Ask, model: str, platform_calls: PlatformCalls
    ) -> tuple[Context, bool, PlatformError | None]:
        """The thread, read from the platform first if it is unknown; whether it is complete; and the error that
        prevented reading."""
        refused: PlatformError | None = None
        context = await self._store.context(ask, model)
        complete = context.filled
        if not complete:
            try:
                history = await platform_calls.history(ask.place, ask)
                complete = history.complete
                if not history.entries:
                    self._note_read(ask.place, history)
                else:
                    await self._store.import_history(ask.place, history)
                    context = await self._store.context(ask, model)
            except PlatformError as error:
                refused = error
                log.warning("thread_not_read", place=ask.place.key, **error.log_keys)
        return context, complete, refused

    def _note_read(self, place: Place, history: History) -> None:
        """Record, while the model begins, that there was no history to read."""

        async def fill() -> None:
            with contextlib.suppress(StoreError):  # then it is read once more
                await self._store.import_history(place, history)

        task = asyncio.create_task(fill())
        self._notes.add(task)
        task.add_done_callback(self._notes.discard)

    async def _steps_before(self, turn: Turn) -> tuple[Message, ...]:
        """The steps of the answers that `turn` continues, oldest first, each with the request to go on. Empty where
        none of them called a tool."""
        said: tuple[Message, ...] = ()
        called = False
        while isinstance(turn.ask.task, ContinueAnswer) and turn.again_of is not None:
            before = await self._store.turn(turn.again_of)
            steps = await self._store.steps(turn.again_of)
            if before is None or not steps or pending_calls(steps):
                break
            called = called or any(isinstance(step, ToolResults) for step in steps)
            said = (*steps_to_messages(steps), text_message("user", GO_ON_WITH_TOOLS), *said)
            turn = before
        return said if called else ()

    async def _unfinished(self, turn_id: int) -> list[ThreadMessage]:
        """The answer to continue, and the request to do so."""
        before = await self._store.turn(turn_id)
        if before is None or is_blank(before.text):
            return []
        ask = before.ask
        return [
            ThreadMessage(f"turn-{turn_id}", PARLEY, before.text, ask.at, mine=True, anchor=ask.id),
            ThreadMessage(f"continue-{turn_id}", ask.author, GO_ON, ask.at),
        ]


def _without_expiring(context: Context, keep_days: int | None, ask: Ask) -> tuple[ThreadMessage, ...]:
    """The lines of a prompt. Those before its summaries that are about to go are not summed up, and not read either."""
    begin = expiring(keep_days, ask.at)
    if begin is None or not context.summaries:
        return context.lines
    first = min(begin, context.summaries[-1].until)
    return tuple(line for line in context.lines if line.position > first)


def _without_files(ask: Ask) -> Ask:
    """A question that is answered anew after its message was deleted: its files went with that."""
    gone = (
        replace(one, text="", problem=FileProblem.NOT_FOUND) if isinstance(one, File) else one
        for one in ask.attached
    )
    return replace(ask, attached=tuple(gone))


def _asker_key(ask: Ask) -> str:
    return f"{ask.place.platform}/{ask.author.id}"


def _unread(refused: PlatformError) -> UnreadError:
    return UnreadError(
        refused.code, refused.detail, retryable=refused.retryable, retry_after_s=refused.retry_after_s
    )
