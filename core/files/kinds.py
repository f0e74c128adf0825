"""The kind of a file by its first bytes. Its name and the media type that a platform announces can be wrong. Pure."""

from __future__ import annotations

from enum import StrEnum

from core.files.plain_text import decode


class FileKind(StrEnum):
    """The reader of a file."""

    PICTURE = "picture"
    PDF = "pdf"
    DOCX = "docx"
    XLSX = "xlsx"
    PPTX = "pptx"
    TEXT = "text"
    """Text in any encoding, code and markup too."""
    OTHER = "other"
    """Everything else, such as programs, archives, video, and sound that no platform calls a sound."""


_HEAD = 1024
"""Bytes that decide whether a file is text."""
_SIGNATURES = (
    (0, b"\xff\xd8\xff", FileKind.PICTURE),  # JPEG
    (0, b"\x89PNG\r\n\x1a\n", FileKind.PICTURE),
    (0, b"GIF87a", FileKind.PICTURE),
    (0, b"GIF89a", FileKind.PICTURE),
    (8, b"WEBP", FileKind.PICTURE),
    (0, b"II*\x00", FileKind.PICTURE),  # TIFF
    (0, b"MM\x00*", FileKind.PICTURE),
    (0, b"%PDF-", FileKind.PDF),
)
"""Offset, bytes, kind: https://en.wikipedia.org/wiki/List_of_file_signatures"""
_OFFICE = (
    (b"word/document", FileKind.DOCX),
    (b"xl/workbook.xml", FileKind.XLSX),
    (b"ppt/presentation.xml", FileKind.PPTX),
)
"""A name, or its beginning, of a member that only this kind of an office file has."""
_ZIP = b"PK\x03\x04"
_COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
"""https://learn.microsoft.com/en-us/openspecs/office_file_formats/ms-offcrypto/3c34d72a-1a61-4b52-a893-196f9157f083"""
_BINARY_NAMES = {
    *("jpg", "jpeg", "png", "gif", "webp", "bmp", "tif", "tiff", "heic", "heif", "avif", "ico"),
    *("pdf", "docx", "xlsx", "pptx", "doc", "xls", "ppt", "odt", "ods", "odp", "zip", "gz", "exe"),
    *("mp3", "m4a", "ogg", "oga", "wav", "flac", "mp4", "mov", "webm", "mkv", "avi"),
}


def kind_of(data: bytes, name: str = "") -> FileKind:
    """The kind of a file with these first bytes, 1 kB or more; of an office file all bytes are needed.

    `name` counts only for a PDF with other bytes before its header, which readers allow in its first kilobyte.
    """
    head = data[:_HEAD]
    for offset, signature, kind in _SIGNATURES:
        if head.startswith(signature, offset):
            return kind
    if head.startswith(b"BM") and head[6:10] == bytes(4):
        return FileKind.PICTURE
    if head.startswith(_ZIP):
        return next((kind for member, kind in _OFFICE if member in data), FileKind.OTHER)
    if suffix_of(name) == "pdf" and b"%PDF-" in head:
        return FileKind.PDF
    return FileKind.OTHER if decode(head) is None else FileKind.TEXT


def is_encrypted_office(data: bytes) -> bool:
    """True if this is an office file behind a password, which a compound file of the older formats holds."""
    return data.startswith(_COMPOUND) and _ENCRYPTED in data


def is_named_binary(name: str) -> bool:
    """True if `name` is that of a kind of file which is never text."""
    return suffix_of(name) in _BINARY_NAMES


def suffix_of(name: str) -> str:
    """The text after the last dot, in lower case; empty without one."""
    return name.rpartition(".")[2].lower() if "." in name else ""
