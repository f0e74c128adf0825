"""The Home tab: help, the person's own usage, and settings of the workspace. Pure.

https://docs.slack.dev/surfaces/app-home/
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bots.slack.outgoing import change_button, sections
from core.i18n import phrase
from core.values.ui import ImmediateReply

COMMANDS = ("help", "usage", "settings")
"""The commands whose replies make the tab, from top to bottom."""

_BLOCKS_MAX = 100


def replies_to_home(reply: Sequence[ImmediateReply], language: str) -> dict[str, Any]:
    """The App Home view with these replies."""
    title = {"type": "plain_text", "text": phrase("slack_home", language)}
    blocks: list[dict[str, Any]] = [{"type": "header", "text": title}]
    for one in reply:
        blocks += sections(one.text)
        if one.form is not None:
            blocks.append({"type": "actions", "elements": [change_button(one.form, language)]})
        blocks.append({"type": "divider"})
    return {"type": "home", "blocks": blocks[:-1][:_BLOCKS_MAX]}


def prompts(language: str) -> dict[str, Any]:
    """The suggested prompts above an empty conversation: the arguments `title` and `prompts`.

    https://docs.slack.dev/reference/methods/assistant.threads.setSuggestedPrompts
    """
    words = [phrase(f"slack_prompt_{number}", language) for number in (1, 2, 3)]
    return {
        "title": phrase("slack_prompts", language),
        "prompts": [{"title": word, "message": word} for word in words],
    }
