"""A person who runs Parley, at its operator page in a real browser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.async_api import Page, expect

from core.clock import SystemClock
from core.errors import Code
from core.values.conversation import Ask, Turn, TurnState
from core.values.deltas import Usage
from core.values.failures import Failure
from core.values.places import Person, Place
from core.values.turn_ends import Finish
from storage import DatabaseSettings, SqlStore, open_store
from tests.e2e.program import Program

TOKEN = "operator-test-token-of-32-letters"
WITH_TOKEN = {"PARLEY_OPERATOR_TOKEN": TOKEN}
PHONE = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True}


async def sign_in(page: Page, program: Program, section: str = "", token: str = TOKEN) -> None:
    """Open a section, and give the token that it asks for."""
    await page.goto(f"{program.url}/operator{section}")
    await page.locator("#token").fill(token)
    await page.keyboard.press("Enter")


async def signed_in(page: Page, program: Program, section: str = "") -> None:
    await sign_in(page, program, section)
    await expect(page.get_by_role("navigation")).to_be_visible()


async def fits(page: Page) -> bool:
    """Nothing but a table in its own box is wider than the window."""
    wide: bool = await page.evaluate("document.documentElement.scrollWidth > innerWidth")
    return not wide


HOSTILE = "<img src=x onerror=alert(1)>'\"</td><script>alert(2)</script>\u202eevil"


@asynccontextmanager
async def database(folder: Path) -> AsyncIterator[SqlStore]:
    """The database of a program that does not run."""
    (folder / "data").mkdir(exist_ok=True)
    store = await open_store(DatabaseSettings(database_url=f"sqlite:///{folder}/data/parley.db"), SystemClock())
    try:
        yield store
    finally:
        await store.close()


async def failed_before(
    store: SqlStore, number: int = 1, name: str = HOSTILE, code: Code = Code.BAD_KEY
) -> Turn:
    """A question of somebody with that name, which has failed."""
    place = Place("web", "local", "web", "aaaabbbbcccc")
    at = datetime.now(UTC) - timedelta(hours=1, seconds=-number)
    turn = await store.accept(Ask(f"q{number}", place, Person("U<1>", name), "why?", at, addressed=True))
    assert turn is not None
    failure = Failure(
        f"REF{number:03}", code, f"the endpoint said {name}", "TimeoutError", name, f"m-{name}", 401, "r1", 2
    )
    failure = replace(failure, places={"host": name, "key": "K", "url": "U", "model": "M", "window": "W"})
    end = Finish(turn, TurnState.FAILED, error=str(code), ref=failure.ref, failure=failure, model="m")
    await store.finish(end)
    return turn


async def answered_before(store: SqlStore, number: int, *, direct: bool = False) -> Turn:
    """A question that was answered just now, by one of two models, for 10 cents."""
    place = Place("web", "local", "web", "aaaabbbbcccc", direct)
    turn = await store.accept(
        Ask(f"a{number}", place, Person("you", "You"), "why?", datetime.now(UTC), addressed=True)
    )
    assert turn is not None
    model = "thorough" if number == 3 else "quick"
    usage = Usage(1_000, 100, cost_micros=100_000)
    await store.finish(
        Finish(turn, TurnState.DONE, "because", posted=(f"a{number}.1",), model=model, usage=usage)
    )
    return turn
