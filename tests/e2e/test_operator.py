"""The operator's page: the real program in a real browser."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from core.errors import Code
from core.i18n import phrase
from core.ports.store.privacy import Feedback
from core.spend.chart_child import WIDTH
from core.values.places import Person, Place
from tests.e2e.browser import CHROMIUM, NO_BROWSER, window
from tests.e2e.conftest import model_endpoint, model_settings, slack_settings, slack_workspace
from tests.e2e.discord_people import rows
from tests.e2e.operator_page import (
    HOSTILE,
    PHONE,
    TOKEN,
    WITH_TOKEN,
    answered_before,
    database,
    failed_before,
    fits,
    sign_in,
    signed_in,
)
from tests.e2e.program import Program, free_port
from tests.e2e.test_approvals import reached
from tests.e2e.test_budgets import FINE, LIMIT
from tests.e2e.test_web import NO_KEY, answers, ask, composer, focus_is_seen
from tests.e2e.test_web_budgets import answered
from tests.fakes.completions import FakeCompletions, Status, Words
from tests.fakes.mcp import HttpServers
from tests.fakes.slack import BOT_USER, TEAM
from tests.waiting import until

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(not CHROMIUM.exists(), reason=NO_BROWSER),
]


@pytest_asyncio.fixture(loop_scope="session")
async def endpoint() -> AsyncIterator[FakeCompletions]:
    """On the loop of the browser's tests."""
    async with model_endpoint() as endpoint:
        yield endpoint


async def status_of(program: Program, path: str = "/operator", **headers: str) -> int:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{program.url}{path}", headers=given, allow_redirects=False) as answer,
    ):
        assert answer.status == 404 or "no-store" in answer.headers["Cache-Control"]
        return answer.status


async def test_without_a_token_and_without_an_admin_there_is_no_such_page(tmp_path: Path) -> None:
    settings = {"PARLEY_HTTP_HOST": "0.0.0.0"}
    async with Program(tmp_path, **settings) as program:
        for path in (
            "/operator",
            "/operator/",
            "/operator/running",
            "/operator/operator.css",
            "/operator/sign-in",
        ):
            assert await status_of(program, path) == 404
            assert await status_of(program, path, Authorization="Bearer x") == 404


async def test_who_reads_the_chat_page_of_this_machine_is_its_admin_but_nobody_behind_a_proxy(
    tmp_path: Path,
) -> None:
    async with Program(tmp_path) as program:
        assert await status_of(program) == 200
        for header in ("X_Forwarded_For", "Forwarded", "X_Real_IP"):
            assert await status_of(program, **{header: "192.0.2.1"}) == 404


async def test_an_admin_of_the_chat_page_behind_a_proxy_opens_it_without_a_token(tmp_path: Path) -> None:
    settings = {"PARLEY_ALLOWED_HOSTS": "chat.example", "PARLEY_ADMINS": "web:you"}
    async with Program(tmp_path, **settings) as program:
        assert await status_of(program, Host="chat.example", X_Forwarded_For="192.0.2.1") == 200
        assert await status_of(program, Host="evil.example") == 421


async def test_a_token_signs_a_browser_in_and_a_wrong_one_does_not(chromium: Browser, tmp_path: Path) -> None:
    async with Program(tmp_path, **WITH_TOKEN) as program, window(chromium) as page:
        await sign_in(page, program, token="another token")
        problem = page.get_by_role("alert")
        await expect(problem).to_have_text(phrase("operator_wrong_token", "en"))
        await expect(page.locator("#token")).to_be_focused()
        await signed_in(page, program)
        await expect(page.get_by_role("heading", level=1)).to_have_text("Running")
        (cookie,) = await page.context.cookies()
        assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/operator")
        assert TOKEN not in cookie["value"]
        await page.context.clear_cookies()
        await sign_in(page, program, "/failures?ref=ABC234")
        await expect(page.get_by_label("Reference of a failure")).to_have_value("ABC234")
        for address in ("/operator/", "/operator/sign-in", "/operator/retry"):
            await page.goto(f"{program.url}{address}")
            await expect(page.get_by_role("heading", level=1)).to_have_text("Running")
        (cookie,) = await page.context.cookies()
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.locator("#token")).to_be_visible()
        assert await page.context.cookies() == []
        assert await status_of(program, Cookie=f"parley_operator={cookie['value']}") == 401
    assert TOKEN not in program.output


