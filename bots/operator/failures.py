"""The section of failures by their references, and the action that has a failed question asked again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from bots.operator.layout import form
from bots.operator.markup import Html, element, foreign, html
from bots.operator.sections import Done, Query
from bots.operator.view import View, badge, choices, heading, number_of, path_of, prose, sentences, soft, table
from core.clock import Clock
from core.errors import ModelError
from core.operators.failure_text import advice_for
from core.ports.store.failures import FailureStore
from core.ports.store.settings import RETRIED, Change
from core.ports.store.tools import ToolStore
from core.values.conversation import Turn
from core.values.failures import Failure, FailureKind, RetryRefusal, StoredFailure
from core.values.places import Person

PAGE = 50
"""Failures on a page."""
_HEADS = ("head_when", "head_about", "head_cause_todo", "head_model_asked")


class RetryStore(FailureStore, ToolStore, Protocol):
    """The part of the store that the section reads, with the audit."""


class FailuresSection:
    """The newest failures page by page; those of one reference (`ref`); those that were set aside or asked again
    (`only`)."""

    name = "failures"

    def __init__(self, store: RetryStore) -> None:
        self._store = store

    async def body(self, view: View, query: Query) -> Html:
        ref, kind = query.get("ref", "").strip(), query.get("only", "")
        only = FailureKind(kind) if kind in set(FailureKind) else None
        if ref:
            shown = await self._store.failures_of(ref)
        else:
            shown = await self._store.failures(PAGE + 1, number_of(query.get("before", "")), only)
        more = not ref and len(shown) > PAGE
        shown = shown[:PAGE] if more else shown
        rows = [_row(view, one) for one in shown]
        asked = f"only={only}&before" if only else "before"
        older = (
            element("a", view.say("older"), href=f"{path_of(self.name)}?{asked}={shown[-1].id}")
            if more
            else None
        )
        return html(
            _search(view, ref),
            _choices(view, "" if ref or only is None else only),
            heading(view, "failures", "failures_about"),
            table(view, "failures", _HEADS, rows, "failures_unknown" if ref else "failures_none"),
            element("p", older),
        )


@dataclass(frozen=True, slots=True)
class Retry:
    """Has the question of a failed turn asked again, and enters it in the audit."""

    store: RetryStore
    clock: Clock

    async def __call__(self, view: View, given: Query, by: Person) -> Done:
        turn_id = number_of(given.get("turn", ""))
        again = RetryRefusal.UNKNOWN if turn_id is None else await self.store.retry_failed(turn_id)
        if isinstance(again, RetryRefusal):
            return Done(view.say(f"retry_{again}"), "failures", well=False)
        place = replace(again.ask.place, thread="")
        change = Change(place, f"{RETRIED}{turn_id}", None, str(again.id), by, self.clock.now())
        await self.store.record(change)
        return Done(view.say("retry_done"), "failures")


def _row(view: View, one: StoredFailure) -> list[Html | str]:
    failure = one.failure
    ref = element("a", element("code", failure.ref), href=f"{path_of('failures')}?ref={failure.ref}")
    return [
        html(view.moment(one.at), element("br"), view.ago(one.at), element("br"), ref, _retry(view, one)),
        _subject(view, one),
        prose(_cause(view, failure), element("p", sentences(advice_for(one, view.language)))),
        _asked(view, failure),
    ]


def _subject(view: View, one: StoredFailure) -> Html | str:
    """The question that failed, the alert, or the place of the command."""
    if one.turn is not None:
        ask = one.turn.ask
        where = view.place(ask.place, "" if ask.announces else ask.id)
        return html(where, element("br"), view.person(ask.author), element("br"), soft(_task(view, one.turn)))
    if one.failure.what:
        return html(soft(view.say("alert_about")), " ", foreign(view.subject(one.failure.what)))
    return view.say("none") if one.place is None else view.place(one.place)


def _task(view: View, turn: Turn) -> str:
    return view.say("turn", n=str(turn.id), task=view.say(f"task_{type(turn.ask.task).__name__}"))


def _cause(view: View, failure: Failure) -> Html:
    """The code, the class of the fault below where that says more, and what the other side said, word for word."""
    told = failure.kind and failure.kind != ModelError.__name__
    kind = element("span", " · ", element("code", failure.kind)) if told else None
    said = element("p", element("code", failure.detail)) if failure.detail else None
    return html(badge(str(failure.code), "bad"), kind, said)


def _asked(view: View, failure: Failure) -> Html | str:
    """The last request to an endpoint."""
    if not failure.account:
        return view.say("none")
    facts = [
        failure.model,
        view.say("status", n=str(failure.status)) if failure.status else "",
        view.say("tries", n=failure.tries) if failure.tries else "",
        failure.request_id,
    ]
    return html(element("strong", failure.account), [html(element("br"), soft(fact)) for fact in facts if fact])


def _retry(view: View, one: StoredFailure) -> Html | None:
    if one.turn is None:
        return None
    if one.retry is not None:
        return element("p", badge(view.say("retried_as", n=str(one.retry)), "quiet"))
    if one.turn.ask.announces or one.turn.forgotten:
        return None
    return form(view, "retry", view.say("retry"), "quiet", turn=str(one.turn.id))


def _search(view: View, ref: str) -> Html:
    return element(
        "form",
        element("label", view.say("find_ref"), for_="ref"),
        element(
            "input", type="search", id="ref", name="ref", value=ref, autocomplete="off", spellcheck="false"
        ),
        " ",
        element("button", view.say("find"), class_="quiet"),
        action=path_of("failures"),
        role="search",
        class_="search",
    )


def _choices(view: View, chosen: str) -> Html:
    """The links to all failures, and to those of one kind."""
    return choices(view, "failures", "only", ("", *FailureKind), chosen)
