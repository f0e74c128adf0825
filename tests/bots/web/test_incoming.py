import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.accept_language import accept_language_to_locale
from bots.web.errors import STATUSES, TEXT_LIMIT, Reason, RequestError
from bots.web.incoming import (
    TOP,
    ask_id_to_thread,
    ask_to_command,
    body_to_ask,
    body_to_command,
    body_to_press,
    thread_to_place,
)
from core.values.conversation import Ask
from core.values.events import ButtonPress, Command
from core.values.places import Person, Place

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
ID = "0b0f9d9e-1111-4222-8333-444455556666"
THREAD = "abcdefgh2345"


def ask(**fields: object) -> Ask:
    return body_to_ask(json.dumps({"client_id": ID, "text": "Hello", **fields}).encode(), NOW, "zh-CN")


def refusal(**fields: object) -> Reason:
    with pytest.raises(RequestError) as refused:
        ask(**fields)
    return refused.value.reason


def test_a_question_in_a_thread_becomes_an_ask() -> None:
    place = Place("web", "local", "web", THREAD, direct=True)
    assert ask(thread=THREAD) == Ask(ID, place, Person("you", "You", "zh-CN"), "Hello", NOW, addressed=True)


def test_the_same_question_sent_twice_opens_the_same_thread() -> None:
    assert ask().place == ask().place == thread_to_place(ask_id_to_thread(ID))
    assert ask(client_id=ID.replace("0b", "0c")).place != ask().place


def test_an_id_written_differently_is_the_same_id() -> None:
    assert ask(client_id=ID.upper()).key == ask().key


@pytest.mark.parametrize("client_id", [None, 7, "", "no uuid", [ID]])
def test_an_id_that_is_no_uuid_is_refused(client_id: object) -> None:
    assert refusal(client_id=client_id) is Reason.MALFORMED


@pytest.mark.parametrize("thread", ["", "ABCDEFGH2345", "../../livez", "a" * 13, 7, ["x"], "abcdefgh2345\n"])
def test_a_thread_that_cannot_be_is_refused(thread: object) -> None:
    assert refusal(thread=thread) is Reason.NO_THREAD


def test_the_top_level_has_a_name_of_its_own() -> None:
    assert thread_to_place(TOP) == Place("web", "local", "web", "", direct=True)


@pytest.mark.parametrize("text", ["", " \n\t ", "\x00"])
def test_nothing_is_not_sent(text: str) -> None:
    assert refusal(text=text) is Reason.EMPTY


def test_text_is_taken_to_its_limit_and_not_beyond() -> None:
    assert len(ask(text="界" * TEXT_LIMIT).text) == TEXT_LIMIT
    assert refusal(text="界" * (TEXT_LIMIT + 1)) is Reason.TOO_LONG


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"client_id": 1e999}'])
def test_what_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(RequestError) as refused:
        body_to_ask(body, NOW)
    assert refused.value.reason is Reason.MALFORMED


@given(st.text(alphabet=st.characters(), max_size=50))
def test_whatever_is_taken_can_be_stored(text: str) -> None:
    try:
        taken = ask(text=text).text
    except RequestError:
        return
    assert taken.encode()
    assert "\x00" not in taken


def test_half_a_surrogate_pair_is_replaced() -> None:
    assert ask(text="a\ud83db").text == "a\ufffdb"


def test_a_press_names_its_button() -> None:
    body = json.dumps({"action": "try_again", "turn_id": 7, "thread": THREAD}).encode()
    assert body_to_press(body, "en") == ButtonPress(
        "try_again", 7, thread_to_place(THREAD), Person("you", "You", "en")
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"action": "Stop!"},
        {"action": None},
        {"turn_id": 0},
        {"turn_id": True},
        {"turn_id": 2**63},
        {"turn_id": "7"},
    ],
)
def test_a_press_of_no_button_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(RequestError) as refused:
        body_to_press(json.dumps({"action": "stop", "turn_id": 7, "thread": THREAD, **fields}).encode())
    assert refused.value.reason is Reason.MALFORMED


