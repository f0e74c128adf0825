"""The rate limits that outgoing calls draw on. Pure. `account` is the id of the bot's account."""

from __future__ import annotations

import hashlib

from core.values.outgoing import RateLimit

# Messages: 5 in 5 s, seen by many, not promised. The bot: 50 a second, documented. Headers name the remainder.
# https://docs.discord.com/developers/topics/rate-limits, https://github.com/discord/discord-api-docs/issues/2761
_BURST, _WINDOW_S, _BOT_BURST, _BOT_WINDOW_S = 5, 5.0, 48, 1.0  # two of the bot's for what answers don't need


def scope_of(account: str, *parts: str) -> str:
    """The name of a rate-limit scope of the bot's account."""
    return "/".join(("discord", account, *parts))


def webhook_rate_limits(account: str, interaction_token: str) -> tuple[RateLimit, ...]:
    """The webhook of an interaction, which is outside the bot's limit. Its token is a secret, so a hash names it."""
    name = hashlib.blake2s(interaction_token.encode(), digest_size=8).hexdigest()
    return (_window(scope_of(account, "webhook", name), _BURST, _WINDOW_S),)


def channel_rate_limits(
    account: str, kind: str, channel: str, *, opens: bool, part: float = 1.0, shared: bool = False
) -> tuple[RateLimit, ...]:
    """The channel's posts, edits or deletions, and the bot's calls; of those two where the call `opens` a thread.
    `part`: that of the bot's calls which this process may make. `shared`: other processes make calls too."""
    bot = _window(scope_of(account, "bot"), max(2, int(_BOT_BURST * part)), _BOT_WINDOW_S, shared)
    channels = _window(scope_of(account, kind, channel), _BURST, _WINDOW_S, shared)
    return (channels, *([bot] if opens else ()), bot)


def _window(scope: str, burst: int, window_s: float, shared: bool = False) -> RateLimit:
    return RateLimit(scope, burst, burst / window_s, window_s, shared=shared)
