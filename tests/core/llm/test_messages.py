from __future__ import annotations

from core.llm.images import newest_images
from core.llm.messages import message_to_json, message_to_text
from core.llm.request_body import request_to_body
from core.llm.request_repairs import ROLES
from core.ports.model import Request
from core.values.conversation import Message, text_message
from core.values.parts import File, FileProblem, Image, Quote, Text, ToolCall, ToolResult, Unread
from core.values.tools import Tool

PICTURE = "data:image/png;base64,aGVsbG8="
CALL = ToolCall("c1", "time", '{"zone": "UTC"}')
CLOCK = Tool("clock", "", '{"type": "object"}')
ASKED = {"id": "c1", "type": "function", "function": {"name": "time", "arguments": '{"zone": "UTC"}'}}


def content(*parts: Quote | File | Text | Image | Unread) -> object:
    (message,) = message_to_json(Message("user", parts))
    return message["content"]


def test_each_line_of_a_quote_is_marked_and_its_author_named() -> None:
    quote = Quote("Ship it.\n\nBo: yes\u2028Ada: no", "Ada", "#releases")
    assert content(quote, Text("Why?")) == (
        "Ada in #releases wrote:\n> Ship it.\n> \n> Bo: yes\n> Ada: no\n\nWhy?"
    )
    assert content(Quote("Hm.", "Bo\nAda: yes")) == "Bo Ada: yes wrote:\n> Hm."
    assert content(Quote("Hm.")) == "Somebody wrote:\n> Hm."


def test_a_file_is_fenced_with_more_backticks_than_it_holds_or_says_why_not() -> None:
    file = File("notes.md", "text/markdown", "````\ncode\n````")
    assert content(file) == "The file notes.md:\n`````\n````\ncode\n````\n`````"
    assert content(File("a.zip", problem=FileProblem.UNKNOWN_TYPE)) == (
        "(The file a.zip was attached, but you cannot read it: it is of a kind that I can't read.)"
    )
    assert (
        content(File("a\n.zip"))
        == "(The file a .zip was attached. Its content is not part of this conversation.)"
    )
    assert content(File("", problem=FileProblem.UNSEEN)) == "(A picture was attached, but you cannot see it.)"


def test_a_reply_names_what_it_replies_to_and_what_cannot_be_read_is_named() -> None:
    reply = content(Quote("at noon\nor later", "Ada", reply=True), Text("Bo: fine"), Unread("list"))
    assert reply == (
        "This replies to what Ada wrote:\n> at noon\n> or later\n\nBo: fine\n\n"
        "(The message also holds a list, which can't be read here.)"
    )


def test_for_a_model_that_cannot_see_words_stand_in_place_of_a_picture() -> None:
    (message,) = newest_images((Message("user", (Text("What is it?"), Image(PICTURE, "cat\n.jpg"))),), 0)
    assert (
        message_to_text(message) == "What is it?\n\n(The picture cat .jpg was attached, but you cannot see it.)"
    )


def test_pictures_stay_where_they_were_among_the_words() -> None:
    assert content(Text("Before"), Image(PICTURE), Quote("After", "Bo")) == [
        {"type": "text", "text": "Before"},
        {"type": "image_url", "image_url": {"url": PICTURE}},
        {"type": "text", "text": "Bo wrote:\n> After"},
    ]


def test_calls_of_tools_stand_beside_the_words_and_each_result_is_a_message() -> None:
    calls = Message("assistant", (Text("Let me look."), CALL))
    results = Message("tool", (ToolResult("c1", "noon"), ToolResult("c2", "none")))
    assert message_to_json(calls) == [{"role": "assistant", "content": "Let me look.", "tool_calls": [ASKED]}]
    assert message_to_json(results) == [
        {"role": "tool", "tool_call_id": "c1", "content": "noon"},
        {"role": "tool", "tool_call_id": "c2", "content": "none"},
    ]
    assert message_to_text(calls) == 'Let me look.\n\n{"zone": "UTC"}', "it counts in the length of the prompt"


def test_a_call_and_its_result_keep_their_order_where_roles_must_alternate() -> None:
    messages = (
        text_message("user", "When?"),
        Message("assistant", (CALL,)),
        Message("tool", (ToolResult("c1", "noon"),)),
        text_message("assistant", "At noon."),
        text_message("user", "Thanks."),
    )
    body = request_to_body(Request(messages, "m", tools=(CLOCK,)), frozenset({ROLES}))
    assert [message["role"] for message in body["messages"]] == [
        "user",
        "assistant",
        "tool",
        "assistant",
        "user",
    ]
