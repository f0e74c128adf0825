"""What people say in a run, what they see, and how it is judged. The answer to a question follows from its name."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from core.i18n import phrase
from tests.fakes.completions import Words
from tests.fakes.discord import ADA, BO, BOT, GENERAL, FakeDiscord
from tests.fakes.discord import Message as DiscordMessage
from tests.fakes.slack import BOT_USER, FakeSlack

NOTICES = tuple(phrase(key, language) for key in ("resumed", "store_down") for language in ("en", "zh"))
"""An answer that goes on after a restart, and a question that could not be stored when it came."""
TOKEN = re.compile(r"q-\d+-\d+")
ANSWER = re.compile(r"Answerto(q-\d+-\d+):(?:word)+endof\1\.")
WORDS_A_SECOND = 60


@dataclass(slots=True)
class Report:
    seed: int
    asked: int = 0
    whole: int = 0
    twice: list[str] = field(default_factory=list)
    out_of_order: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    happened: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        if self.happened["not asked"]:
            return False
        return self.whole == self.asked and not (self.twice or self.out_of_order or self.lost or self.broken)


@dataclass(slots=True)
class Thread:
    """A conversation on one platform: `phrase` asks in it, `answers` are the bot's messages there, oldest first.

    `open` is False while nobody can write there: on Discord the bot opens the thread of the first question, or answers
    in the channel, where people then reply to its newest answer. `changes`: the monotonic times at which people saw
    something new of the bot.
    """

    number: int
    say: Callable[[str, bool], Awaitable[None]]
    open: Callable[[], bool]
    answers: Callable[[], list[str]]
    changes: Callable[[], list[float]]
    team: str = ""
    asked: list[str] = field(default_factory=list)

    @property
    def ended(self) -> int:
        """The number of whole answers."""
        return len(ANSWER.findall("".join("".join(answer.split()) for answer in self.answers())))


def answer_to(token: str) -> str:
    """The answer to a question: its number of words follows from the question's name."""
    words = random.Random(token).randint(3, 60)
    return f"Answer to {token}: " + "word " * words + f"end of {token}."


def question_in(body: dict[str, Any]) -> str:
    """The name of the question that a request to the model ends with."""
    said = [message["content"] for message in body["messages"] if message["role"] == "user"]
    return str(TOKEN.findall(said[-1])[-1])


def model(body: dict[str, Any]) -> Words:
    return Words(answer_to(question_in(body)), per_s=WORDS_A_SECOND)


def slack_thread(slack: FakeSlack, number: int, channel: str, *, team: str = "") -> Thread:
    root = ""

    async def say(text: str, addressed: bool) -> None:
        nonlocal root
        words = f"<@{BOT_USER}> {text}" if addressed else text
        ts = await slack.say("U1", channel, words, thread_ts=root or None)
        root = root or ts

    def from_bot() -> list[Any]:
        found = slack.thread(channel, root) if root else []
        return [message for message in found if message.user == BOT_USER and not message.deleted]

    def answers() -> list[str]:
        return [message.visible for message in from_bot()]

    def changes() -> list[float]:
        return sorted(at for message in from_bot() for at, _ in message.history)

    return Thread(number, say, lambda: True, answers, changes, team)


def discord_thread(discord: FakeDiscord, number: int, channel: int = GENERAL, *, team: str = "") -> Thread:
    said: list[int] = []

    async def say(text: str, addressed: bool) -> None:
        words = f"<@{BOT}> {text}" if addressed else text
        newest = given()[-1].id if given() and not thread() else None
        where = thread() or channel
        said.append(await discord.say(ADA if number % 4 else BO, where, words, reply_to=newest))

    def thread() -> int:
        return said[0] if said and discord.thread_of(said[0]) is not None else 0

    def replies() -> list[DiscordMessage]:
        return [message for message in discord.from_bot(channel) if _answered_by(message) in said]

    def given() -> list[DiscordMessage]:
        """Those that are no notices alone."""
        return [message for message in replies() if not message.text.startswith(NOTICES)]

    def from_bot() -> list[DiscordMessage]:
        """In its thread or, where that could not be opened, as replies in the channel."""
        return [*replies(), *(discord.from_bot(thread()) if thread() else [])]

    def answers() -> list[str]:
        return [message.text for message in from_bot()]

    def changes() -> list[float]:
        return sorted(at for message in from_bot() for at, _ in message.history)

    def is_open() -> bool:
        """A notice opens nothing: whoever replies to it begins a conversation of its own."""
        answered = bool(said) and any(_answered_by(message) == said[-1] for message in given())
        return not said or bool(thread()) or answered

    return Thread(number, say, is_open, answers, changes, team)


def judge(threads: Iterable[Thread], report: Report) -> None:
    """An answer may stand in several messages: what a thread says is read as a whole, without its spaces."""
    for thread in threads:
        lines = [line for answer in thread.answers() for line in answer.splitlines()]
        said = "".join("".join(line.split()) for line in lines if not line.strip("_-# ").startswith(NOTICES))
        given = [found[1] for found in ANSWER.finditer(said)]
        rest = ANSWER.sub("", said)
        # Between the messages of a long answer the next one may have begun: it is whole all the same.
        apart = [found[1] for found in ANSWER.finditer(rest)]
        rest = ANSWER.sub("", rest)
        once = [token for token in thread.asked if (given + apart).count(token) == 1]
        report.asked += len(thread.asked)
        report.whole += sum(
            "".join(answer_to(token).split()) in (ANSWER.sub("", said) if token in apart else said)
            for token in once
        )
        report.happened["answers in several places"] += len(apart)
        report.lost += [token for token in thread.asked if token not in given + apart]
        report.twice += [token for token in thread.asked if (given + apart).count(token) > 1]
        report.broken += [f"thread {thread.number}: {rest}"] if rest else []
        if list(dict.fromkeys(given)) != [token for token in thread.asked if token in given]:
            report.out_of_order.append(" ".join(given))


def _answered_by(message: DiscordMessage) -> int:
    """The id of the message that it replies to; 0 where it is no reply."""
    return int((message.reference or {}).get("message_id") or 0)
