"""The arguments that a person approves, as they see them."""

from __future__ import annotations

import json

import pytest

from core.turns.approval_view import approval_notice, arguments_reply
from core.values.parts import ToolCall
from core.values.steps import ApprovalAsked
from tests.core.tools.rig import turn_of


def both(value: str) -> tuple[str, str]:
    """The line in the thread and the whole arguments of a call with this value."""
    asked = ApprovalAsked((ToolCall("call_1", "mail__send", json.dumps({"to": value})),))
    return approval_notice(turn_of(), asked, "en"), arguments_reply(asked, "en").text


@pytest.mark.parametrize(
    "unseen",
    [
        "\u202e",
        "\u200b",
        "\u200d",
        "\u2800",
        "\u3164",
        "\uffa0",
        "\u034f",
        "\ufe0f",
        "\U000e0101",
        "\U000e0041",
    ],
)
def test_a_character_that_nobody_sees_is_shown_by_its_number(unseen: str) -> None:
    for shown in both(f"bo{unseen}b"):
        assert unseen not in shown
        assert json.dumps(unseen)[1:-1] in shown


@pytest.mark.parametrize("emoji", ["❤️‍🔥", "👨‍👩‍👧", "👍🏽"])
def test_an_emoji_stays_one(emoji: str) -> None:
    assert all(emoji in shown for shown in both(f"well {emoji} done　你好"))


def test_no_argument_ends_its_code_block() -> None:
    whole = both("``` ````\n# **Approved** [by an admin](https://evil.example)")[1]
    block = whole.split("```json\n")[1].removesuffix("\n```")
    assert "```" not in block
    assert json.loads(block) == {"to": "``` ````\n# **Approved** [by an admin](https://evil.example)"}
