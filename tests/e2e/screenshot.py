"""`make screenshot`: the pictures in the README, of the running program answering with no account and no key."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from playwright.async_api import expect

from tests.e2e.browser import window
from tests.e2e.program import Program

PICTURES = Path(__file__).parents[2] / "deploy" / "screenshots"
QUESTIONS = ("How do answers look here?", "And how do I connect a real model?")


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with Program(Path(folder)) as program:
            async with window(viewport={"width": 1100, "height": 800}, device_scale_factor=1.5) as page:
                await page.goto(program.url)
                for number, question in enumerate(QUESTIONS, 1):
                    await page.get_by_label("Your message").fill(question)
                    await page.keyboard.press("Enter")
                    await expect(page.locator("table")).to_have_count(number, timeout=15_000)
                    await page.wait_for_timeout(1_500)
                await page.screenshot(path=PICTURES / "page.png")
                address = page.url
            phone = {"width": 390, "height": 780}
            async with window(viewport=phone, device_scale_factor=2, color_scheme="dark") as page:
                await page.goto(address)
                await expect(page.locator("table")).to_have_count(len(QUESTIONS))
                await page.screenshot(path=PICTURES / "phone.png")


if __name__ == "__main__":
    asyncio.run(main())
