"""Block Kit as Slack checks it and as a reader sees it: pure, values in, values out.

Fields and limits: https://docs.slack.dev/reference/block-kit/blocks/ and /block-elements/. The limit on the sum
of all blocks is not documented; it was met at about 13,200 characters (slackapi/bolt-js#2509).
"""

from __future__ import annotations

import copy
import itertools
import re
from collections.abc import Callable, Iterator
from typing import Any

Json = dict[str, Any]

BLOCKS_MAX = 50
MARKDOWN_MAX = 12_000
ALL_BLOCKS_MAX = 13_200
TEXT_MAX = 3_000
ID_MAX = 255

# Every field a block may carry beside `type` and `block_id`; Slack refuses any other.
FIELDS: dict[str, set[str]] = {
    "actions": {"elements"},
    "context": {"elements"},
    "context_actions": {"elements"},
    "divider": set(),
    "file": {"external_id", "source"},
    "header": {"text", "level"},
    "image": {"alt_text", "title", "image_url", "slack_file"},
    "input": {"label", "element", "dispatch_action", "hint", "optional"},
    "markdown": {"text"},
    "plan": {"title", "tasks"},
    "rich_text": {"elements"},
    "section": {"text", "fields", "accessory", "expand"},
    "table": {"rows", "column_settings"},
    "task_card": {"task_id", "title", "details", "output", "sources", "status"},
    "video": {"alt_text", "author_name", "description", "provider_icon_url", "provider_name", "title"}
    | {"title_url", "thumbnail_url", "video_url"},
}
ELEMENTS_MAX = {"actions": 25, "context": 10, "context_actions": 5}
SELECTS = ("static_select", "external_select", "users_select", "conversations_select", "channels_select")

# Every field an element may carry beside `type` and `action_id`, of those that are checked to the last.
# https://docs.slack.dev/reference/block-kit/block-elements/
ELEMENT_FIELDS: dict[str, set[str]] = {
    "button": {"accessibility_label", "confirm", "style", "text", "url", "value"},
    "plain_text_input": {"dispatch_action_config", "focus_on_load", "initial_value", "max_length", "min_length"}
    | {"multiline", "placeholder"},
    "static_select": {"confirm", "focus_on_load", "initial_option", "option_groups", "options", "placeholder"},
}
# https://docs.slack.dev/reference/block-kit/composition-objects/text-object and /option-object
TEXT_FIELDS = {"plain_text": {"emoji"}, "mrkdwn": {"verbatim"}}
OPTION_FIELDS = {"description", "text", "url", "value"}
# https://docs.slack.dev/reference/views/
VIEW_FIELDS = {"type", "blocks", "callback_id", "external_id", "private_metadata"}
MODAL_FIELDS = VIEW_FIELDS | {
    "clear_on_close",
    "close",
    "notify_on_close",
    "submit",
    "submit_disabled",
    "title",
}
VIEW_MAX_BYTES = 250 * 1024
ELEMENTS = {
    *("button", "checkboxes", "datepicker", "datetimepicker", "email_text_input", "feedback_buttons"),
    *("file_input", "icon_button", "image", "number_input", "overflow", "plain_text_input", "radio_buttons"),
    *("timepicker", "url_text_input", "workflow_button"),
    *SELECTS,
    *(f"multi_{select}" for select in SELECTS),
}


def problems(blocks: Any, *, view: bool = False) -> Iterator[str]:
    """The problems of these blocks, as Slack words them; empty when there are none."""
    if not isinstance(blocks, list):
        yield "must be an array [json-pointer:/blocks]"
        return
    if len(blocks) > (100 if view else BLOCKS_MAX):
        yield f"no more than {BLOCKS_MAX} items allowed [json-pointer:/blocks]"
    ids = [b.get("block_id") for b in blocks if isinstance(b, dict) and b.get("block_id")]
    if len(set(ids)) < len(ids):
        yield "block_id already exists [json-pointer:/blocks]"
    for i, block in enumerate(blocks):
        for problem, where in _block_problems(block, view):
            yield f"{problem} [json-pointer:/blocks/{i}{where}]"


def file_problems(blocks: list[Json], shows: Callable[[str], bool]) -> Iterator[str]:
    """The files of image blocks that Slack can't show yet, or at all: `shows` is true of the ids that it can.

    https://github.com/slackapi/python-slack-sdk/issues/1797
    """
    for i, block in enumerate(blocks):
        if "slack_file" in block and not shows(str(block["slack_file"].get("id"))):
            yield f"invalid slack file [json-pointer:/blocks/{i}/slack_file]"


