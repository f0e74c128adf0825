"""Windows of a browser that show the page, and what people do in them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page

from tests.e2e import browser

MARKDOWN = """# Title
A **bold**, *slanted*, ~~struck~~, `coded <b>` word and **中文：**后面
with a [link](https://example.com/a_(b)), a [bad one](javascript:alert(1)) and https://example.org/x.

- one
  - nested
- two

3. three

```python
print("<i>&amp;</i>")
```

| a | b |
|---|--:|
| `x\\|y` | 2 |

> quoted

---
<img src=x onerror="document.title='hacked'"><script>document.title='hacked'</script> 2 * 3 * 4 snake_case_name"""


@asynccontextmanager
async def window(chromium: Browser, **options: Any) -> AsyncIterator[tuple[BrowserContext, Page]]:
    """A fresh browser window. Whatever its console complains of fails the test."""
    complaints: list[str] = []
    async with browser.window(chromium, **options) as page:
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console", lambda said: complaints.append(said.text) if "Security Policy" in said.text else None
        )
        yield page.context, page
    assert complaints == []


async def ask(page: Page, text: str) -> None:
    await page.get_by_label(re.compile("Your message|你的消息")).fill(text)
    await page.keyboard.press("Enter")


def answers(page: Page) -> Any:
    return page.locator("[role=log] article.mine")
