"""Forms as modals, there and back, and what is told in views."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.slack.forms import (
    cuts_short,
    form_of_question,
    form_to_view,
    place_of_submission,
    reply_to_response,
    submission_to_event,
    with_reply,
)
from bots.slack.home import COMMANDS, prompts, replies_to_home
from bots.slack.mrkdwn import markdown_to_mrkdwn
from bots.slack.outgoing import CHANGE, reply_to_content, sections
from core.clock import SystemClock
from core.commands.handlers import CommandHandlers
from core.i18n import LANGUAGES, phrase
from core.settings.environment import CoreSettings
from core.text import escaped
from core.values.events import ButtonPress, Command
from core.values.places import Place
from core.values.ui import Button, Choice, Field, Form, ImmediateReply
from tests.bots.slack.test_incoming import ADA, ME, THREAD, payload
from tests.fakes.memory import MemoryStore
from tests.fakes.platform import TRAITS
from tests.fakes.slack import blocks

AT = datetime(2026, 11, 23, 2, 16, tzinfo=UTC)
CHANNEL = Place("slack", "T0AAA1111", "C0GEN1111")
HOME = Place("slack", "T0AAA1111", "", direct=True)
FORM = Form(
    "settings",
    "What is set here, all of it",
    "Save",
    (
        Field("set_model", "Model", "choice", "old", "big · default", (Choice("small", "Small"),)),
        Field("set_language", "Language", "choice", "", "each person's own", (Choice("en", "English"),)),
        Field("set_temperature", "Temperature", "line", "0.5", "not set · default"),
        Field("set_prompt", "Instructions", "text", "", "Be kind. · default"),
    ),
    {"scope": "channel"},
)


def submitted(view: dict[str, Any], **entered: Any) -> Any:
    """The payload of a submitted `view` with some fields changed."""
    state = blocks.state(view["blocks"])
    for name, text in entered.items():
        kind = state[name]["value"]["type"]
        changed = {"selected_option": {"value": text}} if kind == "static_select" else {"value": text}
        state[name]["value"] = {"type": kind, **changed}
    sent = payload("view_submission")
    sent["view"] = view | {"state": {"values": state}}
    return submission_to_event(sent, ME, ADA, AT, "/parley ")


def test_a_modal_is_what_slack_takes() -> None:
    view = form_to_view(FORM, THREAD, "en")
    assert list(blocks.problems(view["blocks"], view=True)) == []
    assert len(view["title"]["text"]) == 24
    temperature = view["blocks"][2]["element"]
    assert (temperature["initial_value"], temperature["placeholder"]["text"]) == ("0.5", "not set · default")
    assert "initial_value" not in view["blocks"][3]["element"]
    assert view["blocks"][3]["element"]["multiline"]


def test_a_modal_comes_back_with_every_field_as_it_stands() -> None:
    event = submitted(form_to_view(FORM, THREAD, "en"), set_temperature="0.7", set_model="small")
    assert event == Command(
        "settings",
        THREAD,
        ADA,
        AT,
        options={
            "scope": "channel",
            "set_model": "small",
            "set_language": "",
            "set_temperature": "0.7",
            "set_prompt": "",
        },
        prefix="/parley ",
    )


def test_a_choice_that_is_offered_no_more_can_be_kept_and_any_can_be_taken_back() -> None:
    view = form_to_view(FORM, THREAD, "en")
    assert submitted(view).options["set_model"] == "old"
    nothing = view["blocks"][0]["element"]["options"][0]
    assert nothing["text"]["text"] == "big · default"
    assert submitted(view, set_model=nothing["value"]).options["set_model"] == ""


def test_a_choice_whose_value_is_too_long_for_a_menu_is_written() -> None:
    name = "deployment/" + "x" * 140
    long = Form("settings", "Settings", "Save", (Field("set_model", "Model", "choice", name, "big"),))
    view = form_to_view(long, CHANNEL, "en")
    assert list(blocks.view_problems(view, "modal")) == []
    assert submitted(view).options["set_model"] == name


def test_a_value_that_no_input_holds_stays_as_it_is() -> None:
    long = Form(
        "settings", "Settings", "Save", (Field("set_prompt", "Instructions", "text", "x" * 3_001, "x…"),)
    )
    view = form_to_view(long, CHANNEL, "en")
    assert list(blocks.problems(view["blocks"], view=True)) == []
    assert "too long" in blocks.visible(view["blocks"])
    assert "set_prompt" not in submitted(view).options


def sent(view: dict[str, Any]) -> dict[str, Any]:
    return view | {"state": {"values": blocks.state(view["blocks"])}}


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_was_wrong_stands_under_its_field(language: str) -> None:
    view = sent(form_to_view(FORM, THREAD, language))
    wrong = ImmediateReply("“hot” doesn't fit.", refused=True, about="set_temperature")
    assert reply_to_response(view, wrong, language) == {
        "response_action": "errors",
        "errors": {"set_temperature": "“hot” doesn't fit."},
    }
    elsewhere = reply_to_response(view, ImmediateReply("Not you.", refused=True), language)
    assert elsewhere["response_action"] == "update"
    shown = elsewhere["view"]
    assert list(blocks.view_problems(shown, "modal")) == []
    assert blocks.visible(shown["blocks"]).startswith("Not you.")
    assert blocks.state(shown["blocks"]) == blocks.state(view["blocks"]), "what was entered stays"


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_done_takes_the_place_of_the_form(language: str) -> None:
    done = reply_to_response(
        sent(form_to_view(FORM, THREAD, language)), ImmediateReply("**Done.**\n- it"), language
    )
    assert list(blocks.view_problems(done["view"], "modal")) == []
    assert blocks.visible(done["view"]["blocks"]) == "*Done.*\n• it"
    assert done["view"]["close"]["text"] == phrase("close", language)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("scope", ["channel", "workspace"])
async def test_the_real_settings_fit_into_a_modal_and_into_the_home_tab(language: str, scope: str) -> None:
    handlers = CommandHandlers(
        MemoryStore(),
        CoreSettings(_env_file=None, parley_system_prompt="Be kind. " * 500),
        SystemClock(),
        traits=TRAITS,
    )
    admin = replace(ADA, locale=language, admin=True)
    long = {"set_prompt": "x" * 2_900, "set_deny": ", ".join(f"U{n:09}" for n in range(200))}
    await handlers.do(Command("settings", CHANNEL, admin, AT, options={"scope": scope} | long))
    told = [
        await handlers.do(
            Command(name, CHANNEL, admin, AT, scope if name == "settings" else "", prefix="/parley ")
        )
        for name in COMMANDS
    ]
    forms = [one.form for one in told if isinstance(one, ImmediateReply) and one.form]
    view = form_to_view(forms[0], CHANNEL, language)
    assert list(blocks.view_problems(view, "modal")) == []
    assert not view["title"]["text"].endswith("…")
    home = replies_to_home([one for one in told if isinstance(one, ImmediateReply)], language)
    assert list(blocks.view_problems(home, "home")) == []
    assert len(prompts(language)["prompts"]) <= 4


def test_a_recorded_submission_is_read() -> None:
    event = submission_to_event(payload("view_submission"), ME, ADA, AT, "/parley ")
    assert isinstance(event, Command)
    assert event.place == CHANNEL == place_of_submission(payload("view_submission"), ME)
    assert event.options == {
        "scope": "channel",
        "set_model": "small",
        "set_language": "",
        "set_temperature": "0.5",
        "set_prompt": "",
    }


@pytest.mark.parametrize("metadata", ["", "{}", "[]", '{"command": "x", "channel": 1}'])
def test_a_modal_of_somebody_else_is_none_of_ours(metadata: str) -> None:
    sent = payload("view_submission")
    sent["view"]["private_metadata"] = metadata
    assert submission_to_event(sent, ME, ADA, AT, "") is None
    sent["view"]["callback_id"] = "other"
    assert submission_to_event(sent, ME, ADA, AT, "") is None


def test_a_modal_opened_from_the_home_tab_is_about_the_workspace() -> None:
    assert submitted(form_to_view(FORM, HOME, "en")).place == HOME


def test_a_reason_comes_back_as_a_press() -> None:
    form = Form("reason", "Why?", "Send", (Field("text", "Why?", "text"),))
    assert submitted(form_to_view(form, THREAD, "en", 42), text="too short") == ButtonPress(
        "reason", 42, THREAD, ADA, text="too short"
    )


@given(st.text(max_size=9_000))
def test_a_message_of_any_length_can_be_asked_about(about: str) -> None:
    view = form_to_view(form_of_question(about, "zh"), THREAD, "zh")
    assert len(view["private_metadata"]) <= 3_000
    event = submitted(view, question="why?")
    assert event.options["question"] == "why?"
    assert about.startswith(event.options["about"])
    if len(about) < 400:
        assert event.options["about"] == about


def test_what_was_told_stands_on_top_once_and_the_inputs_keep_their_names() -> None:
    view = form_to_view(FORM, THREAD, "en")
    names = [block["block_id"] for block in view["blocks"]]
    again = with_reply(with_reply(view, "“hot” doesn't fit."), "**Done.**")
    assert list(blocks.problems(again["blocks"], view=True)) == []
    assert blocks.visible(again["blocks"][:1]) == "*Done.*"
    assert [block["block_id"] for block in again["blocks"][1:]] == names
    assert set(again) <= {"type", "callback_id", "title", "submit", "private_metadata", "blocks"}


@given(st.text(max_size=8_000))
def test_words_of_any_length_and_kind_fit_into_a_view(text: str) -> None:
    assert list(blocks.problems(sections(text), view=True)) == []
    assert len(sections(text)) <= 20


def test_markdown_becomes_slacks_notation_and_nothing_in_it_is_a_mention() -> None:
    markdown = "# Head\n- **bold** `a**b**` & <@U1> [page](https://example.com/x)\n> quoted <!channel>"
    assert markdown_to_mrkdwn(markdown) == (
        "*Head*\n• *bold* `a**b**` &amp; &lt;@U1&gt; <https://example.com/x|page>\n> quoted &lt;!channel&gt;"
    )


def test_words_that_a_backslash_escapes_show_without_it_also_in_the_label_of_a_link() -> None:
    markdown = f"- [{escaped('a [b] <#C1>')}](https://example.com/x)\n- {escaped('<!here> `c` & d_e')}"
    assert markdown_to_mrkdwn(markdown) == (
        "• <https://example.com/x|a [b] &lt;#C1&gt;>\n• &lt;!here&gt; `c` &amp; d_e"
    )


# -- what is told, and the Home tab


def test_what_is_told_has_its_buttons_and_the_one_that_opens_its_form() -> None:
    told = ImmediateReply("**Set** <@U1>", form=FORM, buttons=(Button("reason", "Say why", 7),))
    content = reply_to_content(told, "en")
    assert list(blocks.problems(content["blocks"])) == []
    assert blocks.labels(content["blocks"]) == ["Say why", "Change"]
    assert "<@U1>" not in blocks.visible(content["blocks"])
    change = blocks.interactive(content["blocks"])[1][1]
    assert change["action_id"] == CHANGE
    assert json.loads(change["value"]) == {"command": "settings", "options": {"scope": "channel"}}


def test_what_is_told_is_never_too_long() -> None:
    content = reply_to_content(ImmediateReply("word " * 5_000), "en")
    assert list(blocks.problems(content["blocks"])) == []
    assert not blocks.too_long(content["blocks"])
    assert blocks.visible(content["blocks"]).endswith("…")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_home_tab_shows_everything_and_offers_change_where_there_is_a_form(language: str) -> None:
    view = replies_to_home(
        [ImmediateReply("**Settings**", form=FORM), ImmediateReply("Usage"), ImmediateReply("Help " * 2_000)],
        language,
    )
    assert view["type"] == "home"
    assert list(blocks.problems(view["blocks"], view=True)) == []
    assert len(blocks.labels(view["blocks"])) == 1
    assert "*Settings*\nUsage\nHelp" in blocks.visible(view["blocks"]).replace("\n\n", "\n")


@pytest.mark.parametrize("language", LANGUAGES)
def test_at_most_four_prompts_are_suggested(language: str) -> None:
    suggested = prompts(language)
    assert 0 < len(suggested["prompts"]) <= 4
    assert all(set(prompt) == {"title", "message"} for prompt in suggested["prompts"])


@pytest.mark.parametrize("words", ["门" * 3_500, "x" * 8_000, "\n" * 8_000, "\u0001" * 5_000, "👨‍👩‍👧" * 900])
def test_what_a_modal_can_not_carry_is_marked_where_it_is_cut(words: str) -> None:
    form = form_of_question(words, "en")
    view = form_to_view(form, CHANNEL, "en")
    carried = json.loads(view["private_metadata"])["fixed"]["about"]
    assert len(view["private_metadata"]) <= 3_000
    assert cuts_short(view, form)
    assert carried.endswith("characters.]")
    assert not cuts_short(
        form_to_view(form_of_question("short", "en"), CHANNEL, "en"), form_of_question("short", "en")
    )
