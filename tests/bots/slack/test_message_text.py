"""Every word that people see in a message is read, once."""

from __future__ import annotations

from typing import Any

import pytest

from bots.slack.incoming import Identity, line_of, named_in, payload_to_event
from core.values.conversation import Ask, ThreadMessage
from core.values.events import Edited
from core.values.parts import File, FileProblem, Quote, Text, Unread
from core.values.places import Person

ME = Identity("T1", "UBOT", "BBOT", "Parley", "A1")
NAMES = {"U9": Person("U9", "Nine")}
TS = "1795400000.000100"

Json = dict[str, Any]


def said(**message: Any) -> ThreadMessage:
    return line_of({"type": "message", "user": "U1", "ts": TS, "text": "", **message}, ME, NAMES)


def alert(**message: Any) -> str:
    line = said(subtype="bot_message", bot_id="B1", user="", **message)
    assert line.attached == ()
    return line.text


def section(text: str) -> Json:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def rich(*elements: Json, kind: str = "rich_text_section", **more: Any) -> Json:
    return {"type": "rich_text", "elements": [{"type": kind, "elements": list(elements), **more}]}


def words(text: str) -> Json:
    return {"type": "text", "text": text}


TABLE: Json = {
    "type": "table",
    "rows": [
        [{"type": "raw_text", "text": "SKU"}, {"type": "raw_text", "text": "Stock"}],
        [rich(words("kettle\n"), words("<2>")), {"type": "raw_text", "text": "17"}],
    ],
}
ROWS = "SKU | Stock\nkettle <2> | 17"


def test_an_alert_is_its_pretext_title_text_and_fields_without_its_title_twice() -> None:
    fields = [
        {"title": "service", "value": "checkout-api"},
        {"title": "runbook", "value": "<https://r.example/42|RB-42>"},
    ]
    attachment: Json = {"title": "[FIRING:1] High error rate", "title_link": "https://a.example/1"}
    attachment |= {"pretext": "cluster eu-7", "text": "error rate 12 % on checkout", "fields": fields}
    attachment |= {"fallback": "[FIRING:1] High error rate", "footer": "Grafana", "author_name": "Eye"}
    assert alert(text="*[FIRING:1] High error rate*", attachments=[attachment]) == (
        "cluster eu-7\nEye\n[FIRING:1] High error rate (https://a.example/1)\nerror rate 12 % on checkout\n"
        "service: checkout-api\nrunbook: RB-42 (https://r.example/42)\nGrafana"
    )


def test_the_blocks_of_an_attachment_count_and_its_fallback_does_not() -> None:
    blocks = [
        section("*disk full* on `db-3`"),
        {"type": "section", "fields": [section("*usage*\n98 %")["text"]]},
    ]
    attachment = {"color": "D63232", "fallback": "[no preview available]", "blocks": blocks}
    assert alert(attachments=[attachment]) == "*disk full* on `db-3`\n*usage*\n98 %"
    assert alert(attachments=[{"fallback": "Build 41 &lt;passed&gt;"}]) == "Build 41 <passed>"
    assert alert(attachments=[{"fallback": "[no preview available]"}]) == ""


def test_the_text_of_a_card_stays_where_its_body_says_something_else() -> None:
    header, body = (
        {"type": "header", "text": plain("Deploy failed")},
        section("*checkout* v41 by <@U9>: `Pull`"),
    )
    assert (
        alert(text="Deploy failed", blocks=[header, body]) == "Deploy failed\n*checkout* v41 by @Nine: `Pull`"
    )
    assert alert(text="Incident 7", blocks=[body]) == "Incident 7\n*checkout* v41 by @Nine: `Pull`"
    assert alert(text="Deploy failed\nagain", blocks=[header]) == "again\nDeploy failed"
    assert alert(text="\U0001f525", blocks=[body]).startswith("\U0001f525\n")
    assert alert(text="ok", blocks=[section("broken")]) == "ok\nbroken", "a word is not a part of another"


def test_the_lines_of_a_card_keep_their_indent() -> None:
    assert alert(text="a\n\n    b", blocks=[section("c:\n    d")]) == "a\n\n    b\nc:\n    d"


def test_equal_blocks_are_not_one() -> None:
    region = [section("eu"), section("down"), section("us"), section("down")]
    assert alert(blocks=region) == "eu\ndown\nus\ndown"


