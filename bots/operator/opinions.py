"""The section of people's opinions of answers, with their reasons."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import quote

from bots.operator.markup import Html, element, foreign, html
from bots.operator.sections import Query
from bots.operator.view import View, badge, heading, path_of, prose, soft, table
from core.ports.store.overview import OverviewStore
from core.values.places import Person
from core.values.usage import RatedAnswer

PAGE = 50
"""Opinions on a page."""
_HEADS = ("head_when", "head_opinion", "head_reason", "head_answer", "head_model", "head_person")


class OpinionsSection:
    """The newest opinions, page by page. The words of direct conversations are not shown."""

    name = "opinions"

    def __init__(self, store: OverviewStore) -> None:
        self._store = store

    async def body(self, view: View, query: Query) -> Html:
        found = await self._store.newest_opinions(PAGE + 1, _moment(query.get("before", "")))
        shown = found[:PAGE]
        before = quote(shown[-1].at.isoformat()) if len(found) > PAGE else ""
        older = (
            element("a", view.say("older"), href=f"{path_of(self.name)}?before={before}") if before else None
        )
        return html(
            heading(view, "opinions", "opinions_about"),
            table(view, "opinions", _HEADS, [_row(view, one) for one in shown], "opinions_none"),
            element("p", older),
        )


def _row(view: View, one: RatedAnswer) -> list[Html | str]:
    if one.reason and one.place.direct:
        reason = soft(view.say("reason_direct"))
    else:
        reason = prose(foreign(one.reason)) if one.reason else soft(view.say("none"))
    return [
        html(view.moment(one.at), element("br"), view.ago(one.at)),
        badge(view.say("helpful"), "good") if one.helpful else badge(view.say("unhelpful"), "bad"),
        reason,
        view.place(one.place, one.message_id),
        one.model or view.say("none"),
        view.person(Person(one.person, one.name)),
    ]


def _moment(text: str) -> datetime | None:
    """A moment as in ISO 8601 with its offset; None for other texts."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None
