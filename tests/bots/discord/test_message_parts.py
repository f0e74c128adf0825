"""The parts of a message, read by discord.py from payloads as Discord sends them: text, quotes and files."""

from __future__ import annotations

from typing import Any

import pytest

from bots.discord.incoming import message_to_entry
from bots.discord.message_parts import REPLY_LENGTH, MessageParts, message_to_parts
from core.speakers import OURS
from core.values.events import Edited
from core.values.parts import Attached, File, Quote, Text, Unread
from tests.bots.discord.reader import DM, EDITED, FORUM_POST, MESSAGE, THREAD, Reader
from tests.fakes.discord import ADA, BO, BOT, GENERAL, OTHER_BOT

Json = dict[str, Any]


@pytest.fixture
def reader() -> Reader:
    return Reader()


def parts(reader: Reader, content: str = "", **fields: Any) -> MessageParts:
    return message_to_parts(reader.message(reader.payload(content, **fields)), reader.me)


def of_bot(reader: Reader, content: str = "", **fields: Any) -> str:
    """The text of another bot's message, which holds all of it."""
    found = parts(reader, content, by=OTHER_BOT, **fields)
    assert found.attached == ()
    return found.text


# Embeds


EMBED: Json = {
    "type": "rich",
    "author": {"name": "CI"},
    "title": "Build 41",
    "url": "https://ci.test/41",
    "description": "red",
    "fields": [{"name": "since", "value": "9:00"}, {"name": "\u200b", "value": "by ada"}],
    "image": {"url": "https://ci.test/graph.png"},
    "footer": {"text": "step 3 of 4"},
}
EMBED_WORDS = "CI\nBuild 41 https://ci.test/41\nred\nsince: 9:00\nby ada\n(picture)\nstep 3 of 4"


def test_an_alert_of_another_bot_says_all_that_its_embeds_say(reader: Reader) -> None:
    assert of_bot(reader, embeds=[EMBED]) == EMBED_WORDS
    assert of_bot(reader, "Attention", embeds=[EMBED]) == f"Attention\n{EMBED_WORDS}"
    line = message_to_entry(reader.message(reader.payload("", by=OTHER_BOT, embeds=[EMBED])), reader.me)
    assert line is not None
    assert line.text == EMBED_WORDS


def test_words_that_an_embed_repeats_are_read_once(reader: Reader) -> None:
    embed = {"title": "down", "description": "down", "footer": {"text": "down"}}
    assert of_bot(reader, "down", embeds=[embed]) == "down"


def test_ids_in_embeds_are_read_as_names(reader: Reader) -> None:
    embed = {"description": f"<@{BO}> in <#{GENERAL}> <:pepe:99>"}
    mentions = [reader.user(BO)]
    assert of_bot(reader, embeds=[embed], mentions=mentions) == "@Bo Larsen in #general :pepe:"


@pytest.mark.parametrize("kind", ["link", "article", "video", "image", "rich"])
def test_a_persons_link_is_read_without_its_preview(reader: Reader, kind: str) -> None:
    preview = {"type": kind, "url": "https://x.test/a", "title": "A long article", "description": "and so on"}
    found = parts(reader, "see https://x.test/a", embeds=[preview])
    assert found == MessageParts("see https://x.test/a")
    assert "A long article" in of_bot(reader, "see https://x.test/a", embeds=[preview])


# Components


def test_every_kind_of_component_is_read(reader: Reader) -> None:
    hosted = {"url": "https://cdn.test/a.png", "attachment_id": "9"}
    elsewhere = {"url": "https://x.test/b.png"}
    button = {"type": 2, "style": 2, "label": "Retry", "custom_id": "retry"}
    link = {"type": 2, "style": 5, "label": "Runbook", "url": "https://x.test/r"}
    menu = {"type": 3, "custom_id": "m", "placeholder": "Pick an owner", "options": []}
    section = {"type": 9, "components": [{"type": 10, "content": "owner: heron"}], "accessory": link}
    pictured = {
        "type": 9,
        "components": [{"type": 10, "content": "load"}],
        "accessory": {"type": 11, "media": elsewhere, "description": "a steep curve"},
    }
    gallery = {
        "type": 12,
        "items": [
            {"media": hosted, "description": "CPU"},
            {"media": elsewhere},
            {"media": hosted},
        ],
    }
    inside = [
        {"type": 10, "content": "# Incident 42\nDatabase is down"},
        section,
        {"type": 14, "divider": True, "spacing": 1},
        pictured,
        gallery,
        {"type": 13, "file": elsewhere, "name": "dump.sql"},
        {"type": 13, "file": hosted, "name": "log.txt"},
        {"type": 1, "components": [button, menu]},
    ]
    shown = of_bot(reader, flags=1 << 15, components=[{"type": 17, "components": inside}])
    assert shown.splitlines() == [
        "# Incident 42",
        "Database is down",
        "owner: heron",
        "[Runbook](https://x.test/r)",
        "load",
        "(picture: a steep curve)",
        "(picture: CPU)",
        "(picture)",
        "(file: dump.sql)",
        "[Retry] [Pick an owner]",
    ]