def view_problems(view: Any, kind: str) -> Iterator[str]:
    """The problems of a modal or a Home tab: https://docs.slack.dev/reference/views/modal-views"""
    if not isinstance(view, dict) or view.get("type") != kind:
        yield "unsupported type [json-pointer:/view/type]"
        return
    for extra in view.keys() - (MODAL_FIELDS if kind == "modal" else VIEW_FIELDS):
        yield f"invalid additional property: {extra} [json-pointer:/view]"
    for name in ("title", "submit", "close"):
        if name in view or (name == "title" and kind == "modal"):
            for problem, where in _text_problems(view.get(name), 24, f"/{name}", plain=True):
                yield f"{problem} [json-pointer:/view{where}]"
    for name, most in (("callback_id", ID_MAX), ("private_metadata", 3_000)):
        if len(view.get(name, "")) > most:
            yield f"must be less than {most + 1} characters [json-pointer:/view/{name}]"
    shown = view.get("blocks")
    yield from problems(shown, view=True)
    if kind == "modal" and shown == []:
        yield "must provide at least 1 item [json-pointer:/view/blocks]"
    if kind == "modal" and "submit" not in view and any(block.get("type") == "input" for block in shown or ()):
        yield "must define submit to use an input block in modals [json-pointer:/view]"


def too_long(blocks: list[Json]) -> bool:
    """True if blocks that are each good are too long together."""
    markdown = sum(len(b["text"]) for b in blocks if b["type"] == "markdown")
    return markdown > MARKDOWN_MAX or sum(len(shown) for shown in _strings(blocks)) > ALL_BLOCKS_MAX


def completed(blocks: list[Json]) -> list[Json]:
    """A copy with a block_id in every block and an action_id in every element, as Slack adds them."""
    blocks = copy.deepcopy(blocks)
    number = itertools.count()
    for block in blocks:
        block.setdefault("block_id", f"blk{next(number)}")
        for element in _interactive(block):
            element.setdefault("action_id", f"act{next(number)}")
    return blocks


def visible(blocks: list[Json]) -> str:
    """The words a reader sees, a block a line; labels of buttons are not among them."""
    return "\n".join(words for words in map(_words, blocks) if words)


def interactive(blocks: list[Json]) -> list[tuple[Json, Json]]:
    """(block, element) of everything that can be pressed, in reading order."""
    return [(block, element) for block in blocks for element in _interactive(block)]


def labels(blocks: list[Json]) -> list[str]:
    """The labels of the buttons."""
    shown = []
    for _, element in interactive(blocks):
        if element["type"] == "feedback_buttons":
            shown += [element[side]["text"]["text"] for side in ("positive_button", "negative_button")]
        else:
            text = element.get("text") or element.get("placeholder") or {}
            shown.append(text.get("text", ""))
    return shown


def state(blocks: list[Json]) -> Json:
    """The initial values of a modal's inputs, as view_submission sends them.

    https://docs.slack.dev/reference/interaction-payloads/view-interactions-payload/
    """
    held: Json = {}
    for block in blocks:
        if block["type"] == "input":
            element = block["element"]
            key = "selected_option" if element["type"].endswith("_select") else "value"
            shown = element.get("initial_option" if key == "selected_option" else "initial_value")
            held[block["block_id"]] = {element["action_id"]: {"type": element["type"], key: shown}}
    return held


def rich_text(text: str) -> list[Json]:
    """The rich_text block that Slack adds to a message a person typed."""
    elements: list[Json] = []
    for part in re.split(r"(<@[UW]\w+>)", text):
        if part.startswith("<@"):
            elements.append({"type": "user", "user_id": part[2:-1]})
        elif part:
            elements.append({"type": "text", "text": part})
    section = {"type": "rich_text_section", "elements": elements}
    return completed([{"type": "rich_text", "elements": [section]}])


