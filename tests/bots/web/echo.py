"""An inbox that answers by itself, word by word, so that the page has something to show."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace

from bots.web import WebConnector
from core.values.conversation import Ask, Turn, TurnState
from core.values.events import ButtonPress, Command, Event, Outcome, Receipt
from core.values.outgoing import EditMessage, Page, PostMessage
from core.values.tasks import ANSWER
from core.values.turn_ends import Finish
from core.values.ui import Button, Choice, ImmediateReply
from tests.fakes.inbox import RecordingInbox
from tests.fakes.memory import MemoryStore


class EchoInbox(RecordingInbox):
    """Answers with `answers[text]`, or with what was said. `gap_s` is the pause between words. Commands are told what
    `told` has for them, or become questions. Accepted questions are told what `notes` has for their text. Answers begin
    while `begins` is set. `refused`: the receipt of everything, where it is set."""

    def __init__(self, store: MemoryStore, platform: WebConnector, gap_s: float = 0.0) -> None:
        super().__init__()
        self.choices = [Choice("small", "Small"), Choice("large", "Large")]
        self.answers: dict[str, Page] = {}
        self.told: dict[str, ImmediateReply] = {}
        self.notes: dict[str, ImmediateReply] = {}
        self.gap_s = gap_s
        self.begins = asyncio.Event()
        self.begins.set()
        self.draining = False
        self.refused: Receipt | None = None
        self._store = store
        self._platform = platform
        self._stopped: set[int] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def respond(self, event: Event) -> Receipt:
        if self.draining:
            return Receipt(Outcome.DRAINING)
        if self.refused is not None:
            return self.refused
        if isinstance(event, ButtonPress):
            if await self._store.turn(event.turn_id) is None:
                return Receipt(Outcome.UNKNOWN)
            if event.action == "again":
                return self._begin(await self._store.retry_turn(event.turn_id, ANSWER))
            self._stopped.add(event.turn_id)
            return Receipt(Outcome.NOTED)
        if isinstance(event, Command):
            if told := self.told.get(event.name):
                return Receipt(Outcome.TOLD, reply=told)
            place = event.place if event.place.thread else replace(event.place, thread=event.opens)
            words = " ".join([f"/{event.name}", *(f"{name}:{value}" for name, value in event.options.items())])
            event = Ask(event.id, place, event.author, words, event.at, addressed=True, attached=event.attached)
        assert isinstance(event, Ask)
        return self._begin(await self._store.accept(event))

    def _begin(self, turn: Turn | None) -> Receipt:
        if turn is None:
            return Receipt(Outcome.DUPLICATE)
        task = asyncio.create_task(self._answer(turn))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return Receipt(Outcome.TURN, turn.id, self.notes.get(turn.ask.text))

    async def settled(self) -> None:
        """Wait until every answer is finished."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _answer(self, turn: Turn) -> None:
        ask = turn.ask
        await self._platform.installation.typing(ask.place)
        await self.begins.wait()
        await asyncio.sleep(self.gap_s)
        whole = self.answers.get(ask.text, Page(f"You said: {ask.text}"))
        stop = Button("stop", "Stop", turn.id)
        text, message_id, state = "", "", TurnState.DONE
        for word in re.findall(r"\s*\S+", whole.text):
            if turn.id in self._stopped:
                state = TurnState.STOPPED
                break
            text += word
            page = Page(text, buttons=(stop,))
            if message_id:
                await self._platform.installation.perform(
                    EditMessage(ask.place, message_id, page, turn_id=turn.id)
                )
            else:
                message_id = await self._platform.installation.perform(
                    PostMessage(ask.place, page, f"turn-{turn.id}-0", ask.id, turn_id=turn.id)
                )
            await asyncio.sleep(self.gap_s)
        last = replace(whole, text=text)
        await self._platform.installation.perform(EditMessage(ask.place, message_id, last, turn_id=turn.id))
        await self._store.finish(Finish(turn, state, text, whole.notice, whole.buttons, (message_id,)))
