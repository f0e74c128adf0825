"""The pictures that the tools of an answer gave back, as the answer shows them to people. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.conversation.files import image_to_data
from core.i18n import phrase
from core.turns.activity import tool_title
from core.values.outgoing import AnswerPicture
from core.values.parts import Image
from core.values.steps import ModelRound, Step, ToolResults

MOST_SHOWN = 4
"""Pictures of one answer. Of more the last ones are shown: a later picture usually corrects an earlier one."""
_EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png"}
"""File extensions by media type, of the copies that the reader of files makes (`core.ports.files.Picture`)."""


@dataclass(frozen=True, slots=True)
class ResultPictures:
    """The `pictures` that are shown, and how many others there are."""

    pictures: tuple[AnswerPicture, ...] = ()
    left_out: int = 0


def steps_to_pictures(steps: Sequence[Step], turn_id: int, language: str) -> ResultPictures:
    """The pictures in the results of `steps`, in order, each once."""
    tools: dict[str, str] = {}
    found: dict[str, tuple[str, Image]] = {}
    for step in steps:
        match step:
            case ModelRound():
                tools |= {call.id: call.name for call in step.calls}
            case ToolResults(results):
                images = ((one.call_id, one.image) for one in results if one.image is not None)
                found |= {image.url: (tools.get(call_id, ""), image) for call_id, image in images}
    shown = list(found.values())[-MOST_SHOWN:]
    pictures = tuple(
        _to_picture(image, f"turn-{turn_id}-picture-{number}", tool_title(tool, language), language)
        for number, (tool, image) in enumerate(shown, 1)
    )
    return ResultPictures(pictures, len(found) - len(shown))


def _to_picture(image: Image, stem: str, tool: str, language: str) -> AnswerPicture:
    media_type, content = image_to_data(image)
    title = phrase("picture_title", language, tool=tool)
    return AnswerPicture(f"{stem}.{_EXTENSIONS[media_type]}", title, media_type, content)
