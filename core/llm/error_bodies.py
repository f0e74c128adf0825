"""Parses error bodies of every shape into codes, words and numbers. Pure.

An error is an object, a string or a list, beside an answer or in its place. Gateways embed the body of their upstream
endpoint in a string. So a body is searched, to a bounded depth, for fields with known names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from core.llm.wait_hints import wait_in_words
from core.redaction import is_secret
from core.retry_after import to_number

SAID_LENGTH = 4_000
"""Maximum number of characters that are read of an endpoint's error text."""
_NAME_LENGTH = 100
_DEPTH = 7
_ITEMS = 8

_NAMES = frozenset(
    {
        *("code", "type", "errorcode", "errortype", "errcode", "errno", "errorname", "status", "statuscode"),
        *("reason", "name", "kind", "__type"),
    }
)
_WORDS = frozenset(
    {
        *("error", "errors", "message", "msg", "detail", "details", "errmsg", "errormessage", "errormsg"),
        *("errordescription", "statusmsg", "metadata", "raw", "innererror", "cause", "title", "description"),
        *("param", "loc", "response", "header", "responsemetadata", "baseresp", "fault", "faultstring"),
        *("hint", "info", "body"),
    }
)
_NUMBERS = frozenset(
    {
        *(
            "n_ctx",
            "n_prompt_tokens",
            "max_model_len",
            "max_context_length",
            "context_length",
            "context_window",
        ),
        *("context_size", "max_input_tokens", "max_prompt_tokens", "prompt_tokens", "input_tokens"),
    }
)
_DATA = re.compile(r"data:[\w/+.-]{1,60};base64,[A-Za-z0-9+/=]*")
"""A quoted image as a data URL."""
_COUNT = re.compile(r"\d[\d,]{0,11}[kK]?")
_WAITS = frozenset({"retryafter", "retryafterseconds", "retrydelay", "resetsinseconds", "waitseconds"})
_NO_ERROR = frozenset({"", "0", "200", "success", "ok", "none", "null"})


@dataclass(slots=True)
class ErrorBody:
    """`names`: codes and types, in lower case. `words`: the message on one line, in its original case. `wait_s`:
    seconds to wait, from a field for that."""

    names: set[str] = field(default_factory=set)
    parts: list[str] = field(default_factory=list)
    wait_s: float | None = None

    @property
    def words(self) -> str:
        return "; ".join(dict.fromkeys(part for part in self.parts if part))[:SAID_LENGTH]


def body_to_said(text: str, key: str = "") -> ErrorBody:
    """The codes, words and numbers of an error body. `key` is removed."""
    try:
        value = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return ErrorBody(parts=[one_line(text, key)])
    return value_to_said(value, key)


def value_to_said(value: object, key: str = "") -> ErrorBody:
    """The codes, words and numbers of parsed JSON."""
    said = ErrorBody()
    _gather(value, said, key, _DEPTH)
    if not said.parts and not isinstance(value, str):
        said.parts = [one_line(text, key) for text in _strings(value, _DEPTH)][:_ITEMS]
    return said


def _gather(value: object, said: ErrorBody, key: str, depth: int, name: str = "") -> None:
    if isinstance(value, str):
        _gather_text(value, said, key, depth)
    elif isinstance(value, list) and depth:
        for item in value[:_ITEMS]:
            _gather(item, said, key, depth - 1, name)
    elif isinstance(value, dict) and depth:
        for raw, item in value.items():
            _gather_field(_folded(raw), raw, item, said, key, depth, name)


def _gather_field(name: str, raw: str, item: object, said: ErrorBody, key: str, depth: int, under: str) -> None:
    if name in _NAMES and isinstance(item, str | int) and not isinstance(item, bool):
        code = one_line(str(item), key)[:_NAME_LENGTH].lower()
        said.names.add(f"base_resp.{code}" if under == "baseresp" else code)
    elif raw in _NUMBERS and isinstance(item, int | str) and _COUNT.fullmatch(str(item)):
        said.parts.append(f"{raw}: {item}")
    elif name in _WAITS:
        said.wait_s = _seconds(item) if said.wait_s is None else said.wait_s
    elif name in _WORDS:
        _gather(item, said, key, depth - 1, name)


def _gather_text(text: str, said: ErrorBody, key: str, depth: int) -> None:
    """Collect from a string, or from the JSON that a gateway embedded in it."""
    said.parts.append(one_line(text, key))
    at = text.find("{")
    if at < 0 or not depth or len(text) > SAID_LENGTH:
        return
    try:
        value, _ = json.JSONDecoder().raw_decode(text, at)
    except (ValueError, RecursionError):
        return
    inner = ErrorBody()
    _gather(value, inner, key, depth - 1)
    said.names |= inner.names
    said.wait_s = inner.wait_s if said.wait_s is None else said.wait_s


def _seconds(value: object) -> float | None:
    if isinstance(value, str):
        return to_number(value) if to_number(value) is not None else wait_in_words(f"retry in {value.lower()}")
    return to_number(str(value)) if isinstance(value, int | float) else None


def _strings(value: object, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif depth:
        items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        for item in list(items)[:_ITEMS]:
            yield from _strings(item, depth - 1)


def _folded(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")


def looks_like_error(value: Mapping[str, Any]) -> bool:
    """True if this JSON object is an error in one of the known shapes, rather than a part of an answer."""
    if value.get("error") or value.get("errors") or _failed(value.get("base_resp"), "status_code"):
        return True
    if value.get("choices") is not None or value.get("usage"):
        return False
    return (
        value.get("object") == "error"
        or value.get("type") == "error"
        or value.get("success") is False
        or _failed(value, "error_code")
        or _failed(value.get("header"), "code")
        or any(_inside(value, name).get("Error") for name in ("Response", "ResponseMetadata"))
        or any(
            isinstance(value.get(name), str) and value[name] for name in ("message", "msg", "errmsg", "detail")
        )
    )


def _inside(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = value.get(name)
    return found if isinstance(found, dict) else {}


def _failed(value: object, name: str) -> bool:
    """True if a field holds a status other than success."""
    if not isinstance(value, dict) or isinstance(value.get(name), dict | list):
        return False
    return str(value.get(name) or "").lower() not in _NO_ERROR


def one_line(text: str, key: str = "", most: int = SAID_LENGTH) -> str:
    """`text` on one line of at most `most` characters, without HTML tags. `key` and image data are removed before
    the text is cut, so that no part of them remains."""
    if is_secret(key):
        text = text.replace(key, "[redacted]")
    text = _DATA.sub("[data]", text)
    if is_page(text):
        text = re.sub(r"(?is)<(script|style)\b.*?(</\1>|$)|<[^>]*>?", " ", text[:20_000])
    return " ".join(text[: 8 * SAID_LENGTH].lstrip("\ufeff").split())[:most]


def is_page(text: str) -> bool:
    """True if the text is HTML or XML."""
    return text.lstrip("\ufeff \t\r\n").startswith("<")