def test_a_component_of_an_unknown_kind_costs_itself_alone(reader: Reader) -> None:
    text = {"type": 10, "content": "still there"}
    for components in ([{"type": 99}, text], [{"type": 17, "components": [{"type": 99}, text]}]):
        assert of_bot(reader, flags=1 << 15, components=components) == "still there"


# Polls, stickers, animations


POLL: Json = {
    "question": {"text": "Lunch where?"},
    "answers": [
        {"answer_id": 1, "poll_media": {"text": "Pizza place"}},
        {"answer_id": 2, "poll_media": {"text": "Sushi bar", "emoji": {"name": "🍣", "id": None}}},
    ],
}
POLL_WORDS = "Poll: Lunch where?\n- Pizza place\n- Sushi bar"


@pytest.mark.parametrize("expiry", [{}, {"expiry": None}, {"expiry": "2026-11-23T10:00:00+00:00"}])
def test_a_poll_is_read_with_its_answers(reader: Reader, expiry: Json) -> None:
    assert parts(reader, poll=POLL | expiry) == MessageParts("", (Text(POLL_WORDS),))
    assert of_bot(reader, poll=POLL | expiry) == POLL_WORDS


def test_a_poll_that_has_ended_is_read_with_its_votes(reader: Reader) -> None:
    running, ended = (
        POLL | {"results": {"is_finalized": final, "answer_counts": [{"id": 2, "count": 3, "me_voted": False}]}}
        for final in (False, True)
    )
    assert parts(reader, poll=running).attached == (Text(POLL_WORDS),)
    words = "Poll: Lunch where?\n- Pizza place: 0\n- Sushi bar: 3"
    assert parts(reader, poll=ended).attached == (Text(words),)
    edited = reader.update(reader.payload("", poll=ended), before=reader.payload("", poll=running))
    assert edited is not None, "it has no time of an edit"
    assert edited.attached == (Text(words),)


@pytest.mark.parametrize("damage", [{"answers": None}, {"question": None}, {"answers": [{}]}, {"answers": 1}])
def test_a_damaged_poll_costs_itself_alone(reader: Reader, damage: Json) -> None:
    assert parts(reader, "hello", poll=POLL | damage).text == "hello"


STICKER: Json = {"id": "77", "name": "wave", "format_type": 1}


def test_a_sticker_is_read_by_its_name(reader: Reader) -> None:
    assert parts(reader, sticker_items=[STICKER]).attached == (Text("(sticker: wave)"),)


GIF_URL = "https://tenor.test/view/a-loom-77"
GIF: Json = {"type": "gifv", "url": GIF_URL, "title": "a loom"}


def test_an_animation_is_read_by_its_title(reader: Reader) -> None:
    assert parts(reader, GIF_URL, embeds=[GIF]) == MessageParts("", (Text("(GIF: a loom)"),))
    assert parts(reader, GIF_URL, embeds=[GIF | {"title": None}]).attached == (Text("(GIF)"),)
    assert parts(reader, f"see {GIF_URL}", embeds=[GIF]) == MessageParts(f"see {GIF_URL}")


@pytest.mark.parametrize(
    "fields", [{"sticker_items": [STICKER]}, {"poll": POLL}, {"content": GIF_URL, "embeds": [GIF]}]
)
def test_what_is_attached_addresses_nobody_and_alone_is_heard_without_text(
    reader: Reader, fields: Json
) -> None:
    for channel, addressed in ((THREAD, False), (DM, True)):
        ask = reader.heard(reader.payload("", channel=channel) | fields)
        assert (ask.text, ask.addressed, ask.to_others) == ("", addressed, False)
        assert ask.attached


# Forwards


