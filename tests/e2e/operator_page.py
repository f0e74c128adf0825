"""A person who runs Parley, at its operator page in a real browser."""

from __future__ import annotations

from playwright.async_api import Page, expect

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
