"""`perform`: the error of a call that is refused, cut off or answered strangely."""

from __future__ import annotations

import pytest

from core.errors import Code
from core.values.outgoing import Page, PostMessage
from core.values.places import Place
from core.values.ui import Button
from tests.contract.platform.boundary import CODES, FULL, KINDS, fault, holds, page_call, refusal, texts
from tests.contract.rigs.rig import CUT, LOST, Rig, post


@holds("perform")
@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("kind", KINDS)
async def test_a_call_that_is_refused_says_why_and_is_not_done(rig: Rig, kind: str, code: Code) -> None:
    call = await rig.failing(await page_call(rig, kind), code)
    calls = rig.calls()
    error = await refusal(rig, rig.installation.perform(call))
    assert (error.code, error.certain) == (code, True)
    assert error.retryable == (code in (Code.SLOW_DOWN, Code.UNAVAILABLE))
    assert (error.retry_after_s is not None) == (code is Code.SLOW_DOWN)
    assert rig.calls() - calls <= 3  # nothing is tried again and again, though whoever asked may be told
    if code is not Code.EXPIRED:
        assert FULL.text not in await texts(rig, call.place)


@holds("perform")
@pytest.mark.parametrize("way", [LOST, CUT])
@pytest.mark.parametrize("kind", KINDS)
async def test_an_uncertain_call_says_so_and_is_not_repeated(rig: Rig, kind: str, way: str) -> None:
    call = await page_call(rig, kind)
    await rig.uncertain(call, way)
    calls = rig.calls()
    error = await refusal(rig, rig.installation.perform(call))
    assert (error.code, error.certain, error.retryable) == (Code.UNCERTAIN, False, True)
    assert rig.calls() == calls + 1
    assert (await texts(rig, call.place)).count(FULL.text) == (way == LOST)


@holds("perform")
@pytest.mark.parametrize("kind", KINDS)
async def test_whatever_it_is_answered_it_raises_nothing_else(rig: Rig, kind: str) -> None:
    call = await page_call(rig, kind)
    for spoil in rig.strange():
        spoil(call)
        error = await refusal(rig, rig.installation.perform(call))
        assert error.certain == (error.code is not Code.UNCERTAIN)
        rig.mend()
    await rig.installation.perform(call)


@holds("perform")
@pytest.mark.parametrize(
    "page",
    [
        Page(""),
        Page("", "", (Button("stop", "Stop", 1),)),
        Page("half a \ud83e pair"),
        Page("nul \x00 in it"),
        Page(" \n "),
        Page("x", "y" * 500),
        Page("x", "", (Button("a", "label " * 40, 1), Button("b", "L", 2**62))),
    ],
    ids=("empty", "only a button", "surrogate", "nul", "blank", "long notice", "long labels"),
)
async def test_whatever_a_page_holds_it_is_shown_or_refused(rig: Rig, page: Page) -> None:
    """Models write anything; what the platform does not take is a PlatformError and never another."""
    ask = await rig.ask()
    refused = await fault(rig.installation.perform(post(ask, page)))
    stands = len(await rig.shown(ask.place))
    assert (stands == 1) if refused is None else (stands, refused.code) == (0, Code.REJECTED)


@holds("perform")
async def test_before_it_runs_a_call_is_done_or_surely_not(idle: Rig) -> None:
    place = Place(idle.platform.name, "T1", idle.channel())
    refused = await fault(idle.installation.perform(PostMessage(place, Page("12 questions"), "digest/1")))
    assert await texts(idle, place) == (["12 questions"] if refused is None else [])
    assert refused is None or (refused.code, refused.certain) == (Code.UNAVAILABLE, True)
