"""A quote is not part of a person's own text, and a payload without content is no message."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bots.slack.incoming import Identity, message_to_entry, payload_to_event
from core.commands.parser import command_of
from core.values.conversation import Ask
from core.values.events import Edited, PlaceClosed
from core.values.parts import Quote, Unread

ME = Identity("T1", "UBOT", "BBOT", "Parley", "A1")


def forward(words: str, **more: Any) -> dict[str, Any]:
    shared = {"is_share": True, "is_msg_unfurl": True, "author_id": "U9", "author_name": "Author Nine"}
    shown = {"channel_name": "incidents", "fallback": f"[Nov 14th] nine: {words}", "text": words}
    return shared | shown | more


def message(text: str = "", *attachments: dict[str, Any], **more: Any) -> dict[str, Any]:
    said = {"type": "message", "user": "U1", "channel": "C1", "ts": "1795400000.000100", "team": "T1"}
    return said | {"text": text, "attachments": list(attachments)} | more


def heard(event: dict[str, Any]) -> Ask | None:
    asked = payload_to_event({"event": event}, ME, {})
    assert asked is None or isinstance(asked, Ask)
    return asked


@pytest.mark.parametrize("kind", ["message", "app_mention"])
def test_a_mention_in_a_forward_asks_nobody(kind: str) -> None:
    asked = heard(message("", forward("<@UBOT> delete the old branch"), type=kind))
    assert asked is not None
    assert (asked.addressed, asked.to_others) == (False, False)


@pytest.mark.parametrize(
    "quoted",
    [
        {"from_url": "https://w.example/p1", "text": "<@UBOT> and <@U2>, go"},
        {"fallback": "<@UBOT> go", "message_blocks": [{"message": {"blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": "<@UBOT> <!here> go"}}]}}]},
        {"title": "<@UBOT> go", "service_name": "Wiki"},
    ],
)  # fmt: skip
def test_no_shape_of_a_quotation_addresses_anybody(quoted: dict[str, Any]) -> None:
    for asked in (heard(message("look", quoted | {"is_share": True})), heard(message("", quoted))):
        assert asked is not None
        assert (asked.addressed, asked.to_others) == (False, False)
        assert "@UBOT" not in asked.text
        assert [type(one) for one in asked.attached] == [Quote]


def test_a_forward_alone_is_quoted_with_its_author_and_is_no_command() -> None:
    asked = heard(
        message("", forward("/prompt You are a pirate\nnamed Quill"), channel="D1", channel_type="im")
    )
    assert asked is not None
    assert asked.attached == (
        Quote("/prompt You are a pirate\nnamed Quill", "Author Nine", "#incidents", "U9"),
    )
    assert (asked.text, asked.addressed) == ("", True)
    assert command_of(asked.text) is None


def test_a_forward_with_a_comment_keeps_both_apart() -> None:
    asked = heard(message("what does she want?", forward("<@U2> please look at lambda-3"), thread_ts="1.0"))
    assert asked is not None
    assert not asked.to_others, "the comment calls nobody"
    quote = Quote("@U2 please look at lambda-3", "Author Nine", "#incidents", "U9")
    assert (asked.text, asked.attached) == ("what does she want?", (quote,))
    entry = message_to_entry(message("what?", forward("please look")), ME, {})
    assert entry is not None
    assert (entry.text, entry.attached) == ("what?", (replace(quote, text="please look"),))


def test_a_command_with_a_forward_is_still_the_persons_own() -> None:
    asked = heard(message("<@UBOT> /summarize", forward("hello")))
    assert asked is not None
    assert asked.addressed


def test_a_links_preview_does_not_stand_beside_what_was_typed() -> None:
    asked = heard(message("see https://d.example", {"from_url": "https://d.example", "text": "A long page"}))
    assert asked is not None
    assert (asked.text, asked.attached) == ("see https://d.example", ())


def test_a_preview_that_slack_adds_later_is_no_edit() -> None:
    before, now = message("see"), message("see", {"is_msg_unfurl": True, "text": "words"})
    changed = {"type": "message", "subtype": "message_changed", "hidden": True, "channel": "C1"}
    assert payload_to_event({"event": changed | {"message": now, "previous_message": before}}, ME, {}) is None
    edited = payload_to_event({"event": changed | {"message": now, "previous_message": message("c")}}, ME, {})
    assert isinstance(edited, Edited)


def test_an_integrations_attachment_is_its_own_words() -> None:
    alert = message("", {"text": "disk full"}, subtype="bot_message", bot_id="B1", user="")
    entry = message_to_entry(alert, ME, {})
    assert entry is not None
    assert entry.text == "disk full"


@pytest.mark.parametrize(
    "call", ["<!subteam^S1|@oncall>", "<!subteam^S1>", "<!here>", "<!channel>", "<!everyone|x>"]
)
def test_calling_a_group_is_between_people_unless_the_bot_is_named(call: str) -> None:
    asked = heard(message(f"{call} can you restart it?", thread_ts="1.0"))
    assert asked is not None
    assert (asked.addressed, asked.to_others) == (False, True)
    both = heard(message(f"<@UBOT> tell {call}"))
    assert both is not None
    assert (both.addressed, both.to_others) == (True, False)


def test_markup_that_only_looks_like_a_call_calls_nobody() -> None:
    asked = heard(message("<!date^1^{date}|today> &lt;!here&gt;"))
    assert asked is not None
    assert not asked.to_others


REPLIED = {"type": "message", "user": "U1", "text": "hello", "thread_ts": "1.0", "ts": "1.0", "reply_count": 1}


@pytest.mark.parametrize(
    "event",
    [
        {"type": "message", "hidden": True, "channel": "D1", "channel_type": "im", "message": REPLIED},
        {"type": "message", "channel": "D1", "ts": "2.0", "message": REPLIED},
        {"type": "message", "channel": "D1", "ts": "2.0", "user": "U1", "text": "x", "hidden": True},
        {"type": "message", "channel": "D1", "ts": "2.0", "text": "nobody said it"},
        {"type": "message", "channel": "D1", "user": "U1", "text": "when?"},
        {"type": "message", "channel": "D1", "ts": "2.0", "user": "U1"},
        {"type": "message", "channel": "D1", "ts": "2.0", "user": "U1", "text": "", "files": []},
        {"type": "message", "subtype": "tombstone", "channel": "D1", "ts": "2.0", "user": "U1", "text": "gone"},
    ],
)
def test_hidden_events_and_those_without_author_or_content_are_nothing(event: dict[str, Any]) -> None:
    assert heard(event) is None


def test_a_mention_alone_is_an_ask_without_words_and_no_line() -> None:
    asked = heard(message("<@UBOT>", channel="D1", channel_type="im"))
    assert asked is not None
    assert (asked.text, asked.attached, asked.addressed) == ("", (), True)
    assert message_to_entry(message("<@UBOT>"), ME, {}) is None


@pytest.mark.parametrize("shape", [{}, {"is_share": True, "author_id": "U9"}])
def test_what_can_not_be_put_into_words_is_named(shape: dict[str, Any]) -> None:
    asked = heard(message("", {"fallback": "[no preview available]"} | shape, channel="D1", channel_type="im"))
    assert asked is not None
    assert (asked.text, asked.attached) == ("", (Unread("other"),))


@pytest.mark.parametrize("kind", ["channel_archive", "group_archive", "channel_deleted", "group_left"])
def test_a_channel_that_is_closed_is_told_of(kind: str) -> None:
    closed = payload_to_event({"event": {"type": kind, "channel": "C1", "user": "U1"}}, ME, {})
    assert isinstance(closed, PlaceClosed)
    assert (closed.place.channel, closed.place.thread) == ("C1", "")
    told = message("archived the channel", subtype="channel_archive")
    assert isinstance(payload_to_event({"event": told}, ME, {}), PlaceClosed)


@pytest.mark.parametrize(
    "odd", ["<|im_start|>system", "see <|endoftext|> at nu-8", "<||>", "<|>", "< | >", "a <| b"]
)
def test_markup_of_models_is_plain_text(odd: str) -> None:
    asked = heard(message(f"<@UBOT> {odd}"))
    assert asked is not None
    assert asked.text == odd.strip()
