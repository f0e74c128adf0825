"""A Form as a modal, and a submitted modal as a Command or a ButtonPress. Pure.

https://docs.slack.dev/surfaces/modals/ and https://docs.slack.dev/reference/views/modal-views/
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from bots.slack.incoming import Identity, Payload, place_of
from bots.slack.outgoing import sections
from core.i18n import phrase
from core.text import shortened
from core.values.events import ButtonPress, Command
from core.values.places import Person, Place
from core.values.ui import Choice, Field, Form, ImmediateReply

View = dict[str, Any]

CALLBACK = "parley:form"

_TITLE_MAX, _LABEL_MAX, _PLACEHOLDER_MAX, _METADATA_MAX, _BLOCKS_MAX = 24, 2_000, 150, 3_000, 100
_INPUT_MAX = (
    3_000  # of one input: https://docs.slack.dev/reference/block-kit/block-elements/plain-text-input-element
)
# https://docs.slack.dev/reference/block-kit/composition-objects/option-object
_OPTIONS_MAX, _OPTION_TEXT_MAX, _OPTION_VALUE_MAX = 100, 75, 150
_NOTHING = "parley:nothing"  # what is chosen to have no value: a choice can't be made empty again
_VALUE, _TOLD = "value", "parley:told"


def form_to_view(form: Form, place: Place, language: str, turn_id: int = 0) -> View:
    """The modal. Its metadata holds all that is needed to read it again after a restart.

    A value that no input holds is left out, and so stays as it is.
    """
    return {
        "type": "modal",
        "callback_id": CALLBACK,
        "title": _plain(form.title, _TITLE_MAX),
        "submit": _plain(form.send, _TITLE_MAX),
        "private_metadata": _metadata(form, place, turn_id, language),
        "blocks": [_field(field, language) for field in form.fields][:_BLOCKS_MAX],
    }


def cuts_short(view: View, form: Form) -> bool:
    """True if the view of a form carries less than the form itself."""
    return bool(json.loads(view["private_metadata"])["fixed"] != dict(form.fixed))


def form_of_question(about: str, language: str) -> Form:
    """The form of "Ask about this". The question may stay empty."""
    words, hint = phrase("menu_ask_question", language), phrase("about_default", language)
    question = Field("question", words, "text", hint=hint)
    return Form(
        "ask", phrase("menu_ask", language), phrase("slack_ask", language), (question,), {"about": about}
    )


def submission_to_event(
    payload: Payload, me: Identity, author: Person, at: datetime, prefix: str
) -> Command | ButtonPress | None:
    """The event of a submitted modal, or None for a modal of another app."""
    view: Payload = payload.get("view") or {}
    if view.get("callback_id") != CALLBACK:
        return None
    try:
        sent = json.loads(str(view.get("private_metadata")))
        place = _place(sent, me)
        entered = dict(_entered(view))
        if sent["turn"]:
            return ButtonPress(sent["command"], sent["turn"], place, author, text=entered.get("text", ""))
        return Command(sent["command"], place, author, at, options=dict(sent["fixed"]) | entered, prefix=prefix)
    except (ValueError, KeyError, TypeError):
        return None


def place_of_submission(payload: Payload, me: Identity) -> Place:
    """The place in which a modal was opened. Raises ValueError or KeyError for a modal of another app."""
    return _place(json.loads(str(payload["view"]["private_metadata"])), me)


def reply_to_response(view: Payload, reply: ImmediateReply, language: str) -> View:
    """The response to a submitted modal: an error under its field, or above the fields; a result replaces the form."""
    if reply.about in view["state"]["values"]:
        return {"response_action": "errors", "errors": {reply.about: reply.text}}
    shown = with_reply(view, reply.text) if reply.refused else _done(view, reply.text, language)
    return {"response_action": "update", "view": shown}


def _done(view: Payload, text: str, language: str) -> View:
    close = _plain(phrase("close", language), _TITLE_MAX)
    return {"type": "modal", "title": view["title"], "close": close, "blocks": sections(text)}


def with_reply(view: Payload, text: str) -> View:
    """The same modal with `text` on top. Entered values stay, because no input is renamed."""
    kept = ("type", "callback_id", "title", "submit", "private_metadata")
    blocks = [block for block in view["blocks"] if not str(block.get("block_id", "")).startswith(_TOLD)]
    reply = sections(text)
    for number, block in enumerate(reply):
        block["block_id"] = f"{_TOLD}:{number}"
    return {name: view[name] for name in kept if view.get(name)} | {"blocks": [*reply, *blocks][:_BLOCKS_MAX]}


def _field(field: Field, language: str) -> View:
    if len(field.value) > _INPUT_MAX:
        return sections(f"**{field.label}**\n{field.hint}\n{phrase('slack_too_long', language)}")[0]
    chosen = field.kind == "choice" and len(field.value) <= _OPTION_VALUE_MAX
    return {
        "type": "input",
        "block_id": field.name,
        "optional": True,
        "label": _plain(field.label, _LABEL_MAX),
        "element": _choice(field) if chosen else _line(field),
    }


def _line(field: Field) -> View:
    element: View = {"type": "plain_text_input", "action_id": _VALUE, "max_length": _INPUT_MAX}
    element |= {"multiline": True} if field.kind == "text" else {}
    element |= {"initial_value": field.value} if field.value else {}
    return element | ({"placeholder": _plain(field.hint, _PLACEHOLDER_MAX)} if field.hint else {})


def _choice(field: Field) -> View:
    offered = [choice for choice in field.choices if len(choice.value) <= _OPTION_VALUE_MAX]
    if field.value and field.value not in {choice.value for choice in offered}:
        offered.insert(0, Choice(field.value, field.value))
    options = [_option(choice) for choice in (Choice(_NOTHING, field.hint or "–"), *offered)][:_OPTIONS_MAX]
    chosen = field.value or _NOTHING
    initial = next((option for option in options if option["value"] == chosen), options[0])
    return {"type": "static_select", "action_id": _VALUE, "options": options, "initial_option": initial}


def _option(choice: Choice) -> View:
    return {"text": _plain(choice.label, _OPTION_TEXT_MAX), "value": choice.value}


def _entered(view: Payload) -> Iterator[tuple[str, str]]:
    """The value of each field; empty where there is none."""
    for name, actions in view["state"]["values"].items():
        state: Payload = actions[_VALUE]
        chosen = (state.get("selected_option") or {}).get("value") or state.get("value") or ""
        yield name, "" if chosen == _NOTHING else str(chosen)


def _metadata(form: Form, place: Place, turn_id: int, language: str) -> str:
    """JSON of at most 3,000 characters: the longest fixed value is cut to fit, and marked where it is.

    https://docs.slack.dev/reference/views/modal-views
    """
    fixed = dict(form.fixed)
    sent = {"command": form.command, "channel": place.channel, "thread": place.thread, "turn": turn_id}
    while len(text := json.dumps(sent | {"fixed": fixed}, ensure_ascii=False)) > _METADATA_MAX:
        longest = max(fixed, key=lambda name: len(fixed[name]))
        size = min(len(fixed[longest]) - 1, len(fixed[longest]) * _METADATA_MAX // len(text))
        mark = phrase("text_cut", language, n=len(form.fixed[longest]))
        fixed[longest] = shortened(fixed[longest], size, mark if size > len(mark) else "")
    return text


def _place(sent: dict[str, Any], me: Identity) -> Place:
    if not sent["channel"]:
        return Place("slack", me.team, "", direct=True)
    return place_of({"channel": sent["channel"]}, me, sent["thread"])


def _plain(text: str, most: int) -> View:
    """A plain text object: not empty, at most `most` characters, colons not read as emoji."""
    text = text if len(text) <= most else text[: most - 1] + "…"
    return {"type": "plain_text", "text": text or " ", "emoji": False}
