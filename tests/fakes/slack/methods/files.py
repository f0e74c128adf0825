"""Uploads: https://docs.slack.dev/messaging/working-with-files/#upload"""

from __future__ import annotations

from mimetypes import guess_type
from typing import Any

from tests.fakes.slack import payloads
from tests.fakes.slack.payloads import BOT, BOT_USER
from tests.fakes.slack.workspace import File, Message, SlackError, Workspace

from .chat import parent
from .table import method, writable

Json = dict[str, Any]

ALT_LIMIT = 1_000
"""https://docs.slack.dev/reference/methods/files.getUploadURLExternal#arg_alt_txt"""


@method("files.getUploadURLExternal", "filename", "length", scope="files:write")
def upload_url(space: Workspace, args: Json) -> Json:
    if int(args["length"]) < 1 or len(args.get("alt_txt") or "") > ALT_LIMIT:
        raise SlackError("invalid_arguments")
    mimetype = guess_type(args["filename"])[0] or "application/octet-stream"  # Slack looks at the content
    file = File(space.new_id("F"), args["filename"], mimetype, alt_txt=args.get("alt_txt"))
    file.size, file.unprocessed = int(args["length"]), space.slow_files
    space.files[file.id] = file
    return {"upload_url": f"{space.base_url}/upload/{file.id}", "file_id": file.id}


@method("files.completeUploadExternal", "files", scope="files:write")
def complete_upload(space: Workspace, args: Json) -> Json:
    files = [space.files.get(named.get("id", "")) for named in args["files"]]
    if not files or any(file is None or file.content is None for file in files):
        raise SlackError("file_not_found")
    if any(named.keys() - {"id", "title"} for named in args["files"]):
        raise SlackError("invalid_arguments")
    for file, named in zip(files, args["files"], strict=True):
        assert file is not None
        file.title, file.shared = named.get("title") or file.name, True
    bodies = [payloads.file_body(space, file) for file in files if file is not None]
    if args.get("channel_id"):
        channel = writable(space, args["channel_id"])
        message = Message(channel.id, space.new_ts(), BOT_USER, args.get("initial_comment") or "", bot_id=BOT)
        message.thread_ts, message.files = parent(channel, args), bodies
        space.post(message)
    return {"files": bodies}


@method("files.info", "file", scope="files:read")
def file_info(space: Workspace, args: Json) -> Json:
    if args["file"] not in space.files:
        raise SlackError("file_not_found")
    file = space.files[args["file"]]
    body = payloads.file_body(space, file)
    file.unprocessed = max(0, file.unprocessed - 1)
    return {"file": body}
