"""The tools that a model may call, and the operator's rules for them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ToolRule(StrEnum):
    """The rule for a call: it runs, it needs a person's approval, or it never runs."""

    READ = "read"
    """The call only reads: it runs unasked."""
    ASK = "ask"
    """The call runs once a person has approved it."""
    NEVER = "never"
    """The tool is not offered."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool as a model sees it. `name` matches `^[a-zA-Z0-9_-]{1,64}$` and is unique among those offered.

    `parameters` is the JSON Schema of its arguments, as JSON text. `server` is the operator's name of its MCP
    server and `title` the tool's name there; of a built-in tool `server` is empty. `writes`: a call may change
    something, so it is never repeated unasked. `approvers`: people beside the asker who may approve a call, as
    `platform:id`. `sends`: a call may carry data to a place that its arguments choose, so it is never allowed
    for a whole thread. `renamed`: properties whose names models don't take, each as the name in `parameters`
    and the server's.
    """

    name: str
    description: str
    parameters: str
    rule: ToolRule = ToolRule.ASK
    server: str = ""
    title: str = ""
    writes: bool = True
    approvers: tuple[str, ...] = ()
    sends: bool = False
    renamed: tuple[tuple[str, str], ...] = ()

    @property
    def grantable(self) -> bool:
        """True if a person may allow it for a whole thread: it changes nothing and carries nothing out."""
        return not (self.writes or self.sends)


@dataclass(frozen=True, slots=True)
class ToolSettings:
    """The tool settings of a channel. `builtin`: the built-in ones; `links`: the one that reads links."""

    on: bool = True
    builtin: bool = False
    links: bool = False


@dataclass(frozen=True, slots=True)
class ToolOffer:
    """The tools that one turn is offered. `absent`: the servers whose tools would be, but can't be reached
    now."""

    tools: tuple[Tool, ...] = ()
    absent: tuple[str, ...] = ()

    def find(self, name: str) -> Tool | None:
        return next((tool for tool in self.tools if tool.name == name), None)


@dataclass(frozen=True, slots=True)
class ToolGrant:
    """A tool may run unasked in one thread: for `person`, or for everybody where it is empty. `by` granted it."""

    tool: str
    person: str
    by: str
