"""`rate_limits`: pure, of one installation, apart for posts and edits."""

from __future__ import annotations

from dataclasses import replace

from core.values.outgoing import AppendStream, DeleteMessage, EditMessage, OutgoingCall, RateLimit, StopStream
from tests.contract.platform.boundary import FULL, KINDS, holds, page_call
from tests.contract.rigs.rig import Rig, post


@holds("rate_limits")
async def test_rate_limits_name_the_installation_that_they_are_of(rig: Rig) -> None:
    prefix = f"{rig.platform.name}/{rig.installation.id}/"
    ask = await rig.ask()
    for limit in rig.installation.rate_limits(post(ask, FULL)):
        assert limit.scope.startswith(prefix)


@holds("rate_limits")
async def test_budgets_are_pure_and_can_be_lived_on(rig: Rig) -> None:
    for kind in KINDS:
        call = await page_call(rig, kind)
        calls, rate_limits = rig.calls(), rig.installation.rate_limits(call)
        assert rate_limits
        assert rate_limits == rig.installation.rate_limits(call)
        assert rig.calls() == calls
        assert all(
            isinstance(budget, RateLimit) and budget.burst >= 1 and budget.per_s > 0 for budget in rate_limits
        )
        assert len({budget.scope for budget in rate_limits}) == len(rate_limits)
        assert all(budget.scope.startswith(f"{rig.platform.name}/") for budget in rate_limits)
        assert not [secret for secret in rig.secrets for budget in rate_limits if secret in budget.scope]


@holds("rate_limits")
async def test_posts_and_edits_draw_on_budgets_of_their_own(rig: Rig) -> None:
    if not rig.posts_and_edits_are_limited_apart:
        rig.cannot("the page limits nothing")
    posts, edits = [_scopes(rig, await page_call(rig, kind)) for kind in KINDS]
    assert posts - edits
    assert edits - posts


@holds("rate_limits")
async def test_what_one_team_spends_is_not_taken_from_another(rig: Rig) -> None:
    for kind in KINDS:
        call = await page_call(rig, kind)
        there = _elsewhere(rig, call)
        assert _scopes(rig, call) & _scopes(rig, there) <= rig.limited_for_all_teams


def _elsewhere(rig: Rig, call: OutgoingCall) -> OutgoingCall:
    """The same call for another team, on another message: no message is in two channels."""
    place = rig.elsewhere(call.place)
    if isinstance(call, EditMessage | DeleteMessage | AppendStream | StopStream):
        return replace(call, place=place, message_id=f"{call.message_id}9")
    return replace(call, place=place)


def _scopes(rig: Rig, call: OutgoingCall) -> set[str]:
    return {budget.scope for budget in rig.installation.rate_limits(call)}