def _block_problems(block: Any, view: bool) -> Iterator[tuple[str, str]]:
    kind = block.get("type") if isinstance(block, dict) else None
    if kind not in FIELDS or (kind == "input" and not view) or (kind == "markdown" and view):
        yield f"unsupported type: {kind}", "/type"
        return
    for extra in block.keys() - FIELDS[kind] - {"type", "block_id"}:
        yield f"invalid additional property: {extra}", ""
    if len(str(block.get("block_id", ""))) > ID_MAX:
        yield f"must be less than {ID_MAX + 1} characters", "/block_id"
    match kind:
        case "section":
            if "text" not in block and not block.get("fields"):
                yield "missing required field: text", ""
            if "text" in block:
                yield from _text_problems(block["text"], TEXT_MAX, "/text")
            fields = block.get("fields", [])
            if len(fields) > 10:
                yield "no more than 10 items allowed", "/fields"
            for i, text in enumerate(fields):
                yield from _text_problems(text, 2_000, f"/fields/{i}")
        case "header":
            yield from _text_problems(block.get("text"), 150, "/text", plain=True)
        case "markdown":
            yield from _length_problems(block.get("text"), MARKDOWN_MAX, "/text")
        case "actions" | "context" | "context_actions":
            elements = block.get("elements")
            if not isinstance(elements, list) or not 0 < len(elements) <= ELEMENTS_MAX[kind]:
                yield f"must have 1 to {ELEMENTS_MAX[kind]} items", "/elements"
                return
        case "input":
            yield from _text_problems(block.get("label"), 2_000, "/label", plain=True)
            if "hint" in block:
                yield from _text_problems(block["hint"], 2_000, "/hint", plain=True)
            yield from _input_problems(block.get("element") or {})
        case "image":
            yield from _length_problems(block.get("alt_text"), 2_000, "/alt_text")
            if len({"image_url", "slack_file"} & block.keys()) != 1:
                yield "missing required field: image_url", ""
            if "title" in block:
                yield from _text_problems(block["title"], 2_000, "/title", plain=True)
            if "slack_file" in block:
                yield from _file_problems(block["slack_file"])
        case "rich_text" | "table":
            rows = "elements" if kind == "rich_text" else "rows"
            if not isinstance(block.get(rows), list):
                yield f"missing required field: {rows}", ""
        case "task_card" | "plan":
            for needed in {"task_id", "title"} & FIELDS[kind]:
                yield from _length_problems(block.get(needed), TEXT_MAX, f"/{needed}")
    yield from _element_problems(block, kind)


def _element_problems(block: Json, kind: str) -> Iterator[tuple[str, str]]:
    if kind in ("rich_text", "table"):
        return
    seen: set[str] = set()
    held = block.get("elements", [])
    for where, element in [*((f"/elements/{i}", e) for i, e in enumerate(held)), *_single(block)]:
        element_kind = element.get("type") if isinstance(element, dict) else None
        if kind == "context" and element_kind in ("mrkdwn", "plain_text"):
            yield from _text_problems(element, TEXT_MAX, where)
            continue
        if element_kind not in ELEMENTS or (kind == "context" and element_kind != "image"):
            yield f"unsupported type: {element_kind}", f"{where}/type"
            continue
        action_id = str(element.get("action_id", ""))
        if len(action_id) > ID_MAX:
            yield f"must be less than {ID_MAX + 1} characters", f"{where}/action_id"
        if action_id and action_id in seen:
            yield "action_id already exists", f"{where}/action_id"
        seen.add(action_id)
        for extra in element.keys() - ELEMENT_FIELDS.get(element_kind, set(element)) - {"type", "action_id"}:
            yield f"invalid additional property: {extra}", where
        if element_kind == "button":
            yield from _button_problems(element, where)
        if element_kind == "feedback_buttons":
            for side in ("positive_button", "negative_button"):
                yield from _button_problems(element.get(side) or {}, f"{where}/{side}")


def _file_problems(named: Any) -> Iterator[tuple[str, str]]:
    """https://docs.slack.dev/reference/block-kit/composition-objects/slack-file-object"""
    if not isinstance(named, dict) or named.keys() not in ({"id"}, {"url"}):
        yield "must provide either id or url", "/slack_file"
    elif "id" in named and not re.fullmatch(r"F[A-Z0-9]{8,}", str(named["id"])):
        yield "input must match regex pattern: ^[F][A-Z0-9]{8,}$", "/slack_file/id"