async def test_a_script_gives_the_token_as_a_bearer_which_wrong_ones_do_not_hold_up(tmp_path: Path) -> None:
    async with Program(tmp_path, **WITH_TOKEN) as program:
        assert await status_of(program) == 401
        assert await status_of(program, Authorization=f"Bearer {TOKEN}") == 200
        wrong = [status_of(program, Authorization="Bearer wrong") for _ in range(5)]
        assert sorted(await asyncio.gather(*wrong)) == [401] * 4 + [429]
        assert await status_of(program, Authorization=f"Bearer {TOKEN}") == 200


async def test_nobody_elses_page_can_have_a_signed_in_browser_do_anything(tmp_path: Path) -> None:
    async with Program(tmp_path, **WITH_TOKEN) as program, aiohttp.ClientSession() as session:
        token = {"Authorization": f"Bearer {TOKEN}"}
        for site in ("cross-site", "same-site"):
            headers = token | {"Sec-Fetch-Site": site}
            async with session.post(f"{program.url}/operator/sign-out", headers=headers) as answer:
                assert answer.status == 403
        async with session.get(f"{program.url}/operator", headers=token) as answer:
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "script" not in policy
            assert not re.search(r"<script|style=|\son\w+=", await answer.text())


async def test_an_answer_that_is_written_and_those_behind_it_are_shown_without_their_words(
    chromium: Browser, tmp_path: Path, endpoint: FakeCompletions
) -> None:
    endpoint.script(Words("The first words " * 40, per_s=0.1), Words("second"))
    settings = model_settings(endpoint) | WITH_TOKEN | {"OPENAI_MODEL": "m-<b>1</b>"}
    settings |= {"PARLEY_GAP_S": "9999", "PARLEY_TOTAL_S": "9999"}
    async with Program(tmp_path, **settings) as program, window(chromium) as chat, window(chromium) as page:
        await chat.goto(program.url)
        await ask(chat, "a secret question?")
        await expect(answers(chat)).to_contain_text("The")
        await ask(chat, "another one?")
        await signed_in(page, program)
        running, waiting = (
            page.get_by_role("region", name="Answers being written"),
            page.get_by_role("region", name="Waiting"),
        )
        await expect(running.locator("tbody tr")).to_have_count(1)
        for words in ("being written", "m-<b>1</b>", "You", "web"):
            await expect(running).to_contain_text(words)
        await expect(waiting.locator("tbody tr")).to_have_count(1)
        assert "secret" not in await page.content()
        await chat.get_by_role("button", name="Stop").first.click()
        await expect(answers(chat).last).to_contain_text("second")
        while not await page.get_by_text("No answer is being written.").is_visible():
            await page.get_by_role("link", name="Refresh", exact=True).click()


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
async def test_it_speaks_the_readers_language_and_fits_a_phone(
    chromium: Browser, tmp_path: Path, locale: str
) -> None:
    language = locale[:2]
    async with Program(tmp_path, **WITH_TOKEN) as program, window(chromium, locale=locale, **PHONE) as page:
        await page.goto(f"{program.url}/operator")
        assert await fits(page)
        await expect(page.get_by_role("button")).to_have_text(phrase("operator_sign_in", language))
        await signed_in(page, program)
        for link in await page.get_by_role("navigation").get_by_role("link").all_inner_texts():
            await page.get_by_role("link", name=link, exact=True).click()
            await expect(page.get_by_role("heading", level=1)).to_have_text(link)
            assert await fits(page), link


