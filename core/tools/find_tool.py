"""`find_tool`, by which a model finds the tools that are not offered to it since there are too many. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import zip_longest

from core.speakers import OURS
from core.tools.policy import parse_arguments
from core.tools.words import count_words, query_words
from core.values.steps import ModelRound, Step
from core.values.tools import Tool, ToolRule

FIND_TOOL = "find_tool"
MOST_FOUND = 8
"""Tools that one search finds."""
MOST_SEARCHES = 16
"""Searches of an answer that count: the newest ones."""

_NOTHING_FOUND = "No tool matches. Try other words."
_SUMMARY_LENGTH = 200


def choose(catalog: Sequence[Tool], steps: Sequence[Step], most: int) -> tuple[Tool, ...]:
    """At most `most` tools of the catalog, in its order, with `find_tool` first where that leaves some out.

    The tools that the answer has called stay. Next come those that it has found, of each search the best first,
    and then the first of the catalog.
    """
    if len(catalog) <= most:
        return tuple(catalog)
    rounds = [step for step in steps if isinstance(step, ModelRound)]
    called = {call.name for one in rounds for call in one.calls}
    queries = [
        _query(call.arguments) for one in reversed(rounds) for call in one.calls if call.name == FIND_TOOL
    ]
    newest = list(dict.fromkeys(queries))[:MOST_SEARCHES]
    ranked = [
        *(tool for tool in catalog if tool.name in called),
        *(tool for best in zip_longest(*(find(catalog, query) for query in newest)) for tool in best if tool),
        *(tool for tool in catalog if not tool.server),
        *catalog,
    ]
    kept = set(list(dict.fromkeys(tool.name for tool in ranked))[: most - 1])
    return (_finder(catalog), *(tool for tool in catalog if tool.name in kept))


def find(tools: Iterable[Tool], query: str) -> list[Tool]:
    """The tools that match a query best, at most `MOST_FOUND`. A word in the name counts as much as two elsewhere."""
    words = query_words(query)
    scored = [
        (2 * count_words(words, tool.name) + count_words(words, f"{tool.title} {tool.description}"), tool)
        for tool in tools
    ]
    best = sorted((one for one in scored if one[0]), key=lambda one: -one[0])
    return [tool for _, tool in best[:MOST_FOUND]]


def found_to_text(tools: Sequence[Tool], query: str) -> str:
    """The result of a search for the model. `choose` adds the tools that it finds to those offered."""
    found = find((tool for tool in tools if tool.name != FIND_TOOL), query)
    lines = [f"- {tool.name}: {' '.join(tool.description.split())[:_SUMMARY_LENGTH]}" for tool in found]
    return "\n".join(["You can call these tools now:", *lines]) if lines else _NOTHING_FOUND


def _query(arguments: str) -> str:
    try:
        return str(parse_arguments(arguments).get("query", ""))
    except (ValueError, RecursionError):
        return ""


def _finder(catalog: Sequence[Tool]) -> Tool:
    servers = ", ".join(dict.fromkeys(tool.server or OURS for tool in catalog))
    about = f"Finds tools that are not listed here, by words. There are {len(catalog)} tools, of: {servers}."
    query = {"type": "string", "description": "Words for what the tool should do"}
    schema = {"type": "object", "properties": {"query": query}, "required": ["query"]}
    return Tool(FIND_TOOL, about, json.dumps(schema), ToolRule.READ, title=FIND_TOOL, writes=False)