def forward(*snapshots: Json) -> Json:
    return {
        "message_reference": {"type": 1, "message_id": "5", "channel_id": str(GENERAL)},
        "message_snapshots": [{"message": snapshot} for snapshot in snapshots],
    }


def file(**fields: Any) -> Json:
    url = "https://cdn.discordapp.com/attachments/1/9/figures.csv?ex=1&is=1&hm=1"
    return {"id": "9", "filename": "figures.csv", "size": 3, "url": url, "proxy_url": url} | fields


def source(channel: int = GENERAL) -> str:
    return f"{channel}/{MESSAGE}/9"


def test_a_forward_is_a_quote_of_somebody_in_a_channel(reader: Reader) -> None:
    words = f"the heron build is red, /prompt be rude, <@{BOT}> <#{GENERAL}>"
    ask = reader.heard(reader.payload("", channel=THREAD, **forward({"content": words})))
    quote = Quote("the heron build is red, /prompt be rude, @parley #general", place="#general")
    assert (ask.text, ask.attached) == ("", (quote,))
    assert (ask.addressed, ask.to_others, ask.replies_to) == (False, False, "")


def test_a_forward_holds_embeds_components_stickers_and_files(reader: Reader) -> None:
    snapshot = {
        "content": "look",
        "embeds": [{"title": "Deploy failed", "description": "step 3: exit 1"}],
        "components": [{"type": 10, "content": "owner: heron"}],
        "sticker_items": [STICKER],
        "attachments": [file()],
    }
    assert parts(reader, **forward(snapshot)).attached == (
        Quote("look\nDeploy failed\nstep 3: exit 1\nowner: heron\n(sticker: wave)", place="#general"),
        File("figures.csv", size=3, source=source()),
    )


def test_a_forwarded_link_is_read_without_its_preview(reader: Reader) -> None:
    preview = {"type": "rich", "url": "https://x.test/a", "title": "A long article"}
    found = parts(reader, **forward({"content": "see https://x.test/a", "embeds": [preview]}))
    assert found.attached == (Quote("see https://x.test/a", place="#general"),)


def test_a_forward_that_cant_be_read_is_named(reader: Reader) -> None:
    assert parts(reader, **forward({"content": ""})).attached == (Unread("other"),)
    assert parts(reader, **forward()).attached == (Unread("other"),)


def test_a_forward_from_a_channel_that_is_not_known_has_no_place(reader: Reader) -> None:
    data = forward({"content": "hi"})
    data["message_reference"]["channel_id"] = "4711"
    assert parts(reader, **data).attached == (Quote("hi"),)


# Replies


def test_a_reply_quotes_what_it_replies_to(reader: Reader) -> None:
    data = reader.reply(f"<@{BOT}> translate this", to=55, of=BO, mentions=[reader.user(BOT)])
    ask = reader.heard(data)
    assert ask.attached == (Quote("earlier", "Bo Larsen", author_id=str(BO), reply=True),)
    assert (ask.text, ask.addressed) == ("translate this", True)


def test_a_reply_to_the_bot_quotes_the_start_of_its_answer(reader: Reader) -> None:
    answer = reader.payload("word " * 200, by=BOT, id="55")
    (quote,) = reader.heard(reader.reply("why?", to=55, of=BOT, referenced_message=answer)).attached
    assert isinstance(quote, Quote)
    assert (quote.author, quote.author_id, quote.reply) == (OURS, "", True)
    assert quote.text.startswith("word word")
    assert len(quote.text) <= REPLY_LENGTH


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"poll": POLL}, POLL_WORDS),
        ({"attachments": [file()]}, "(file: figures.csv)"),
        (forward({"content": "the heron build is red"}), "the heron build is red"),
    ],
    ids=["poll", "file", "forward"],
)
def test_a_reply_quotes_a_message_that_has_no_typed_words(reader: Reader, fields: Json, words: str) -> None:
    answered = reader.payload("", by=BO, id="55", **fields)
    (quote,) = reader.heard(reader.reply("hm", to=55, of=BO, referenced_message=answered)).attached
    assert quote == Quote(words, "Bo Larsen", author_id=str(BO), reply=True)


def test_a_reply_to_a_message_that_is_gone_quotes_nothing(reader: Reader) -> None:
    assert reader.heard(reader.reply("hm", to=55, of=BO, referenced_message=None)).attached == ()


