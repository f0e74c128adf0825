"""Results of servers as values of the core."""

import mcp_types as types
import pytest

from core.ports.tools import ToolError
from core.tools.config import ToolServer
from core.tools.mcp.results import to_output, to_tools

TEXT = types.TextContent(type="text", text="three")


def result(*content: types.ContentBlock, **fields: object) -> types.CallToolResult:
    return types.CallToolResult(content=list(content), **fields)


def test_parts_that_cannot_be_shown_are_named() -> None:
    sound = types.AudioContent(type="audio", data="AAAA", mime_type="audio/wav")
    link = types.ResourceLink(type="resource_link", name="report", uri="file:///report")
    note = types.TextResourceContents(uri="file:///note", text="a note")
    said = to_output(result(TEXT, sound, link, types.EmbeddedResource(type="resource", resource=note))).text
    assert said == (
        "three\n\n[a sound that is not shown: audio/wav]\n\n[a file at the server: report, file:///report]\n\na note"
    )


def test_the_structured_result_counts_only_without_text() -> None:
    assert to_output(result(TEXT, structured_content={"n": 3})).text == "three"
    assert to_output(result(structured_content={"n": 3})).text == '{"n": 3}'


def test_a_failure_without_words_is_said() -> None:
    with pytest.raises(ToolError, match="did not say why"):
        to_output(result(is_error=True))


def test_a_picture_that_cannot_be_read_has_no_bytes() -> None:
    picture = to_output(result(types.ImageContent(type="image", data="%%", mime_type="image/png"))).picture
    assert picture is not None
    assert picture.data == b""


def test_names_are_listed_once_and_never_too_long() -> None:
    listed = [types.Tool(name=name, input_schema={"type": "object"}) for name in ("a", "a", "b" * 257)]
    assert [tool.title for tool in to_tools(ToolServer(name="x"), listed)] == ["a"]
