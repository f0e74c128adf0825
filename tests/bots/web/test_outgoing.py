import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bots.web.outgoing import (
    AttachedView,
    MessageView,
    event,
    new_message_id,
    page_to_view,
    place_to_thread,
    question_words,
    receipt_to_json,
    threads_to_json,
    to_bytes,
    view_to_json,
    views,
)
from core.i18n import phrase
from core.ports.store.threads import Thread
from core.values.conversation import ThreadMessage
from core.values.events import Outcome, Receipt
from core.values.outgoing import Page
from core.values.parts import File, FileProblem, Quote, Text, Unread
from core.values.places import Person, Place
from core.values.turn_ends import AnswerFooter
from core.values.ui import Button, Choice, Field, Form, ImmediateReply

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
YOU, BOT = Person("you", "You"), Person("", bot=True)


def said(message_id: str, text: str = "?") -> ThreadMessage:
    return ThreadMessage(message_id, YOU, text, NOW)


def answered(message_id: str, anchor: str, text: str = "!") -> ThreadMessage:
    return ThreadMessage(message_id, BOT, text, NOW, mine=True, anchor=anchor)


def live(message_id: str, after: str, text: str = "live", at: datetime = NOW) -> MessageView:
    return MessageView(message_id, True, text, at.isoformat(), after)


def ids(shown: list[MessageView]) -> list[str]:
    return [view.id for view in shown]


def test_an_answer_that_is_still_live_is_shown_once_and_as_it_is_now() -> None:
    shown = views([said("q"), answered("q.1", "q", "stored")], [live("q.1", "q", "with a button")])
    assert ids(shown) == ["q", "q.1"]
    assert shown[1].text == "with a button"


def test_a_growing_answer_stands_behind_its_own_question() -> None:
    shown = views([said("q1"), said("q2")], [live("q1.a", "q1"), live("q1.b", "q1"), live("q2.a", "q2")])
    assert ids(shown) == ["q1", "q1.a", "q1.b", "q2", "q2.a"]


def test_a_second_answer_stands_behind_the_first() -> None:
    shown = views([said("q1"), answered("q1.a", "q1"), said("q2")], [live("q1.b", "q1")])
    assert ids(shown) == ["q1", "q1.a", "q1.b", "q2"]


def test_an_answer_anew_takes_the_place_of_what_answered_before_once_it_has_words() -> None:
    before = [said("q1"), answered("q1.a", "q1"), answered("q1.b", "q1"), said("q2"), answered("q2.a", "q2")]
    wordless = AnswerFooter("q1.c", "q1", NOW, "no word came")
    anew = replace(live("q1.d", "q1", ""), anew=True)
    assert ids(views(before, [anew], [wordless])) == ["q1", "q1.a", "q1.b", "q1.d", "q2", "q2.a"]
    assert ids(views(before, [replace(anew, text="live")], [wordless])) == ["q1", "q1.d", "q2", "q2.a"]


def test_an_answer_to_nothing_we_know_stands_at_the_end() -> None:
    assert ids(views([said("q1")], [live(".a", ""), live("x.b", "x")])) == ["q1", ".a", "x.b"]


def test_an_answer_to_nothing_stands_before_what_was_said_later() -> None:
    early = live(".a", "", at=NOW - timedelta(seconds=1))
    assert ids(views([said("q1")], [early, live(".b", "")])) == [".a", "q1", ".b"]


def test_a_summary_that_nobody_asked_for_shows_no_empty_question() -> None:
    assert ids(views([said("digest", ""), answered("digest.1", "digest")], [])) == ["digest.1"]


def test_what_a_message_holds_beside_its_words_is_shown() -> None:
    held = (
        Quote("ship it", "Eve", "#releases"),
        Text("a | b"),
        Unread("list"),
        File("cat.png", "image/png", source="1", size=5),
        File("clip.ogg", "audio/ogg", "call me back"),
        File("report.pdf", "application/pdf", "Figures", size=9),
        File("", problem=FileProblem.ENCRYPTED),
    )
    (view,) = views([replace(said("q 1", " "), attached=held)], [])
    assert view.attached == (
        AttachedView("quote", "Eve · #releases", "ship it"),
        AttachedView("text", text="a | b"),
        AttachedView("unread", phrase("unread_list", "en")),
        AttachedView("file", "cat.png", size=5, picture="/api/files/q%201/1"),
        AttachedView("file", "clip.ogg", "call me back"),
        AttachedView("file", "report.pdf", size=9),
        AttachedView("file", phrase("file_unnamed", "en"), problem=phrase("file_problem_encrypted", "en")),
    )


@given(st.text(max_size=20))
def test_a_message_id_leads_back_to_its_question(answers: str) -> None:
    message_id = new_message_id(answers)
    assert page_to_view(message_id, Page("words"), NOW).after == answers
    assert message_id != new_message_id(answers)


