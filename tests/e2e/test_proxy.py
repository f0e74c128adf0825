"""The page behind the real nginx with the configuration of deploy/README.md. The sign-in is a stand-in: a cookie."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.e2e.browser import CHROMIUM, NO_BROWSER, window
from tests.e2e.conftest import model_endpoint, model_settings
from tests.e2e.program import Program, free_port
from tests.e2e.test_web import answers, ask
from tests.fakes.completions import FakeCompletions, Words
from tests.waiting import HANG_S

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
TOP = Path(__file__).parents[2]
NAME = "chat.localhost"
UPSTREAM = "http://127.0.0.1:8080"
SIGN_IN = """
    location = /oauth2/auth { internal; if ($cookie_signed_in = "") { return 401; } return 202; }
    location /oauth2/sign_in { return 403 "Please sign in"; }
"""

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(NGINX is None, reason="no nginx (apt-get install nginx-light): the proxy is not tested"),
]


@pytest_asyncio.fixture(loop_scope="session")
async def endpoint() -> AsyncIterator[FakeCompletions]:
    """On the loop of the browser's tests."""
    async with model_endpoint() as endpoint:
        yield endpoint


def documented(upstream: str) -> str:
    """The locations of the README, before this upstream."""
    text = (TOP / "deploy" / "README.md").read_text()
    found = re.search(r"^    location / \{\n.*?\n\n", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    assert UPSTREAM in found[0]
    return found[0].replace(UPSTREAM, upstream)


@asynccontextmanager
async def proxy(folder: Path, upstream: str) -> AsyncIterator[str]:
    """The address of an nginx before `upstream`, once it listens."""
    port = free_port()
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    bodies = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log stderr; events {{}}\n"
        f"http {{ access_log off; {bodies}\nserver {{ listen 127.0.0.1:{port};\n{SIGN_IN}{documented(upstream)} }} }}"
    )
    assert NGINX is not None
    command = [NGINX, "-p", str(folder), "-c", "nginx.conf", "-e", "stderr"]
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(HANG_S):
            while process.returncode is None:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                await asyncio.sleep(0.02)
        if process.returncode is not None:
            assert process.stderr is not None
            raise AssertionError((await process.stderr.read()).decode())
        yield f"http://{NAME}:{port}"
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def status_and_text(url: str, **headers: str) -> tuple[int, str]:
    async with (
        aiohttp.ClientSession(headers={"Host": NAME, **headers}) as session,
        session.get(url.replace(NAME, "127.0.0.1")) as response,
    ):
        return response.status, await response.text()


async def test_behind_the_proxy_nobody_reads_without_signing_in_but_slack(
    tmp_path: Path, endpoint: FakeCompletions
) -> None:
    settings = {"PARLEY_ALLOWED_HOSTS": NAME, **model_settings(endpoint)}
    async with Program(tmp_path, **settings) as program, proxy(tmp_path, program.url) as url:
        for path in ("/", "/api/threads", "/operator", "/metrics"):
            assert await status_and_text(f"{url}{path}") == (HTTPStatus.FORBIDDEN, "Please sign in"), path
        status, text = await status_and_text(f"{url}/", Cookie="signed_in=yes")
        assert status == HTTPStatus.OK
        assert "Parley" in text
        assert (await status_and_text(f"{url}/slack/events"))[1] != "Please sign in"


@pytest.mark.skipif(not CHROMIUM.exists(), reason=NO_BROWSER)
async def test_behind_the_proxy_an_answer_is_shown_as_it_grows(
    chromium: Browser, tmp_path: Path, endpoint: FakeCompletions
) -> None:
    endpoint.script(Words("One two three four five six seven eight nine ten eleven twelve.", per_s=1))
    settings = {"PARLEY_ALLOWED_HOSTS": NAME, **model_settings(endpoint)}
    async with (
        Program(tmp_path, **settings) as program,
        proxy(tmp_path, program.url) as url,
        window(chromium) as page,
    ):
        await page.context.add_cookies([{"name": "signed_in", "value": "yes", "url": url}])
        await page.goto(url)
        await ask(page, "count")
        log = page.get_by_role("log")
        await expect(log).to_contain_text("One two")
        assert "twelve" not in await log.inner_text(), "it was held back"
        endpoint.hurry()
        await expect(log).to_contain_text("eleven twelve.")
        await expect(answers(page)).to_have_attribute("aria-busy", "false")
