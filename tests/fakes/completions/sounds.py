"""The requests of /audio/transcriptions:
https://platform.openai.com/docs/api-reference/audio/createTranscription"""

from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

from .replies import Json, Status
from .statuses import INVALID, said

HEADS = {
    "ogg": b"OggS",
    "m4a": b"ftyp",
    "wav": b"RIFF",
    "mp3": b"ID3",
    "webm": b"\x1aE\xdf\xa3",
    "flac": b"fLaC",
}
"""The signature in the first bytes of a file, by its extension."""
LIMIT_BYTES = 25 * 1024 * 1024


def sound_of(headers: dict[str, str], raw: bytes) -> Json | None:
    """The fields of a form with a file: `model`, `filename`, `type` and `data`. None for another body."""
    kind = headers.get("content-type", "")
    if not kind.startswith("multipart/form-data"):
        return None
    form = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + raw)
    fields: Json = {}
    for part in form.iter_parts():
        name = part.get_param("name", header="content-disposition")
        data: Any = part.get_payload(decode=True)
        if part.get_filename() is None:
            fields[str(name)] = data.decode()
        else:
            fields |= {"filename": part.get_filename(), "type": part.get_content_type(), "data": data}
    return fields


def sound_refusal(fields: Json | None) -> Status | None:
    """The answer to a form without a model, to a file that is too long, and to one that does not match its
    extension."""
    if not fields or not fields.get("model") or "data" not in fields:
        return Status(400, said("you must provide a model parameter and a file", INVALID))
    if len(fields["data"]) > LIMIT_BYTES:
        return Status(413, said("Maximum content size limit (26214400) exceeded", "server_error"))
    head = HEADS.get(fields["filename"].rpartition(".")[2])
    if head is None or head not in fields["data"][:16]:
        return Status(
            400, said("Invalid file format. Supported formats: ['flac', 'm4a', 'mp3', 'ogg']", INVALID)
        )
    return None
