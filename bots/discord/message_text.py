"""Converts embeds, components, polls and stickers to text. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import discord

from core.text import is_blank


def embed_to_text(embed: discord.Embed) -> str:
    """The words of an embed in reading order. https://docs.discord.com/developers/resources/message#embed-object"""
    if embed.type == "gifv":
        return f"(GIF: {embed.title})" if embed.title else "(GIF)"
    fields = (_joined([field.name, field.value], ": ") for field in embed.fields)
    picture = "(picture)" if embed.image.url else ""
    title = _joined([embed.title, embed.url], " ")
    return _joined([embed.author.name, title, embed.description, *fields, picture, embed.footer.text])


def components_to_text(components: Iterable[object]) -> str:
    """The words of components in reading order: buttons as `[label]` or `[label](link)`, menus as `[placeholder]`.

    Media that are attachments of the message are files of it, and shown here only by their descriptions.
    https://docs.discord.com/developers/components/reference
    """
    return _joined(map(_component_to_text, components))


def _component_to_text(component: object) -> str:
    match component:
        case discord.Container():
            return components_to_text(component.children)
        case discord.SectionComponent():
            return components_to_text([*component.children, component.accessory])
        case discord.ActionRow():
            return _joined(map(_component_to_text, component.children), " ")
        case discord.TextDisplay():
            return component.content
        case discord.Button():
            return _button_to_text(component)
        case discord.SelectMenu():
            return f"[{component.placeholder}]" if component.placeholder else ""
        case discord.ThumbnailComponent():
            return _picture_to_text(component.media, component.description)
        case discord.MediaGalleryComponent():
            return _joined(_picture_to_text(item.media, item.description) for item in component.items)
        case discord.FileComponent() if component.media.attachment_id is None:
            return f"(file: {component.name})" if component.name else "(file)"
    return ""


def _button_to_text(button: discord.Button) -> str:
    label = button.label or str(button.emoji or "")
    if button.url:
        return f"[{label}]({button.url})"
    return f"[{label}]" if label else ""


def _picture_to_text(media: discord.UnfurledMediaItem, description: str | None) -> str:
    if description:
        return f"(picture: {description})"
    return "(picture)" if media.attachment_id is None else ""


def poll_to_text(poll: discord.Poll) -> str:
    """The question and the answers, with their votes once the poll has ended.

    https://docs.discord.com/developers/resources/poll#poll-results-object
    """
    return _joined([f"Poll: {poll.question}", *(_answer_to_text(answer, poll) for answer in poll.answers)])


def _answer_to_text(answer: discord.PollAnswer, poll: discord.Poll) -> str:
    text = answer.text or str(answer.emoji or "")
    return f"- {text}: {answer.vote_count}" if poll.is_finalised() else f"- {text}"


def sticker_to_text(sticker: discord.StickerItem) -> str:
    """A sticker is a picture, and its name describes it."""
    return f"(sticker: {sticker.name})"


def _joined(parts: Iterable[str | None], separator: str = "\n") -> str:
    """The parts that show anything, each once."""
    return separator.join(dict.fromkeys(part for part in parts if part and not is_blank(part)))