async def test_a_refused_key_is_an_alert_that_stands_and_a_breaker_that_is_open_until_it_works(
    chromium: Browser, tmp_path: Path, endpoint: FakeCompletions
) -> None:
    endpoint.script(NO_KEY, Words("It works."))
    settings = model_settings(endpoint) | WITH_TOKEN
    async with Program(tmp_path, **settings) as program, window(chromium) as chat, window(chromium) as page:
        await signed_in(page, program, "/platforms")
        alerts, platforms, accounts = (
            page.get_by_role("region", name=name, exact=True)
            for name in ("Alerts that stand", "Platforms", "Accounts of models")
        )
        await expect(page.get_by_text("No alert stands.")).to_be_visible()
        await expect(accounts).to_contain_text("closed")
        await expect(platforms).to_contain_text("none since the start")
        await chat.goto(program.url)
        await ask(chat, "hello?")
        await expect(chat.get_by_role("button", name="Try again")).to_be_visible()
        await page.reload()
        await expect(alerts).to_contain_text("bad_key")
        await expect(alerts).to_contain_text("OPENAI_API_KEY")
        await expect(accounts).to_contain_text("open")
        await expect(accounts).to_contain_text("next probe in")
        await expect(platforms).to_contain_text("connected")
        await expect(platforms).not_to_contain_text("none since the start")
        await expect(page.get_by_role("region", name="Rate limits of platforms")).to_contain_text("web")
        await chat.get_by_role("button", name="Try again").click()
        await expect(answers(chat).last).to_contain_text("It works.")
        await expect(chat.get_by_role("button", name="Regenerate")).to_be_visible()
        await page.reload()
        await expect(page.get_by_text("No alert stands.")).to_be_visible()
        await expect(accounts).to_contain_text("closed")


async def test_a_failed_question_is_found_by_its_reference_and_asked_again_once(
    chromium: Browser, tmp_path: Path, endpoint: FakeCompletions
) -> None:
    refused = Status(401, '{"error": {"message": "The key <b>sk-1</b> was revoked."}}')
    endpoint.script(refused, Words("It works."))
    settings = model_settings(endpoint) | WITH_TOKEN
    async with Program(tmp_path, **settings) as program, window(chromium) as chat, window(chromium) as page:
        await chat.goto(program.url)
        await ask(chat, "hello?")
        await expect(chat.get_by_role("button", name="Try again")).to_be_visible()
        ref = re.search(r"[2-9A-Z]{6}", await answers(chat).last.inner_text())
        assert ref is not None
        await signed_in(page, program, "/failures")
        failures = page.get_by_role("region", name="What failed")
        await page.get_by_label("Reference of a failure").fill(ref[0].lower())
        await page.keyboard.press("Enter")
        await expect(page).to_have_url(re.compile(f"ref={ref[0].lower()}"))
        row = failures.locator("tbody tr", has=page.get_by_role("button"))
        for words in (
            ref[0],
            "bad_key",
            "The key <b>sk-1</b> was revoked.",
            "OPENAI_API_KEY",
            "401",
            "You",
            "GPT-5.5",
        ):
            await expect(row).to_contain_text(words)
        second = await page.context.new_page()
        await second.goto(page.url)
        await row.get_by_role("button", name="Ask again").click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("is asked again")
        await expect(answers(chat).last).to_contain_text("It works.")
        await second.get_by_role("button", name="Ask again").click()
        await expect(second.get_by_role("heading", level=1)).to_contain_text("was asked again already")
        await page.get_by_role("link", name="Failures").click()
        await expect(failures).to_contain_text("asked again: turn")
        await page.get_by_role("link", name="Asked again", exact=True).click()
        await expect(failures.locator("tbody tr")).to_have_count(1)
        await page.get_by_role("link", name="Set aside", exact=True).click()
        await expect(page.get_by_text("Nothing has failed.")).to_be_visible()


async def test_hostile_names_and_words_are_text_in_every_section(chromium: Browser, tmp_path: Path) -> None:
    async with database(tmp_path) as store:
        await failed_before(store)
        await failed_before(store, 2, code=Code.SET_ASIDE)
    async with Program(tmp_path, **WITH_TOKEN) as program, window(chromium) as page:
        alarms: list[str] = []
        page.on("dialog", lambda dialog: alarms.append(dialog.message))
        await signed_in(page, program, "/failures")
        await expect(page.get_by_role("region", name="What failed")).to_contain_text(HOSTILE[:40])
        await page.get_by_role("link", name="Set aside", exact=True).click()
        await expect(page.locator("tbody tr")).to_have_count(1)
        for name in await page.get_by_role("navigation").get_by_role("link").all_inner_texts():
            await page.get_by_role("link", name=name, exact=True).click()
            await expect(page.get_by_role("heading", level=1)).to_have_text(name)
            assert await page.locator("script, img[src=x]").count() == 0
        assert alarms == []


