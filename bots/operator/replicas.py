"""The section of the replicas that share a database: what each holds and answers."""

from __future__ import annotations

from bots.operator.markup import Html, element, foreign, html
from bots.operator.sections import Query
from bots.operator.view import View, badge, figures, heading, table
from core.ports.store.overview import OverviewStore
from core.text import number_ranges
from core.values.replicas import PARTITIONS, OpenTurns, ReplicaOverview

_HEADS = ("head_replica", "head_state", "head_since", "head_partitions", "head_shards", "head_open")
_MOST_TEAMS = 20


class ReplicasSection:
    """`own`: the name of this process among them. `shards`: the number of Discord's gateway shards."""

    name = "replicas"

    def __init__(self, store: OverviewStore, shards: int, own: str) -> None:
        self._store = store
        self._shards = shards
        self._own = own

    async def body(self, view: View, query: Query) -> Html:
        found = await self._store.replicas(self._shards)
        known = [one for one in found if one.name]
        held = sum(one.partitions for one in known)
        return html(
            figures(
                view,
                {
                    "replicas_count": view.number(len(known)),
                    "replicas_held": view.percent(held / PARTITIONS),
                    "replicas_open": view.number(sum(one.open_turns for one in found)),
                },
            ),
            heading(view, "replicas", "replicas_about"),
            table(view, "replicas", _HEADS, [self._row(view, one) for one in found], "replicas_none"),
        )

    def _row(self, view: View, one: ReplicaOverview) -> list[Html | str]:
        none = view.say("none")
        if not one.name:
            return [
                element("strong", view.say("replica_nobody")),
                badge(view.say("replica_taken_soon"), "bad"),
                *(none, none, none),
                _teams(view, one.teams),
            ]
        own = badge(view.say("replica_own"), "quiet") if one.name == self._own else None
        return [
            html(element("strong", foreign(one.name)), " " if own else None, own),
            badge(view.say("replica_leaves"), "quiet")
            if one.leaves
            else badge(view.say("replica_answers"), "good"),
            none if one.since is None else html(view.moment(one.since), element("br"), view.ago(one.since)),
            f"{view.number(one.partitions)} / {view.number(PARTITIONS)}",
            number_ranges(one.shards) or none,
            _teams(view, one.teams),
        ]


def _teams(view: View, teams: tuple[OpenTurns, ...]) -> Html | str:
    """The teams with open questions, each with their number."""
    if not teams:
        return view.say("none")
    shown = [
        element("li", foreign(f"{one.platform} · {one.team}"), f": {view.number(one.count)}")
        for one in teams[:_MOST_TEAMS]
    ]
    if len(teams) > _MOST_TEAMS:
        shown.append(element("li", view.say("more_rows", n=len(teams) - _MOST_TEAMS)))
    count = sum(one.count for one in teams)
    return element("details", element("summary", view.say("replica_teams", n=count)), element("ul", shown))
