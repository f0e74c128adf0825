"""The section of the answers that run or wait, each without its words."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bots.operator.markup import Html, element, html
from bots.operator.sections import Query
from bots.operator.view import View, badge, figures, heading, more_rows, soft, table
from core.turns.overview import TurnOverview, TurnStage

_HEADS = ("at", "place", "asker", "stage", "model", "length")
_MOST = 200
"""Rows. Those that were asked for first are shown."""


class RunningSection:
    """`turns` returns the turns that wait or run, the oldest first."""

    name = "running"

    def __init__(self, turns: Callable[[], Sequence[TurnOverview]]) -> None:
        self._turns = turns

    async def body(self, view: View, query: Query) -> Html:
        turns = self._turns()
        waiting = [one for one in turns if one.stage is TurnStage.QUEUED]
        running = [one for one in turns if one.stage is not TurnStage.QUEUED]
        return html(
            _figures(view, len(running), waiting),
            heading(view, "answers"),
            _table(view, "answers", running, "answers_none"),
            heading(view, "queue", "queue_about"),
            _table(view, "queue", waiting, "queue_none"),
        )


def _figures(view: View, running: int, waiting: Sequence[TurnOverview]) -> Html:
    oldest = view.span((view.now - waiting[0].at).total_seconds()) if waiting else view.say("none")
    return figures(
        view,
        {
            "running_count": view.number(running),
            "waiting_count": view.number(len(waiting)),
            "oldest_waiting": oldest,
        },
    )


def _table(view: View, caption: str, turns: Sequence[TurnOverview], empty: str) -> Html:
    rows = [_row(view, one) for one in turns[:_MOST]]
    return html(
        table(view, caption, [f"head_{head}" for head in _HEADS], rows, empty),
        more_rows(view, len(turns) - len(rows)),
    )


def _row(view: View, one: TurnOverview) -> list[Html | str]:
    said = html(view.number(one.length) if one.length else view.say("none"))
    if one.first_word_s is not None:
        first = view.say("first_word", s=f"{one.first_word_s:.1f}")
        said = html(said, element("br"), soft(first))
    return [
        html(view.moment(one.at), element("br"), view.ago(one.at)),
        view.place(one.place, one.message_id),
        view.person(one.person),
        html(
            badge(view.say(f"stage_{one.stage}"), "quiet" if one.stage is TurnStage.QUEUED else "good"),
            element("br"),
            soft(view.say(f"task_{one.task}")),
        ),
        one.model or view.say("none"),
        said,
    ]
