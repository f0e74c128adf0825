"""The types of audio that are transcribed. Pure.

Endpoints detect the type by the file's extension: https://platform.openai.com/docs/guides/speech-to-text
"""

from __future__ import annotations

import re

_BY_CONTENT: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (re.compile(rb"OggS"), "ogg"),
    (re.compile(rb"....ftyp", re.DOTALL), "m4a"),
    (re.compile(rb"RIFF....WAVE", re.DOTALL), "wav"),
    (re.compile(rb"\x1aE\xdf\xa3"), "webm"),
    (re.compile(rb"fLaC"), "flac"),
    (re.compile(rb"ID3|\xff[\xfb\xfa\xf3\xf2]"), "mp3"),
)
_BY_MEDIA_TYPE = {
    **dict.fromkeys(("audio/mp4", "audio/x-m4a", "audio/m4a", "video/mp4", "video/quicktime"), "m4a"),
    **dict.fromkeys(("audio/ogg", "audio/opus", "application/ogg"), "ogg"),
    **dict.fromkeys(("audio/mpeg", "audio/mp3", "audio/mpga"), "mp3"),
    **dict.fromkeys(("audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave"), "wav"),
    **dict.fromkeys(("audio/webm", "video/webm"), "webm"),
    **dict.fromkeys(("audio/flac", "audio/x-flac"), "flac"),
}
MEDIA_TYPES = {
    "m4a": "audio/mp4",
    "ogg": "audio/ogg",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "webm": "audio/webm",
    "flac": "audio/flac",
}
"""Media types by extension."""


def extension_of(name: str, media_type: str, data: bytes) -> str:
    """The extension for audio: by its first bytes, else its media type, else its name. Empty for an unknown type."""
    head, ending = data[:16], name.rpartition(".")[2].lower()
    found = next((extension for pattern, extension in _BY_CONTENT if pattern.match(head)), "")
    by_type = _BY_MEDIA_TYPE.get(media_type.partition(";")[0].strip().lower(), "")
    return found or by_type or (ending if ending in MEDIA_TYPES else "")