@pytest.mark.parametrize(
    ("header", "locale"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"),
        ("en;q=0.3, zh-Hans;q=0.9", "zh-Hans"),
        ("*", ""),
        ("", ""),
        ("en;q=x, de", "de"),
        ("<script>, fr;q=0.1", "fr"),
    ],
)
def test_the_language_wanted_most_is_the_locale(header: str, locale: str) -> None:
    assert accept_language_to_locale(header) == locale


def test_every_refusal_has_its_words_in_both_languages() -> None:
    assert set(STATUSES) == set(Reason)
    for reason in Reason:
        words = {RequestError(reason, name="a.pdf", mb=25).words(locale) for locale in ("en-GB", "zh-CN")}
        assert len(words) == 2
        assert all(words)


def command(**fields: object) -> Command:
    return body_to_command(json.dumps({"client_id": ID, "name": "settings", **fields}).encode(), NOW, "zh")


def test_a_form_becomes_a_command_with_its_fields_as_they_stand() -> None:
    options = {"scope": "channel", "set_prompt": "a\x00b\r\nc", "set_model": ""}
    place = Place("web", "local", "web", THREAD, direct=True)
    kept = {"scope": "channel", "set_prompt": "ab\nc", "set_model": ""}
    assert command(thread=THREAD, options=options) == Command(
        "settings", place, Person("you", "You", "zh"), NOW, options=kept, id=ID, opens=ask_id_to_thread(ID)
    )


def test_a_command_without_a_thread_opens_one_only_if_it_becomes_a_question() -> None:
    opened = ask_id_to_thread(ID)
    assert command(name="summarize", options={"hours": "3"}).place.thread == ""
    assert command(name="summarize").opens == opened
    assert command(name="reset").place.thread == opened, "nobody else's thread is meant"


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "nothing"},
        {"name": ["help"]},
        {"options": []},
        {"options": {"admin": "yes"}},
        {"options": {"scope": 1}},
        {"client_id": "1"},
    ],
)
def test_a_command_that_cannot_be_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(RequestError) as refused:
        command(**fields)
    assert refused.value.reason is Reason.MALFORMED
    with pytest.raises(RequestError) as refused:
        command(options={"set_prompt": "x" * (TEXT_LIMIT + 1)})
    assert refused.value.reason is Reason.TOO_LONG


def test_a_typed_command_that_opens_a_thread_is_about_the_channel() -> None:
    opened = ask_to_command(ask(text="/summarize channel 3 hours"))
    assert opened is not None
    assert (opened.name, opened.argument, opened.place.thread) == ("summarize", "channel 3 hours", "")
    assert opened.opens == ask_id_to_thread(ID)
    for other in (ask(text="/summarize", thread=THREAD), ask(text="/reset"), ask(text="summarize")):
        assert ask_to_command(other) is None


def test_whoever_reaches_a_page_that_others_can_reach_runs_nothing() -> None:
    body = json.dumps({"client_id": ID, "text": "x"}).encode()
    for alone in (True, False):
        asked = body_to_ask(body, NOW, alone=alone)
        assert (asked.author.admin, asked.place.direct) == (alone, alone)


def test_a_language_that_we_speak_is_taken_before_one_that_is_wanted_more() -> None:
    assert accept_language_to_locale("fr-FR,fr;q=0.9,zh-TW;q=0.8,en;q=0.7") == "zh-TW"
    assert accept_language_to_locale("fr,de;q=0.5") == "fr"
    assert accept_language_to_locale("en;q=0,zh;q=0.1") == "zh"


def test_only_the_button_that_confirms_forgetting_is_under_no_answer() -> None:
    press = body_to_press(json.dumps({"action": "forget_me", "turn_id": 0}).encode())
    assert (press.action, press.turn_id, press.place.thread) == ("forget_me", 0, "")
    with pytest.raises(RequestError):
        body_to_press(json.dumps({"action": "stop", "turn_id": 0}).encode())