def test_previews_of_links_are_left_out_unless_there_is_nothing_else() -> None:
    preview = {"from_url": "https://d.example", "title": "A page", "text": "A long page"}
    assert alert(text="see <https://d.example>", attachments=[preview]) == "see https://d.example"
    linked = preview | {"is_msg_unfurl": True}
    assert alert(text="see <https://d.example>", attachments=[linked]) == "see https://d.example"
    shared = preview | {"is_share": True}
    assert alert(text="see", attachments=[shared]) == "see\nA page\nA long page"
    assert alert(attachments=[preview]) == "A page\nA long page"
    assert said(text="see <https://d.example>", attachments=[preview]).attached == ()
    assert said(attachments=[preview | {"service_name": "D"}]).attached == (Quote("A page\nA long page"),)


@pytest.mark.parametrize(
    ("block", "text"),
    [
        (rich({"type": "usergroup", "usergroup_id": "S1"}), "@S1"),
        (rich({"type": "date", "timestamp": 1720710212, "fallback": "2024-07-11"}), "2024-07-11"),
        (rich({"type": "date", "timestamp": 1720710212, "format": "{date}"}), "2024-07-11 15:03 UTC"),
        (rich({"type": "color", "value": "#F405B3"}), "#F405B3"),
        (rich({"type": "broadcast", "range": "here"}), "@here"),
        (rich({"type": "channel", "channel_id": "C1"}), "#C1"),
        (rich({"type": "emoji", "name": "wave"}), ":wave:"),
        (rich({"type": "link", "url": "https://l.example/?a=1&b=2"}), "https://l.example/?a=1&b=2"),
        (rich({"type": "link", "url": "https://l.example", "text": "the log"}), "the log (https://l.example)"),
        (rich(rich(words("one"))["elements"][0], kind="rich_text_list", style="bullet"), "• one"),
        (rich(rich(words("two"))["elements"][0], kind="rich_text_list", style="ordered", offset=1), "2. two"),
        (rich(words("a\nb"), kind="rich_text_quote"), "> a\n> b"),
        (rich(words("x < y"), kind="rich_text_preformatted"), "```\nx < y\n```"),
        ({"type": "image", "image_url": "https://p.example", "alt_text": "it doubled"}, "it doubled"),
        ({"type": "image", "title": plain("Load"), "alt_text": "it doubled"}, "Load\nit doubled"),
        (
            {"type": "video", "title": plain("Demo"), "title_url": "https://v.example", "alt_text": "a demo"},
            "Demo (https://v.example)\na demo",
        ),
        ({"type": "context", "elements": [plain("by"), {"type": "image", "alt_text": "Ada"}]}, "by\nAda"),
        ({"type": "markdown", "text": "# a < b"}, "# a < b"),
        (
            section("see")
            | {"accessory": {"type": "button", "text": plain("Open"), "url": "https://i.example/7"}},
            "see\n[Open] (https://i.example/7)",
        ),
        ({"type": "actions", "elements": [{"type": "button", "text": plain("Ack"), "value": "1"}]}, "[Ack]"),
        (
            {
                "type": "input",
                "label": plain("Why?"),
                "hint": plain("Be brief"),
                "element": {"type": "static_select", "options": [{"text": plain("No"), "value": "x"}]},
            },
            "Why?\nBe brief",
        ),
        ({"type": "actions", "elements": [{"type": "radio_buttons", "options": [{"text": plain("A")}]}]}, "A"),
        (TABLE, ROWS),
        ({"type": "card", "title": plain("New"), "body": section("kind")["text"]}, "New\nkind"),
        (
            {"type": "call", "call": {"v1": {"name": "Stand-up", "join_url": "https://z.example/1"}}},
            "Stand-up (https://z.example/1)",
        ),
        ({"type": "divider"}, ""),
    ],
)  # fmt: skip
def test_every_kind_of_block_has_its_words(block: Json, text: str) -> None:
    assert alert(blocks=[block]) == text
    assert alert(attachments=[{"blocks": [block]}]) == text


def test_the_legacy_buttons_of_an_attachment_count() -> None:
    actions = [
        {"type": "button", "text": "Open", "url": "https://i.example"},
        {"type": "button", "text": "Ack"},
    ]
    assert (
        alert(attachments=[{"text": "down", "actions": actions}]) == "down\n[Open] (https://i.example)\n[Ack]"
    )


def test_a_table_of_a_person_is_theirs_beside_what_they_typed() -> None:
    pasted = {"fallback": "[no preview available]", "blocks": [TABLE]}
    for message in ({"attachments": [pasted]}, {"blocks": [rich(words("which is low?")), TABLE]}):
        line = said(text="which is low?", **message)
        assert (line.text, line.attached) == ("which is low?", (Text(ROWS),))
        alone = said(**(message | {"blocks": message.get("blocks", [None])[1:]}))
        assert (alone.text, alone.attached) == ("", (Text(ROWS),))