def test_a_view_is_plain_data() -> None:
    page = Page("**a** <b>", "Stopped.", (Button("again", "Try again", 7),))
    assert view_to_json(page_to_view("q.1", page, NOW)) == {
        "id": "q.1",
        "mine": True,
        "text": "**a** <b>",
        "at": NOW.isoformat(),
        "after": "q",
        "notice": "Stopped.",
        "buttons": ({"action": "again", "label": "Try again", "turn_id": 7},),
        "anew": False,
        "attached": (),
        "html": ("<p><strong>a</strong> &lt;b&gt;</p>",),
        "sources": None,
    }


@given(st.text(alphabet=st.characters(), max_size=40))
def test_an_event_is_one_line_of_data_whatever_the_words(text: str) -> None:
    lines = event("message", {"text": text}).decode().split("\n")
    assert lines[0] == "event: message"
    assert lines[2:] == ["", ""]
    assert "\r" not in lines[1]
    assert json.loads(lines[1].removeprefix("data: "))["text"] == text.encode("utf-8", "replace").decode()


def test_half_a_surrogate_pair_does_not_break_the_stream() -> None:
    assert to_bytes("a\ud83d") == b'"a?"'


def test_threads_are_listed_by_the_name_in_the_address() -> None:
    place = Place("web", "local", "web", "abcdefgh2345")
    top = Place("web", "local", "web")
    assert place_to_thread(place) == "abcdefgh2345"
    assert threads_to_json([Thread(place, "First words", NOW), Thread(top, "", NOW)]) == [
        {"id": "abcdefgh2345", "title": "First words", "at": "2026-01-02T03:04:00+00:00"},
        {"id": "board", "title": "", "at": "2026-01-02T03:04:00+00:00"},
    ]


def test_a_thread_that_was_forgotten_is_not_listed() -> None:
    assert threads_to_json([Thread(Place("web", "local", "web", "abcdefgh2345"), "", NOW)]) == []


def test_a_summary_has_the_top_level_listed() -> None:
    older = Thread(Place("web", "local", "web", "abcdefgh2345"), "Before", NOW)
    summary = page_to_view("digest.1", Page("12 questions"), NOW + timedelta(hours=1))
    assert [thread["id"] for thread in threads_to_json([older], [summary])] == ["board", "abcdefgh2345"]
    asked = Thread(Place("web", "local", "web"), "What cost so much?", NOW + timedelta(hours=2))
    assert [thread["id"] for thread in threads_to_json([asked, older], [summary])] == ["board", "abcdefgh2345"]


AGAIN = (Button("again", "Try again", 7),)


def test_what_stood_under_an_answer_stands_there_after_a_restart() -> None:
    answer_footers = [
        AnswerFooter("q.1", "q", NOW, "Stopped.", AGAIN),
        AnswerFooter("x.1", "forgotten", NOW, "Gone.", AGAIN),
    ]
    question, answer = views([said("q"), answered("q.1", "q")], [], answer_footers)
    assert (question.notice, question.buttons) == ("", ())
    assert (answer.text, answer.notice, answer.buttons) == ("!", "Stopped.", AGAIN)


def test_an_answer_of_which_no_word_came_stands_behind_its_question() -> None:
    shown = views([said("q"), said("r")], [], [AnswerFooter("turn-7", "q", NOW, "I can't.", AGAIN)])
    assert [(view.id, view.text, view.notice) for view in shown] == [
        ("q", "?", ""),
        ("turn-7", "", "I can't."),
        ("r", "?", ""),
    ]


def test_a_live_answer_is_shown_as_it_is_now_whatever_its_ending() -> None:
    ending = AnswerFooter("q.1", "q", NOW, "Stopped.", AGAIN)
    for lines in ([said("q"), answered("q.1", "q")], [said("q")]):
        shown = views(lines, [live("q.1", "q", "growing")], [ending])
        assert [(view.id, view.text, view.notice) for view in shown][1:] == [("q.1", "growing", "")]


def test_a_menus_command_is_shown_as_its_name_and_a_typed_one_as_it_was_typed() -> None:
    assert question_words("/summarize of:thread since:2026-01-02T03:04:00+00:00", "zh") == "从这里开始总结"
    for text in ("/summarize of:thread hours:3", "Explain since: in SQL", "/etc since:1"):
        assert question_words(text, "en") == text


def test_a_form_goes_to_the_page_whole() -> None:
    fields = (Field("set_model", "Model", "choice", "old", "now", (Choice("a", "A"),)),)
    form = Form("settings", "Settings", "Save", fields, {"scope": "channel"})
    sent = json.loads(
        to_bytes(receipt_to_json(Receipt(Outcome.TOLD, reply=ImmediateReply("t", refused=True, form=form))))
    )
    assert sent["told"]["refused"] is True
    assert sent["told"]["form"] == {
        "command": "settings",
        "title": "Settings",
        "send": "Save",
        "fields": [
            {
                "name": "set_model",
                "label": "Model",
                "kind": "choice",
                "value": "old",
                "hint": "now",
                "choices": [{"value": "a", "label": "A"}],
            }
        ],
        "fixed": {"scope": "channel"},
    }
