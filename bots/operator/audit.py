"""The section of the audit: who changed what, allowed what, and which calls of tools may have changed something."""

from __future__ import annotations

from collections.abc import Callable

from bots.operator.markup import Html, element, foreign, html
from bots.operator.sections import Query
from bots.operator.view import View, heading, number_of, path_of, prose, soft, table
from core.commands.settings_view import shown
from core.i18n import SPOKEN, phrase, tool_label
from core.ports.store.overview import OverviewStore
from core.ports.store.settings import RETRIED, Change
from core.settings.channel import SETTINGS
from core.spend.budgets import LIFT
from core.text import shortened
from core.values.places import Place

PAGE = 50
"""Entries on a page."""
TOOL = "tool:"
_HEADS = ("head_when", "head_who", "head_place", "head_what_changed", "head_old", "head_new")
_LONGEST = 300
"""Characters of a value."""


class AuditSection:
    """The newest entries, page by page. `currency` is that of limits of spending."""

    name = "audit"

    def __init__(self, store: OverviewStore, currency: Callable[[], str]) -> None:
        self._store = store
        self._currency = currency

    async def body(self, view: View, query: Query) -> Html:
        found = await self._store.newest_changes(PAGE + 1, number_of(query.get("before", "")))
        rows = [self._row(view, one) for _, one in found[:PAGE]]
        address = f"{path_of(self.name)}?before={found[PAGE - 1][0]}" if len(found) > PAGE else ""
        return html(
            heading(view, "audit", "audit_about"),
            table(view, "audit", _HEADS, rows, "audit_none"),
            element("p", element("a", view.say("older"), href=address)) if address else None,
        )

    def _row(self, view: View, one: Change) -> list[Html | str]:
        return [
            view.moment(one.at),
            view.person(one.by),
            scope_of(view, one.place),
            prose(_subject(view, one)),
            self._value(view, one, one.old),
            self._value(view, one, one.new),
        ]

    def _value(self, view: View, one: Change, text: str | None) -> Html:
        if text is None:
            return soft(view.say("none"))
        if one.name.startswith(TOOL):
            what, _, digest = text.partition(" ")
            key = f"history_tool_{what}"
            words = phrase(key, view.language) if key in SPOKEN[view.language] else what
            return html(words, " ", element("code", digest[:8], class_="id"))
        if one.name.startswith(RETRIED):
            return element("span", view.say("new_turn", n=text))
        name = "budget" if one.name.startswith(LIFT) else one.name
        if name not in SETTINGS:
            return foreign(shortened(text, _LONGEST))
        return prose(
            foreign(shortened(shown(name, text, view.language, self._currency()).strip("`"), _LONGEST))
        )


def scope_of(view: View, place: Place) -> Html | str:
    """The channel, the workspace, or all of Parley where the place is none."""
    if not place.platform:
        return "Parley"
    if not place.channel:
        return html(soft(view.say("workspace")), " ", view.place(place))
    return view.place(place)


def _subject(view: View, one: Change) -> str:
    """The setting, the tool, or what an operator did."""
    if one.name.startswith(TOOL):
        return view.say("audit_tool", tool=tool_label(one.name.removeprefix(TOOL), view.language))
    if one.name.startswith(LIFT):
        return view.say("audit_lift")
    if one.name.startswith(RETRIED):
        return view.say("audit_retry", n=one.name.removeprefix(RETRIED))
    key = f"setting_{one.name}"
    return phrase(key, view.language) if key in SPOKEN[view.language] else one.name
