"""The acknowledgement of an interaction, which Discord waits 3 s for and takes once.

https://docs.discord.com/developers/interactions/receiving-and-responding#interaction-callback
"""

from __future__ import annotations

import asyncio
from typing import Any

import discord
import structlog

from bots.discord.errors import FOREIGN, translate
from bots.discord.rest import Wire
from core.errors import Code

log = structlog.get_logger(platform="discord")

_ALREADY = 40060
_TRIES, _ANSWER_WITHIN_S = 3, 0.9
_SHORT_S = 0.5
_LOADING, _UNCHANGED = 5, 6
_EPHEMERAL = 1 << 6


async def acknowledge(
    wire: Wire, interaction: discord.Interaction[Any], *, thinking: bool, ephemeral: bool
) -> bool:
    """Put the answer off: with `thinking` by a reply that says so, for the asker's eyes alone if `ephemeral`.

    False where it is too late, or another process of the same bot has it. A try whose answer was lost may have been
    taken: then Discord says of the next one that the interaction is acknowledged already, and it is ours.
    """
    path = f"/interactions/{interaction.id}/{interaction.token}/callback?with_response=1"
    body: dict[str, Any] = {"type": _LOADING if thinking else _UNCHANGED}
    if thinking and ephemeral:
        body["data"] = {"flags": _EPHEMERAL}
    lost = False
    for _ in range(_TRIES):
        try:
            async with asyncio.timeout(_ANSWER_WITHIN_S):
                await wire.call("discord/callback", "POST", path, body, by_bot=False)
            return True
        except FOREIGN as error:
            cause = translate(error, posting=True, interaction_token=True)
            if lost and isinstance(error, discord.HTTPException) and error.code == _ALREADY:
                return True
            if cause.code is Code.SLOW_DOWN and (cause.retry_after_s or 0.0) <= _SHORT_S:
                await asyncio.sleep(cause.retry_after_s or 0.0)
            elif cause.code not in (Code.UNCERTAIN, Code.UNAVAILABLE):
                break
            lost |= not cause.certain
    if lost and await _taken(wire, interaction):
        return True
    log.warning("interaction_not_acknowledged", **cause.log_keys)
    return False


async def _taken(wire: Wire, interaction: discord.Interaction[Any]) -> bool:
    """True if Discord has the acknowledgement."""
    path = f"/webhooks/{interaction.application_id}/{interaction.token}/messages/@original"
    try:
        async with asyncio.timeout(_ANSWER_WITHIN_S):
            await wire.call("discord/callback", "GET", path, by_bot=False)
    except FOREIGN:
        return False
    return True