def test_what_a_person_typed_is_read_once_whether_as_text_or_as_blocks() -> None:
    blocks = [rich({"type": "user", "user_id": "U9"}, words(" hi"))]
    assert said(text="<@U9> hi", blocks=blocks).text == "@Nine hi"
    assert said(blocks=blocks).text == "@Nine hi"
    assert said(text="hi", blocks=[section("hi"), section("and more")]).attached == (Text("and more"),)


def forwarded(**more: Any) -> Json:
    shared = {"is_share": True, "is_msg_unfurl": True, "author_id": "U9", "author_name": "Author Nine"}
    return shared | {"channel_id": "C2", "channel_name": "incidents", "footer": "Posted in #incidents"} | more


@pytest.mark.parametrize(
    "shape",
    [
        {"text": "504 & <@U9>"},
        {"text": "504 & <@U9>", "message_blocks": [{"message": {"blocks": [section("504 & <@U9>")]}}]},
        {"text": "", "message_blocks": [{"message": {"blocks": [section("504 & <@U9>")]}}]},
        {"fallback": "[Nov 14th] nine: 504", "blocks": [section("504 & <@U9>")]},
        {"message_blocks": [{"message": {"attachments": [{"text": "504 & <@U9>"}]}}]},
    ],
)
def test_a_forward_is_a_quote_with_its_authors_name_and_channel(shape: Json) -> None:
    assert said(attachments=[forwarded(**shape)]).attached == (
        Quote("504 & @Nine", "Nine", "#incidents", "U9"),
    )


def test_the_author_of_a_quote_is_looked_up_and_else_named_by_the_payload() -> None:
    quoted = forwarded(text="504 says <@U8>")
    event = {"type": "message", "user": "U1", "ts": TS, "text": "<@U7> ?", "attachments": [quoted]}
    assert named_in({"event": event}) == ("U7", "U8", "U9")
    for names, name in (({}, "Author Nine"), (NAMES, "Nine")):
        (quote,) = line_of(event, ME, names).attached
        assert isinstance(quote, Quote)
        assert quote.author == name
    (quote,) = line_of(event | {"attachments": [quoted | {"author_name": ""}]}, ME, {}).attached
    assert quote == Quote("504 says @U8", "U9", "#incidents", "U9")


def test_a_quoted_direct_message_has_no_channel() -> None:
    (quote,) = said(attachments=[forwarded(text="x", channel_id="D1", channel_name="ada")]).attached
    assert quote == Quote("x", "Nine", "", "U9")


def test_the_files_of_a_forward_follow_it() -> None:
    report = {"id": "F1", "name": "q3-report.pdf", "mode": "hosted", "mimetype": "application/pdf", "size": 9}
    line = said(attachments=[forwarded(text="", files=[report])])
    file = File("q3-report.pdf", "application/pdf", size=9, source="F1")
    assert (line.text, line.attached) == ("", (Quote("", "Nine", "#incidents", "U9"), file))


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ({"name": "a.py", "mode": "snippet", "mimetype": "a/b", "size": 3}, File("a.py", "a/b", size=3, source="F1")),
        ({"title": "Notes", "mode": "post", "filetype": "post"}, File("Notes", source="F1")),
        ({"mode": "quip", "filetype": "quip", "name": "Plan"}, Unread("canvas")),
        ({"mode": "space", "filetype": "space", "name": "Plan"}, Unread("canvas")),
        ({"mimetype": "application/vnd.slack-docs", "name": "Plan"}, Unread("canvas")),
        ({"mode": "list", "filetype": "list", "name": "Tasks"}, Unread("list")),
        ({"mode": "external", "name": "Sheet"}, File("Sheet", problem=FileProblem.NOT_ALLOWED, source="F1")),
        ({"is_external": True, "name": "Doc"}, File("Doc", problem=FileProblem.NOT_ALLOWED, source="F1")),
        ({"mode": "tombstone"}, File("", problem=FileProblem.NOT_FOUND, source="F1")),
        ({"mode": "hidden_by_limit"}, File("", problem=FileProblem.NOT_FOUND, source="F1")),
        ({"mode": "file_access", "file_access": "check_file_info"}, File("", source="F1")),
        ({"file_access": "access_denied"}, File("", problem=FileProblem.NOT_ALLOWED, source="F1")),
        ({"file_access": "file_not_found"}, File("", problem=FileProblem.NOT_FOUND, source="F1")),
        ({"subtype": "slack_audio", "mimetype": "video/mp4", "name": "a.mp4"}, File("a.mp4", "audio/mp4", source="F1")),
        ({"subtype": "slack_video", "mimetype": "video/mp4", "name": "a.mp4"}, File("a.mp4", "video/mp4", source="F1")),
    ],
)  # fmt: skip
def test_every_kind_of_file_is_named_or_has_its_reason(file: Json, expected: File | Unread) -> None:
    for message in ({"text": "see"}, {"subtype": "file_share"}):
        assert said(files=[{"id": "F1", **file}] * 2, **message).attached == (expected,)
    line = said(bot_id="B1", files=[{"id": "F1", **file}])
    assert (line.text, line.attached) == ("", (expected,))