async def test_a_form_without_its_token_does_nothing(tmp_path: Path) -> None:
    async with database(tmp_path) as store:
        turn = await failed_before(store)
    async with Program(tmp_path) as program, aiohttp.ClientSession() as session:
        for given in ({}, {"form_token": "0" * 64}):
            data = {"turn": str(turn.id), **given}
            async with session.post(f"{program.url}/operator/retry", data=data) as answer:
                assert answer.status == 403
        async with session.get(f"{program.url}/operator/failures") as answer:
            assert "asked again: turn" not in await answer.text()
        async with session.post(f"{program.url}/operator/nothing", data=data) as answer:
            assert answer.status == 404


async def test_usage_is_shown_by_time_model_and_channel_with_a_chart_that_has_words(
    chromium: Browser, tmp_path: Path
) -> None:
    async with database(tmp_path) as store:
        for number in range(1, 4):
            await answered_before(store, number)
    async with Program(tmp_path, **WITH_TOKEN) as program, window(chromium) as page:
        await signed_in(page, program, "/usage?period=day")
        chart = page.locator("figure img")
        await expect(chart).to_have_js_property("complete", True)
        await expect(chart).to_have_js_property("naturalWidth", WIDTH)
        await expect(chart).to_have_attribute("alt", re.compile("Questions: 3"))
        models = page.get_by_role("region", name="By model")
        await expect(models.locator("tbody tr")).to_contain_text(["quick", "thorough"])
        await expect(models.locator("tbody tr").first).to_contain_text("67%")
        await expect(page.get_by_role("region", name="By channel")).to_contain_text("web · local")
        await page.get_by_text("The same as a table").click()
        await expect(page.get_by_role("region", name="By time")).to_contain_text("$0.30")
        await page.get_by_role("link", name="Earlier").click()
        await expect(page.get_by_text("Nobody asked anything in this time.").first).to_be_visible()
        await expect(chart).to_have_count(0)
        await page.get_by_role("link", name="Later").click()
        await expect(chart).to_be_visible()
        for strange in ("?period=year&on=x", "?on=0001-01-01", "?on=9999-12-31", "?period=&on=2026-02-30"):
            await page.goto(f"{program.url}/operator/usage{strange}")
            await expect(page.get_by_role("heading", level=1)).to_have_text("Usage")


async def test_a_limit_that_refuses_questions_is_allowed_once_more_and_entered_in_the_audit(
    chromium: Browser, tmp_path: Path, endpoint: FakeCompletions
) -> None:
    endpoint.default = FINE
    settings = model_settings(endpoint) | WITH_TOKEN | LIMIT | {"PARLEY_ALERT_CHANNEL": "web:web"}
    async with Program(tmp_path, **settings) as program, window(chromium) as chat, window(chromium) as page:
        await signed_in(page, program, "/budgets")
        await expect(page.get_by_text("No limit is used up")).to_be_visible()
        await chat.goto(program.url)
        for number in (1, 2):
            await answered(chat, tmp_path, f"question {number}?", number)
        await ask(chat, "question 3?")
        await expect(composer(chat)).to_have_value("question 3?")  # it was refused
        await page.reload()
        limits = page.get_by_role("region", name="Limits that refuse questions")
        await expect(limits).to_contain_text("everybody who uses Parley")
        await page.get_by_role("button", name="Allow 100 tokens more").click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("100 tokens more may be spent")
        await answered(chat, tmp_path, "question 3?", 3)
        await page.get_by_role("link", name="Budgets").click()
        await expect(limits).to_contain_text("allowed once more")
        await page.get_by_role("link", name="Audit").click()
        audit = page.get_by_role("region", name="Who changed what").locator("tbody tr")
        await expect(audit).to_have_count(1)
        for words in (
            "PARLEY_OPERATOR_TOKEN",
            "Parley",
            "Limit of spending allowed once more",
            "100 tokens a month",
        ):
            await expect(audit).to_contain_text(words)
        await chat.get_by_role("link", name=phrase("page_board", "en")).click()
        await expect(chat.locator("[role=log] article.mine")).to_contain_text("An admin allowed")


