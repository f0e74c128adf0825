"""The section of tools: the servers with their state, and the calls that wait for a person."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bots.operator.markup import Html, element, html
from bots.operator.sections import Query
from bots.operator.view import View, badge, heading, prose, soft, table
from core.i18n import name_list, tool_label
from core.ports.store.tools import ToolStore
from core.tools.mcp.server import ServerOverview
from core.values.conversation import Turn
from core.values.steps import ApprovalAsked
from core.values.tools import Tool, ToolRule

_SERVER_HEADS = ("head_server", "head_state", "head_listed", "head_tools")
_ASKING_HEADS = ("head_at", "head_place", "head_asker", "head_tools", "head_approvers", "head_until")


class ToolsSection:
    """`servers` returns the MCP servers. `builtin`: the built-in tools are on unless a channel says otherwise."""

    name = "tools"

    def __init__(
        self,
        store: ToolStore,
        servers: Callable[[], Sequence[ServerOverview]],
        builtin: Callable[[], bool],
    ) -> None:
        self._store = store
        self._servers = servers
        self._builtin = builtin

    async def body(self, view: View, query: Query) -> Html:
        asking = await self._store.asking_turns()
        return html(
            heading(view, "approvals", "approvals_about"),
            table(view, "approvals", _ASKING_HEADS, [_asking(view, *one) for one in asking], "approvals_none"),
            heading(view, "servers"),
            table(
                view, "servers", _SERVER_HEADS, [_server(view, one) for one in self._servers()], "servers_none"
            ),
            heading(view, "builtin"),
            element("p", view.say("builtin_on" if self._builtin() else "builtin_off")),
        )


def _asking(view: View, turn: Turn, asked: ApprovalAsked) -> list[Html | str]:
    """One request. The arguments of its calls are not shown: they may hold words of the conversation."""
    tools = name_list(
        dict.fromkeys(tool_label(call.name, view.language) for call in asked.calls), view.language
    )
    return [
        html(view.moment(turn.ask.at), element("br"), view.ago(turn.ask.at)),
        view.place(turn.ask.place, turn.ask.id),
        view.person(turn.ask.author),
        tools,
        name_list(asked.approvers, view.language) or view.say("approver_asker"),
        view.say("none") if asked.expires_at is None else view.moment(asked.expires_at),
    ]


def _server(view: View, one: ServerOverview) -> list[Html | str]:
    return [
        html(element("strong", one.name), element("br"), soft(one.where)),
        _state(view, one),
        view.say("none") if one.listed_s is None else view.span(one.listed_s),
        _tools(view, one.tools) if one.tools else view.say("none"),
    ]


def _state(view: View, one: ServerOverview) -> Html:
    if one.reached is None:
        return badge(view.say("connecting"), "quiet")
    if one.reached:
        return badge(view.say("connected"), "good")
    return prose(badge(view.say("disconnected"), "bad"), element("p", element("code", one.reason)))


def _tools(view: View, tools: Sequence[Tool]) -> Html:
    """The names of the tools at the server, each with its rule."""
    shown = [
        element("li", element("code", one.title or one.name), " ", soft(view.say(f"rule_{one.rule}")))
        for one in tools
    ]
    kept = sum(one.rule is not ToolRule.NEVER for one in tools)
    return element("details", element("summary", view.say("tools_count", n=kept)), element("ul", shown))
