"""Actions of people in a Slack workspace, and their views, for tests in both languages.

Ada (U1) is an admin, Bo (U2) made the channel C2, Cleo (U3) is a guest; all three read `language`.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, TypeVar

from core.i18n import phrase
from tests.e2e.conftest import model_settings, slack_settings
from tests.e2e.program import Program
from tests.e2e.test_slack import AT, answers
from tests.fakes.completions import FakeCompletions
from tests.fakes.completions.server import Received
from tests.fakes.slack import BOT_USER, FakeSlack, Message
from tests.waiting import HANG_S

ADA, BO, CLEO = "U1", "U2", "U3"
LOCALES = {"en": "en-GB", "zh": "zh-CN"}

Json = dict[str, Any]
T = TypeVar("T")


class Team:
    """The people of one workspace, one bot, and the endpoint behind it."""

    def __init__(self, folder: Path, slack: FakeSlack, endpoint: FakeCompletions, language: str) -> None:
        self.folder = folder
        self.slack = slack
        self.endpoint = endpoint
        self.language = language
        for person in (ADA, BO, CLEO):
            slack.space.people[person].locale = LOCALES[language]
        slack.space.people[ADA].is_admin = True
        slack.space.channels["C2"].creator = BO

    @asynccontextmanager
    async def working(self, **settings: str) -> AsyncIterator[Program]:
        """The program, until all that happened in the workspace is acknowledged."""
        known = slack_settings(self.slack) | model_settings(self.endpoint)
        async with Program(self.folder, **known, **settings) as program:
            yield program
            await self.settled()

    def words(self, key: str, **values: str | int | float) -> str:
        return phrase(key, self.language, **values)

    # -- asking

    async def ask(self, user: str, channel: str, text: str, answer: str = "") -> str:
        """Mention the bot, wait for the whole of `answer` and return the thread."""
        ts = await self.slack.say(user, channel, f"{AT} {text}")
        await self.answered(channel, ts, answer or text)
        await self.stored()
        return ts

    async def settled(self) -> None:
        """Everything that was said has been heard."""
        await self.slack.wait_for(lambda: all(envelope.acked for envelope in self.slack.envelopes))

    async def stored(self) -> None:
        """Every answer has ended, and is counted."""
        async with asyncio.timeout(HANG_S):
            open_turns = "SELECT id FROM turns WHERE state IN ('waiting', 'running')"
            while self.rows(open_turns):  # noqa: ASYNC110 (another process writes there)
                await asyncio.sleep(0.02)

    def rows(self, query: str) -> list[Any]:
        """The rows of a query of the database."""
        with closing(sqlite3.connect(self.folder / "data" / "parley.db")) as database:
            return database.execute(query).fetchall()

    async def mention(self, user: str, channel: str, ts: str, text: str) -> str:
        return await self.slack.say(user, channel, f"{AT} {text}", thread_ts=ts)

    async def answered(
        self, channel: str, ts: str, words: str, count: int = 1, *, ended: bool = False
    ) -> Message:
        """Wait until the bot has said `count` things in the thread to all, and `words` in the last of them; where it
        is to have `ended`, until it shows no Stop any more."""

        def found() -> Message | None:
            shown = self.shown_in(channel, ts)
            if len(shown) < count or words not in shown[-1].visible:
                return None
            return None if ended and self.words("stop") in shown[-1].buttons else shown[-1]

        return await self._until(found, lambda: self.answers(channel, ts))

    def shown_in(self, channel: str, ts: str) -> list[Message]:
        """The bot's messages in a thread, as all people see them."""
        found = answers(self.slack, channel, ts)
        return [message for message in found if not message.ephemeral_to and not message.deleted]

    def answers(self, channel: str, ts: str) -> list[str]:
        return [message.visible for message in self.shown_in(channel, ts)]

    async def anchored(self, channel: str, words: str, count: int = 1) -> str:
        """The ts of the `count`th message in which the bot repeats a question."""

        def found() -> str | None:
            shown = [m for m in self.slack.messages(channel) if m.user == BOT_USER and words in m.visible]
            return shown[count - 1].ts if len(shown) >= count else None

        return await self._until(found, lambda: [m.visible for m in self.slack.messages(channel)])

    @property
    def asked(self) -> Received:
        """The newest question to the model."""
        return self.endpoint.requests[-1]

    # -- being told

    def whispers(self, user: str, channel: str) -> list[Message]:
        return [message for message in self.slack.messages(channel) if message.ephemeral_to == user]

    async def told(self, user: str, channel: str, *words: str, after: int = 0) -> Message:
        """Wait until the last thing that `user` alone was told, of more than `after` things, says `words`."""

        def found() -> Message | None:
            shown = self.whispers(user, channel)
            if len(shown) <= after or not all(word in shown[-1].visible for word in words):
                return None
            return shown[-1]

        message = await self._until(found, lambda: [m.visible for m in self.whispers(user, channel)])
        assert not message.pings
        return message

    async def parley(self, user: str, channel: str, text: str, *words: str) -> Message:
        """`/parley text`, and what that tells."""
        before = len(self.whispers(user, channel))
        await self.slack.slash(user, channel, "/parley", text)
        return await self.told(user, channel, *words, after=before)

    # -- modals and the Home tab

    async def modal(self, user: str, count: int) -> Json:
        """The `count`th modal of all, which is `user`'s."""
        await self.slack.wait_for(lambda: len(self.slack.space.views) >= count)
        view = list(self.slack.space.views.values())[count - 1]
        assert view.user == user
        return view.body

    async def submit(self, user: str, **fields: str) -> None:
        """Fill in and send off the modal that was opened last."""
        blocks = {block["block_id"]: block for block in self.shown["blocks"]}
        values = {}
        for name, value in fields.items():
            choice = blocks[name]["element"]["type"] == "static_select"
            entered: Json = {"selected_option": {"value": value}} if choice else {"value": value}
            values[name] = {"value": entered}
        sent = await self.slack.submit_view(user, "parley:form", values)
        await self.slack.wait_for(lambda: sent.acked)

    @property
    def shown(self) -> Json:
        """The modal that was opened last, in its present state."""
        return list(self.slack.space.views.values())[-1].body

    @property
    def errors(self) -> Json:
        """The hints under its fields."""
        return list(self.slack.space.views.values())[-1].errors

    async def home(self, user: str) -> str:
        """The text of the Home tab, buttons included."""
        shown = self.slack.space.homes.get(user)
        before = shown.hash if shown else ""
        await self.slack.open_home(user)
        homes = self.slack.space.homes
        await self.slack.wait_for(lambda: user in homes and homes[user].hash != before)
        return text_of(homes[user].body)

    async def _until(self, found: Callable[[], T | None], instead: Callable[[], list[str]]) -> T:
        try:
            shown = await self.slack.wait_for(found)
        except TimeoutError as error:
            raise AssertionError(instead()) from error
        assert shown is not None
        return shown


def text_of(view: Json) -> str:
    return json.dumps(view, ensure_ascii=False)


def system(request: Received) -> str:
    content: str = request.body["messages"][0]["content"]
    return content


def read(request: Received) -> str:
    """Everything the model was given."""
    return json.dumps(request.body["messages"], ensure_ascii=False)