def _input_problems(element: Json) -> Iterator[tuple[str, str]]:
    """https://docs.slack.dev/reference/block-kit/block-elements/plain-text-input-element, /select-menu-element"""
    if "placeholder" in element:
        yield from _text_problems(element["placeholder"], 150, "/element/placeholder", plain=True)
    if element.get("type") == "plain_text_input":
        most = element.get("max_length", 3_000)
        if not 1 <= most <= 3_000:
            yield "must be between 1 and 3000", "/element/max_length"
        yield from _length_problems(element.get("initial_value", ""), most, "/element/initial_value", least=0)
    if element.get("type") == "static_select":
        options = element.get("options") or []
        if not 0 < len(options) <= 100:
            yield "must have 1 to 100 items", "/element/options"
        for i, option in enumerate(options):
            for extra in option.keys() - OPTION_FIELDS:
                yield f"invalid additional property: {extra}", f"/element/options/{i}"
            yield from _text_problems(option.get("text"), 75, f"/element/options/{i}/text", plain=True)
            yield from _length_problems(option.get("value"), 150, f"/element/options/{i}/value")
        if "initial_option" in element and element["initial_option"] not in options:
            yield "must match one of the options", "/element/initial_option"


def _button_problems(button: Json, where: str) -> Iterator[tuple[str, str]]:
    yield from _text_problems(button.get("text"), 75, f"{where}/text", plain=True)
    for name, limit in (("value", 2_000), ("url", 3_000)):
        if name in button:
            yield from _length_problems(button[name], limit, f"{where}/{name}", least=0)
    if button.get("style", "primary") not in ("primary", "danger"):
        yield "value must be one of primary, danger", f"{where}/style"


def _text_problems(text: Any, limit: int, where: str, *, plain: bool = False) -> Iterator[tuple[str, str]]:
    kinds = ("plain_text",) if plain else ("plain_text", "mrkdwn")
    if not isinstance(text, dict) or text.get("type") not in kinds:
        yield f"must be a {' or '.join(kinds)} object", where
    else:
        for extra in text.keys() - TEXT_FIELDS[text["type"]] - {"type", "text"}:
            yield f"invalid additional property: {extra}", where
        yield from _length_problems(text.get("text"), limit, f"{where}/text")


def _length_problems(text: Any, limit: int, where: str, *, least: int = 1) -> Iterator[tuple[str, str]]:
    if not isinstance(text, str):
        yield "must be a string", where
    elif len(text) < least:
        yield f"must be more than {least - 1} characters", where
    elif len(text) > limit:
        yield f"must be less than {limit + 1} characters", where


def _single(block: Json) -> list[tuple[str, Any]]:
    return [(f"/{name}", block[name]) for name in ("accessory", "element") if name in block]


def _interactive(block: Json) -> list[Json]:
    if block["type"] in ("rich_text", "context"):
        return []
    held = [*block.get("elements", []), *(element for _, element in _single(block))]
    return [element for element in held if element["type"] != "image"]


def _words(part: Any) -> str:
    if not isinstance(part, dict):
        return part if isinstance(part, str) else ""
    match part.get("type"):
        case "markdown" | "text":
            return str(part["text"])
        case "section":
            return "\n".join(filter(None, map(_words, [part.get("text"), *part.get("fields", [])])))
        case "header" | "plain_text" | "mrkdwn":
            return _words(part["text"])
        case "context":
            return " ".join(filter(None, map(_words, part["elements"])))
        case "rich_text":
            return "\n".join(map(_words, part["elements"]))
        case "rich_text_list":
            return "\n".join("- " + _words(item) for item in part["elements"])
        case "rich_text_section" | "rich_text_preformatted" | "rich_text_quote":
            return "".join(map(_words, part["elements"]))
        case "user":
            return f"<@{part['user_id']}>"
        case "channel":
            return f"<#{part['channel_id']}>"
        case "link":
            return str(part.get("text") or part["url"])
        case "emoji":
            return f":{part['name']}:"
        case "table":
            return "\n".join(" | ".join(map(_words, row)) for row in part["rows"])
        case "raw_text":
            return str(part["text"])
        case "task_card":
            return " ".join(filter(None, map(_words, (part["title"], part.get("details"), part.get("output")))))
        case "plan":
            return "\n".join(map(_words, [part["title"], *part.get("tasks", [])]))
        case "image":
            return f"[{part.get('alt_text', '')}]"
    return ""


def _strings(part: Any) -> Iterator[str]:
    """Every text a reader may see, buttons included."""
    if isinstance(part, dict):
        for name, value in part.items():
            if name in ("text", "title", "alt_text") and isinstance(value, str):
                yield value
            elif isinstance(value, (dict, list)):
                yield from _strings(value)
    elif isinstance(part, list):
        for item in part:
            yield from _strings(item)
