"""The tools and results of an MCP server, as values of the core. Pure."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Iterator

import mcp_types as types

from core.ports.files import FileContent
from core.ports.tools import ToolError, ToolOutput
from core.text import shortened
from core.tools.config import ToolServer
from core.tools.schemas import ANY_ARGUMENTS, LONGEST_DESCRIPTION, LONGEST_GIVEN
from core.values.tools import Tool, ToolRule

LONGEST_TITLE = 256
"""Characters of the name of a tool at its server. A tool with a longer one is left out."""
LONGEST_FAILURE = 2_000
"""Characters of a tool's error text."""


def to_tools(server: ToolServer, listed: Iterable[types.Tool]) -> tuple[Tool, ...]:
    """The tools of a list that may be offered, each name once."""
    tools: dict[str, Tool] = {}
    for one in listed:
        if one.name and len(one.name) <= LONGEST_TITLE:
            tools.setdefault(one.name, _to_tool(server, one))
    return tuple(tool for tool in tools.values() if tool.rule is not ToolRule.NEVER)


def _to_tool(server: ToolServer, listed: types.Tool) -> Tool:
    """Tools that don't say that they only read may write:
    https://modelcontextprotocol.io/specification/2025-11-25/schema#toolannotations

    A text that is too long is not kept: a list may hold many megabytes of them."""
    reads = listed.annotations is not None and listed.annotations.read_only_hint is True
    schema = json.dumps(listed.input_schema)
    return Tool(
        listed.name,
        shortened(listed.description or listed.title or "", LONGEST_DESCRIPTION),
        schema if len(schema) <= LONGEST_GIVEN else ANY_ARGUMENTS.parameters,
        server.rule(listed.name, reads=reads),
        server.name,
        listed.name,
        server.writes(listed.name, reads=reads),
        server.approvers,
    )


def to_output(result: types.CallToolResult) -> ToolOutput:
    """The text and the first picture of a result. Raises ToolError where the tool says that it failed."""
    text = "\n\n".join(filter(None, _texts(result.content)))
    if not text and result.structured_content is not None and not _pictures(result.content):
        text = json.dumps(result.structured_content, ensure_ascii=False)
    if result.is_error:
        raise ToolError(shortened(text, LONGEST_FAILURE) or "The tool failed and did not say why.")
    return ToolOutput(text, _first_picture(result.content))


def _texts(content: Iterable[types.ContentBlock]) -> Iterator[str]:
    """The text of each part, or its kind where it can't be shown."""
    pictures = 0
    for part in content:
        match part:
            case types.TextContent(text=text):
                yield text
            case types.EmbeddedResource(resource=types.TextResourceContents(text=text)):
                yield text
            case types.EmbeddedResource(resource=resource):
                yield f"[a file that is not shown: {resource.uri}]"
            case types.ResourceLink(name=name, uri=uri):
                yield f"[a file at the server: {name}, {uri}]"
            case types.AudioContent(mime_type=media_type):
                yield f"[a sound that is not shown: {media_type}]"
            case types.ImageContent():
                pictures += 1
    if pictures > 1:
        yield f"[{pictures - 1} more pictures that are not shown]"


def _pictures(content: Iterable[types.ContentBlock]) -> list[types.ImageContent]:
    return [part for part in content if isinstance(part, types.ImageContent)]


def _first_picture(content: Iterable[types.ContentBlock]) -> FileContent | None:
    """The first picture, without its bytes where they can't be read: a sentence then replaces it."""
    for picture in _pictures(content)[:1]:
        try:
            data = base64.b64decode(picture.data, validate=True)
        except (binascii.Error, ValueError):
            data = b""
        extension = picture.mime_type.rpartition("/")[2][:10]
        return FileContent(f"picture.{extension}", picture.mime_type, data)
    return None
