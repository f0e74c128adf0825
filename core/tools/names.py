"""Names of tools and of their properties that models take. Pure."""

from __future__ import annotations

import re
from hashlib import sha256

LONGEST_NAME = 64
"""Characters of a name: https://platform.openai.com/docs/api-reference/chat/create"""

_BETWEEN = "__"
_TOOL = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
"""A name that models take. Some endpoints require a letter or `_` first:
https://ai.google.dev/api/caching#FunctionDeclaration"""
_PROPERTY = re.compile(r"[A-Za-z0-9_.-]{1,64}")
"""https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/implement-tool-use"""
_ODD = re.compile(r"[^A-Za-z0-9_-]")
_DIGEST = 8


def tool_name(server: str, title: str) -> str:
    """`server__title`, or `title` alone of a built-in tool. Different pairs have different names.

    A name that models don't take, or that another pair could have too, is cut and has a digest of the pair behind it.
    """
    name = f"{server}{_BETWEEN}{title}" if server else title
    own = not server or name.partition(_BETWEEN) == (server, _BETWEEN, title)
    return (
        name if own and _TOOL.fullmatch(name) else _digested(f"_{name}" if name[:1].isdigit() else name, server)
    )


def property_name(name: str) -> str:
    """`name`, or where models don't take it, a part of it with its digest."""
    return name if _PROPERTY.fullmatch(name) else _digested(name, "")


def _digested(name: str, server: str) -> str:
    digest = sha256(f"{server}\0{name}".encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST]
    kept = _ODD.sub("_", name[: LONGEST_NAME - _DIGEST - 1])
    return f"_{kept[1:]}_{digest}" if kept.startswith("-") else f"{kept}_{digest}"