async def test_opinions_are_shown_with_their_reasons_but_not_those_of_direct_conversations(
    chromium: Browser, tmp_path: Path
) -> None:
    async with database(tmp_path) as store:
        for number in range(1, 53):
            turn = await answered_before(store, number, direct=number == 51)
            words = f"too long {HOSTILE}" if number == 52 else "in private" if number == 51 else ""
            at = datetime.now(UTC) - timedelta(hours=60 - number)
            await store.rate(turn.id, Feedback("U<1>", -1 if words else 1, words, at))
    async with Program(tmp_path, **WITH_TOKEN) as program, window(chromium) as page:
        await signed_in(page, program, "/opinions")
        rows = page.get_by_role("region", name="Opinions of answers").locator("tbody tr")
        await expect(rows).to_have_count(50)
        await expect(rows.first).to_contain_text(f"too long {HOSTILE[:40]}")
        await expect(rows.first).to_contain_text("not helpful")
        await expect(rows.nth(1)).to_contain_text("given in a direct conversation")
        assert "in private" not in await page.content()
        assert await page.locator("script, img").count() == 0
        await page.get_by_role("link", name="Older").click()
        await expect(rows).to_have_count(2)
        await expect(rows.last).to_contain_text("helpful")


async def test_settings_are_shown_with_their_origin_and_no_secret(
    chromium: Browser, tmp_path: Path, endpoint: FakeCompletions
) -> None:
    place = Place("slack", "T1", "C<1>")
    async with database(tmp_path) as store:
        await store.change(
            place, {"prompt": HOSTILE, "listen": "all"}, Person("U1", HOSTILE), datetime.now(UTC)
        )
        await store.change(replace(place, channel=""), {"model": "m"}, Person("U1", "Ada"), datetime.now(UTC))
    (tmp_path / ".env").write_text(
        "PARLEY_RATE=7\nPARLEY_SYSTEM_PROMPT=the key is sk-test, keep it\n"
        "OTEL_SERVICE_NAME=team parley\nOTEL_EXPORTER_OTLP_HEADERS=api-key=collector-key\n"
    )
    async with Program(tmp_path, **model_settings(endpoint), **WITH_TOKEN) as program, window(chromium) as page:
        await signed_in(page, program, "/settings")
        own = page.get_by_role("region", name="Parley's own settings").locator("tbody tr")
        expected = {
            "OPENAI_API_KEY": ("set", "environment"),
            "PARLEY_OPERATOR_TOKEN": ("set", "environment"),
            "PARLEY_RATE": ("7", ".env"),
            "PARLEY_PATIENCE_S": ("10", "default"),
            "SLACK_BOT_TOKEN": ("not set", "default"),
            "DATABASE_URL": ("sqlite", "default"),
            "OTEL_SERVICE_NAME": ("team parley", ".env"),
            "OTEL_EXPORTER_OTLP_HEADERS": ("set", ".env"),
        }
        for name, values in expected.items():
            row = own.filter(has=page.get_by_text(name, exact=True))
            for value in values:
                await expect(row).to_contain_text(value)
        shown = await page.content()
        assert TOKEN not in shown
        assert "sk-test" not in shown
        assert "collector-key" not in shown
        changed = page.get_by_role("region", name="Set by workspaces and channels").locator("tbody tr")
        await expect(changed).to_have_count(3)
        await expect(changed.filter(has_text="Instructions")).to_contain_text(HOSTILE[:20])
        await expect(page.get_by_role("region", name="Models")).to_contain_text("GPT-5.5")
        await changed.filter(has_text="Instructions").get_by_role("link").click()
        force = page.get_by_role("region", name="In force there").locator("tbody tr")
        await expect(force.filter(has_text="Instructions")).to_contain_text(HOSTILE[:20])
        for label, value, origin in (("Model", "m", "workspace"), ("Questions a minute", "7", "default")):
            row = force.filter(has=page.get_by_role("cell", name=label, exact=True))
            await expect(row).to_contain_text(value)
            await expect(row).to_contain_text(origin)
        before = await own.count()
        await page.get_by_role("link", name="Only those that are set").click()
        await expect(own.filter(has=page.get_by_text("PARLEY_RATE", exact=True))).to_have_count(1)
        assert await own.count() < before
        await page.get_by_role("link", name="Audit").click()
        audit = page.get_by_role("region", name="Who changed what").locator("tbody tr")
        await expect(audit).to_have_count(3)
        await expect(audit.last).to_contain_text("U1")
        assert await page.locator("script, img").count() == 0


