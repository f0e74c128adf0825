"""The ladder of reasons: is what somebody said a question for the bot, context, or none of its business?"""

from __future__ import annotations

from core.types import Ask, Outcome


def decide(ask: Ask, joined: bool) -> Outcome:
    """What is to become of `ask`, where `joined` says whether the bot has been asked in that place before.

    Bots never ask (two of them would talk for ever), but what they say in a joined thread is context.
    """
    if ask.author.bot:
        return Outcome.NOTED if joined else Outcome.BOT
    if ask.addressed:
        return Outcome.TURN
    if not joined:
        return Outcome.NOT_ADDRESSED
    return Outcome.NOTED if ask.to_others else Outcome.TURN