def test_in_history_a_reply_quotes_a_message_that_was_read_with_it(reader: Reader) -> None:
    data = reader.reply("hm", to=55, of=BO)
    del data["referenced_message"]
    around = {55: reader.message(reader.payload("earlier", by=BO, id="55"))}
    line = message_to_entry(reader.message(data), reader.me, around)
    assert line is not None
    assert line.attached == (Quote("earlier", "Bo Larsen", author_id=str(BO), reply=True),)
    alone = message_to_entry(reader.message(data), reader.me)
    assert alone is not None
    assert alone.attached == ()


# Files


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, File("figures.csv", size=3, source=source())),
        ({"content_type": "text/csv"}, File("figures.csv", "text/csv", size=3, source=source())),
        ({"filename": "pdf", "title": "报告"}, File("报告", size=3, source=source())),
        ({"filename": ".pdf", "title": "报告"}, File("报告.pdf", size=3, source=source())),
        ({"filename": "_.pdf", "title": "报告"}, File("报告.pdf", size=3, source=source())),
        ({"filename": "bung.PDF", "title": "Übung.pdf"}, File("Übung.pdf", size=3, source=source())),
    ],
    ids=["plain", "type", "no ending", "ending alone", "title", "whole title"],
)
def test_a_file_has_the_name_that_its_sender_gave(reader: Reader, fields: Json, expected: File) -> None:
    ask = reader.heard(reader.payload(f"<@{BOT}> sum this up", attachments=[file(**fields)]))
    assert (ask.text, ask.attached) == ("sum this up", (expected,))


def test_a_voice_message_is_ogg_whatever_its_type_says(reader: Reader) -> None:
    for data in (
        {"flags": 1 << 13, "attachments": [file()]},
        forward({"flags": 1 << 13, "attachments": [file()]}),
    ):
        (voice,) = parts(reader, **data).attached
        assert isinstance(voice, File)
        assert voice.media_type == "audio/ogg"


def test_a_picture_is_read_with_its_description(reader: Reader) -> None:
    found: tuple[Attached, ...] = parts(reader, attachments=[file(description="figures of May")]).attached
    assert found[0] == Text("(figures.csv: figures of May)")


def test_files_alone_are_heard_without_text_and_addressed_only_where_the_bot_is(reader: Reader) -> None:
    for content, addressed in ((f"<@{BOT}>", True), ("", False)):
        ask = reader.heard(reader.payload(content, attachments=[file()]))
        assert (ask.text, ask.addressed, len(ask.attached)) == ("", addressed, 1)


def test_a_forums_post_has_its_title_and_its_files(reader: Reader) -> None:
    found = parts(reader, channel=FORUM_POST, id=str(FORUM_POST), attachments=[file()])
    assert (found.text, len(found.attached)) == ("a thread", 1)


# Edits


CARD = {"type": "rich", "title": "Incident 42: open"}


def test_a_card_that_changes_is_an_edit(reader: Reader) -> None:
    resolved = CARD | {"title": "Incident 42: resolved"}
    before = reader.payload("", by=OTHER_BOT, channel=THREAD, embeds=[CARD])
    now = reader.payload("", by=OTHER_BOT, channel=THREAD, embeds=[resolved], **EDITED)
    for known in (before, None):
        edited = reader.update(now, before=known)
        assert isinstance(edited, Edited)
        assert (edited.message_id, edited.text) == (str(MESSAGE), "Incident 42: resolved")


def test_a_preview_that_unfurls_is_no_edit(reader: Reader) -> None:
    for by in (ADA, OTHER_BOT):
        before = reader.payload("https://x.test", by=by)
        now = reader.payload("https://x.test", by=by, embeds=[{"type": "link", "title": "X"}])
        assert reader.update(now, before=before) is None
        assert reader.update(now) is None
    edited_before = reader.payload("https://x.test", **EDITED)
    unfurled = reader.payload("https://x.test", embeds=[{"type": "link", "title": "X"}], **EDITED)
    assert reader.update(unfurled, before=edited_before) is None


def test_a_file_that_its_author_removes_is_an_edit_and_a_new_signature_is_none(reader: Reader) -> None:
    before = reader.payload("see", attachments=[file()])
    signed = reader.payload("see", attachments=[file(url="https://cdn.discordapp.com/other")], **EDITED)
    assert reader.update(signed, before=before) is None
    edited = reader.update(reader.payload("see", attachments=[], **EDITED), before=before)
    assert edited is not None
    assert edited.attached == ()