async def test_tool_servers_and_calls_that_wait_for_a_person_are_shown(
    chromium: Browser, tmp_path: Path, endpoint: FakeCompletions
) -> None:
    servers = HttpServers(tmp_path, free_port())
    (tmp_path / "parley.toml").write_text(
        f'[[tools]]\nname = "notes"\nurl = "{servers.url("/json")}"\n'
        f'[[tools]]\nname = "away"\nurl = "http://127.0.0.1:{free_port()}/mcp"\n'
    )
    call = ("call_1", "notes__write", '{"text": "a secret note"}')
    endpoint.script(Words("I'll write that down.", calls=(call,), finish="tool_calls"))
    servers.start()
    try:
        servers.wait()
        settings = model_settings(endpoint) | WITH_TOKEN
        async with Program(tmp_path, **settings) as program, window(chromium) as chat, window(chromium) as page:
            await reached(program)
            await chat.goto(program.url)
            await ask(chat, "Note it.")
            await expect(chat.get_by_role("button", name="Show arguments")).to_be_visible()
            await signed_in(page, program, "/tools")
            approvals = page.get_by_role("region", name="Calls that wait for a person").locator("tbody tr")
            await expect(approvals).to_have_count(1)
            await expect(approvals).to_contain_text("notes: write")
            assert "secret note" not in await page.content()
            notes, away = (
                page.get_by_role("region", name="Tool servers").locator("tbody tr", has_text=name)
                for name in ("notes", "away")
            )
            await expect(notes).to_contain_text("connected")
            await notes.get_by_role("group").click()
            await expect(notes).to_contain_text("needs an approval")
            await expect(away).to_contain_text("not connected")
    finally:
        servers.kill()


async def test_everything_is_reached_by_keyboard_and_the_focus_is_seen(
    chromium: Browser, tmp_path: Path
) -> None:
    async with database(tmp_path) as store:
        await failed_before(store, name="Ada")
    async with Program(tmp_path, **WITH_TOKEN) as program, window(chromium) as page:
        await signed_in(page, program, "/failures")
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        names: list[str] = []
        while "Ask again" not in names:
            assert len(names) < 50, names
            await page.keyboard.press("Tab")
            assert await focus_is_seen(page), names
            names.append(await page.evaluate("document.activeElement.textContent || document.activeElement.id"))
        for name in ("Sign out", "Running", "Failures", "Audit", "Refresh", "ref", "Look up", "Set aside"):
            assert name in names
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_contain_text("is asked again")


async def test_a_workspace_is_shown_with_its_last_event_and_a_question_links_to_its_message(
    chromium: Browser, tmp_path: Path, endpoint: FakeCompletions
) -> None:
    endpoint.script(NO_KEY)
    async with slack_workspace() as slack:
        slack.space.add_person("U9", HOSTILE, HOSTILE)
        slack.space.add_channel("C8", "loom")
        settings = model_settings(endpoint) | WITH_TOKEN | slack_settings(slack)
        async with Program(tmp_path, **settings) as program, window(chromium) as page:
            await slack.say("U9", "C8", f"<@{BOT_USER}> why?")
            await slack.wait_for(lambda: len(slack.messages("C8")) > 1)
            await until(lambda: rows(tmp_path, "SELECT 1 FROM failures"))
            await signed_in(page, program, "/platforms")
            team = page.get_by_role("region", name="Platforms").locator("tbody tr", has_text="slack")
            for words in ("works", "connected", TEAM, "ago"):
                await expect(team.first).to_contain_text(words)
            await page.get_by_role("link", name="Failures").click()
            failed = page.get_by_role("region", name="What failed").locator("tbody tr", has_text="U9")
            await expect(failed).to_contain_text(HOSTILE[:40])
            await expect(failed.get_by_role("link", name="C8")).to_have_attribute(
                "href", re.compile("^https?://")
            )
            assert await page.locator("script, img").count() == 0
