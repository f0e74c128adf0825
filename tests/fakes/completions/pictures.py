"""The pictures that an endpoint takes, and the refusals of several vendors for others."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .replies import Json, Status
from .statuses import INVALID, STATUSES, said

VENDORS: dict[str, tuple[str, str, str]] = {
    "openai": ("images_openai", "many_images_openai", "bad_image_openai"),
    "xai": ("images_text_only", "many_images_url", "bad_image_xai"),
    "deepseek": ("images_deepseek", "many_images_413", "bad_image_pydantic"),
    "vllm": ("images_vllm", "many_images_vllm", "bad_image_vllm"),
    "ollama": ("images_ollama", "many_images_copilot", "bad_image_ollama"),
    "llamacpp": ("images_llamacpp", "many_images_console", "bad_image_llamacpp"),
    "openrouter": ("images_openrouter", "many_images_anthropic", "bad_image_anthropic"),
    "newapi": ("images_chinese", "many_images_chinese", "bad_image_chinese"),
}
"""The cases of `statuses` by vendor: for a model that does not see, for a sixth picture, and for a picture it
can't read."""
MOST_TAKEN = 5
"""The limit that the cases of too many pictures name."""
_TYPES = ("data:image/jpeg;base64,", "data:image/png;base64,")


@dataclass(frozen=True, slots=True)
class PictureRules:
    """`sees`: the model takes pictures, at most `most`, JPEG and PNG, none of `unreadable` (URLs)."""

    sees: bool = True
    most: int = 100
    unreadable: frozenset[str] = field(default_factory=frozenset)
    vendor: str = "openai"

    def refusal(self, body: Json) -> Status | None:
        """The answer in place of the reply, if the request breaks a rule."""
        blind, many, unreadable = (STATUSES[name].reply for name in VENDORS[self.vendor])
        urls = list(_urls(body))
        if urls and not self.sees:
            return _status(blind)
        if len(urls) > self.most:
            return _status(many)
        if self.unreadable.intersection(urls) or any(not url.startswith(_TYPES) for url in urls):
            return _status(unreadable)
        wrong = next(picture_problems(body), "")
        return Status(400, said(wrong, INVALID)) if wrong else None


def picture_problems(body: Json) -> Iterator[str]:
    """The problems for which strict endpoints refuse the contents of messages, for a model with vision or
    without."""
    for number, message in enumerate(_messages(body)):
        content, where = message.get("content"), f"messages[{number}]"
        if isinstance(content, str) and not content.strip() and message.get("role") in ("system", "user"):
            yield f"{where} must have non-empty content"
        for part in content if isinstance(content, list) else ():
            if _url(part) is not None and message.get("role") != "user":
                yield f"{where} may not hold pictures: only messages with role 'user' may"
            if _url(part) is not None and not str(_url(part)).startswith(_TYPES):
                yield f"{where} has a picture that is no JPEG or PNG as a data URL"
            if isinstance(part, dict) and part.get("type") == "text" and not str(part.get("text")).strip():
                yield f"{where} has an empty text part"


def _urls(body: Json) -> Iterator[str]:
    for message in _messages(body):
        content = message.get("content")
        for part in content if isinstance(content, list) else ():
            if (url := _url(part)) is not None:
                yield url


def _messages(body: Json) -> list[Json]:
    messages = body.get("messages")
    return [message for message in messages if isinstance(message, dict)] if isinstance(messages, list) else []


def _url(part: Any) -> str | None:
    match part:
        case {"image_url": {"url": str(url)}}:
            return url
    return None


def _status(reply: object) -> Status:
    assert isinstance(reply, Status)
    return reply