def changed(now: Json, before: Json) -> Edited | None:
    where = {"type": "message", "subtype": "message_changed", "hidden": True, "channel": "C1"}
    base = {"type": "message", "user": "U1", "ts": TS, "text": "see"}
    event = payload_to_event(
        {"event": where | {"message": base | now, "previous_message": base | before}}, ME, NAMES
    )
    assert event is None or isinstance(event, Edited)
    return event


def test_a_card_of_which_only_the_blocks_change_is_edited() -> None:
    card = {"subtype": "bot_message", "bot_id": "B1", "text": "Incident 7"}
    edited = changed(
        card | {"blocks": [section("status: *resolved*")]}, card | {"blocks": [section("status: *open*")]}
    )
    assert edited is not None
    assert edited.text == "Incident 7\nstatus: *resolved*"


def test_a_file_that_was_deleted_and_a_table_that_changed_are_edits() -> None:
    file = {"id": "F1", "name": "a.txt"}
    edited = changed({"files": [{"id": "F1", "mode": "tombstone"}]}, {"files": [file]})
    assert edited is not None
    assert edited.attached == (File("", problem=FileProblem.NOT_FOUND, source="F1"),)
    assert changed({"blocks": [TABLE]}, {"blocks": [TABLE | {"rows": []}]}) is not None
    assert changed({}, {"attachments": [forwarded(text="gone")]}) is not None


@pytest.mark.parametrize(
    "now",
    [
        {"attachments": [{"from_url": "https://d.example", "text": "A page"}]},
        {"attachments": [forwarded(text="a message that the text links to")]},
        {
            "attachments": [
                {"is_app_unfurl": True, "app_unfurl_url": "https://d.example", "blocks": [section("x")]}
            ]
        },
        {"attachments": [{"image_url": "https://p.example/1.png", "original_url": "https://p.example/1.png"}]},
        {"reply_count": 1},
        {"files": [{"id": "F1", "name": "a.txt", "thumb_64": "https://t.example"}]},
    ],
)
def test_a_preview_that_arrives_is_no_edit(now: Json) -> None:
    before = {"files": [{"id": "F1", "name": "a.txt"}]} if "files" in now else {}
    assert changed(now, before) is None


def test_nothing_of_an_apps_message_addresses_anybody() -> None:
    event = {"type": "message", "bot_id": "B1", "ts": TS, "channel": "C1", "text": "<@UBOT> <@U9>"}
    ask = payload_to_event({"event": event | {"attachments": [{"text": "<@UBOT> go"}]}}, ME, NAMES)
    assert isinstance(ask, Ask)
    assert (ask.addressed, ask.to_others) == (False, False)


def test_a_forward_of_a_forward_has_the_words_and_files_of_both() -> None:
    inner = {
        "is_share": True,
        "author_id": "U8",
        "author_name": "Eight",
        "text": "deep",
        "files": [{"id": "F8"}],
    }
    whole = {
        "blocks": [rich(words("outer"))],
        "files": [{"id": "F9", "name": "q3.pdf"}],
        "attachments": [inner],
    }
    outer = {"is_share": True, "author_id": "U9", "message_blocks": [{"message": whole}]}
    quote, *files = said(attachments=[outer, {**outer, "files": [{"id": "F9", "name": "q3.pdf"}]}]).attached
    assert isinstance(quote, Quote)
    assert (quote.author, quote.text) == ("Nine", "outer\nEight\ndeep")
    assert files == [File("q3.pdf", source="F9"), File("", source="F8")]


@pytest.mark.parametrize(
    "odd", [{"type": "date", "timestamp": 10**14}, {"type": "date"}, {"type": "user"}, {"type": "emoji"}]
)
def test_an_element_that_can_not_be_read_costs_itself_alone(odd: Json) -> None:
    assert alert(blocks=[rich(words("disk "), odd, words("full"))]) == "disk full"
