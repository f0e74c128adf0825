"""Classifies a message: a question for the bot, context of a thread, or neither. Pure."""

from __future__ import annotations

from datetime import datetime

from core.settings.channel import Listen
from core.text import is_blank
from core.values.conversation import Ask
from core.values.events import Outcome
from core.values.tasks import ANSWER


def classify(ask: Ask, joined_at: datetime | None, listen: Listen = Listen.MENTIONS) -> Outcome:
    """The outcome of `ask`. `joined_at`: the time of the first question to the bot in that place; None without one.
    `listen`: the channel's setting.

    A message that was said before that question is context, whenever it arrives: platforms keep no order between
    connections, and missed messages are read behind new ones.

    A bot's message is never a question, since two bots would answer each other for ever, but it is context in a joined
    thread. A message in which its author typed nothing is a question only where it addresses the bot, and context where
    it holds something else, such as a file. An announcement is always a turn.
    """
    if listen is Listen.OFF and not ask.announces:
        return Outcome.OFF
    if ask.task != ANSWER:
        return Outcome.TURN
    joined = joined_at is not None
    if ask.wordless and (ask.author.bot or not ask.addressed):
        return Outcome.WORDLESS
    if ask.author.bot:
        return Outcome.NOTED if joined else Outcome.BOT
    if ask.addressed:
        return Outcome.TURN
    opens = listen is Listen.ALL or (listen is Listen.FORUM and ask.id == ask.place.thread)
    if not joined and not opens:
        return Outcome.NOT_ADDRESSED
    before = joined_at is not None and ask.at < joined_at and not opens
    if before or ask.to_others or is_blank(ask.text) or listen is Listen.MENTIONS_ONLY:
        return Outcome.NOTED if joined else Outcome.NOT_ADDRESSED
    return Outcome.TURN
