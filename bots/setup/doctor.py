"""`parley doctor`: runs all checks side by side, and yields their findings in a fixed order.

It works beside a running Parley: it takes no lock, opens no socket that would get events, and begins no session.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import structlog

from bots.config import Config, known_names
from bots.setup.hosts import HostChecks
from bots.setup.platforms import platform_checks, platform_hosts
from bots.setup.port_check import port_checks
from bots.setup.report import exit_status, finding_to_lines, findings_to_json, summary
from bots.setup.settings_checks import (
    ENV_FILE,
    odd_settings,
    right_settings,
    settings_sources,
    wrong_settings,
)
from core.clock import Clock, ends_within
from core.errors import SettingsError
from core.llm.endpoint_checks import EndpointChecks, endpoint_hosts
from core.log import redact
from core.settings.parley_toml import FILE
from core.settings.problems import Problems
from core.settings.variables import Variables
from core.tools.server_checks import server_checks, server_hosts
from core.values.checks import Check, Finding, failed
from storage.checks import database_checks

Note = Callable[[str], None]
QUIET_S, NOTED_EACH_S = 10.0, 30.0
"""Seconds after which a person is told what is still being checked, and between two such lines."""

log = structlog.get_logger()


async def run(
    clock: Clock, tell: Callable[[str], None], note: Note, problems: Problems, *, json: bool = False
) -> int:
    """Check everything and tell each finding as soon as it is there, or all of them as JSON; `note` what takes long.
    `problems` were found before. The exit status."""
    findings: list[Finding] = []
    async for finding in examine(clock, note, problems):
        findings.append(finding)
        if not json:
            tell(finding_to_lines(finding))
    tell(findings_to_json(findings) if json else summary(findings))
    return exit_status(findings)


async def examine(clock: Clock, note: Note, problems: Problems) -> AsyncIterator[Finding]:
    """The findings of all checks, none of which holds a secret: first the places that settings are read from. With
    wrong settings nothing else is checked."""
    variables = Variables.of_process(Problems())
    named = known_names() & {name.upper() for name, value in variables.environment.items() if value}
    file = Path(variables.in_capitals().given.get("PARLEY_CONFIG") or FILE)
    yield settings_sources(Path.cwd(), [ENV_FILE, file], named)
    try:
        config = Config.load(problems)
    except SettingsError as error:
        for finding in (*wrong_settings(error.lines), *odd_settings(error.warnings)):
            yield finding
        return
    secrets = config.secrets()
    files = [ENV_FILE, Path(config.core.parley_config or FILE)]
    for finding in (*right_settings(files), *odd_settings(config.warnings)):
        yield finding
    async for finding in once_each(run_checks(all_checks(config, clock), clock, note)):
        yield replace(finding, detail=redact(finding.detail, secrets), todo=redact(finding.todo, secrets))


def all_checks(config: Config, clock: Clock) -> list[Check]:
    """The checks in the order of the report: hosts first, since other findings may depend on them."""
    hosts = [
        *platform_hosts(config),
        *endpoint_hosts(config.catalog),
        *server_hosts(config.tool_servers),
    ]
    return [
        *HostChecks(hosts, clock, signed=config.slack.slack_signing_secret is not None).all(),
        *platform_checks(config, clock),
        *EndpointChecks(config.catalog, config.core, clock, offered=config.offered).all(),
        *server_checks(config.tool_servers),
        *database_checks(config.database),
        *port_checks(config.web.parley_http_host, config.web.parley_http_port),
    ]


async def once_each(findings: AsyncIterator[Finding]) -> AsyncIterator[Finding]:
    """`findings`, where those that fail for lack of a host point to the line that says why."""
    causes: dict[str, str] = {}
    async for finding in findings:
        cause = next((causes[host] for host in finding.unreached if host in causes), "")
        if cause and cause != finding.check:
            yield replace(finding, detail=f"could not be checked: see {cause}", todo="")
            continue
        if finding.check.split()[0] in ("host", "hosts"):
            causes |= dict.fromkeys(finding.unreached, finding.check)
        yield finding


async def run_checks(checks: Sequence[Check], clock: Clock, note: Note) -> AsyncIterator[Finding]:
    """The findings of `checks` in their order, each as soon as those before it are there. All run side by side."""
    running = [asyncio.create_task(_run(check, clock)) for check in checks]
    noting = asyncio.create_task(_note_slow(dict(zip(running, checks, strict=True)), clock, note))
    try:
        for task in running:
            for finding in await task:
                yield finding
    finally:
        noting.cancel()
        for task in running:
            task.cancel()
        await asyncio.gather(noting, *running, return_exceptions=True)


async def _note_slow(
    running: Mapping[asyncio.Task[Sequence[Finding]], Check], clock: Clock, note: Note
) -> None:
    """Note from time to time which checks still run. Until cancelled."""
    began_s, pause_s = clock.monotonic(), QUIET_S
    while True:
        await clock.sleep(pause_s)
        slow = [check for task, check in running.items() if not task.done()]
        if slow:
            names = ", ".join(f"{one.name} ({one.patience})" if one.patience else one.name for one in slow)
            note(f"still checking after {clock.monotonic() - began_s:.0f} s: {names}")
        pause_s = NOTED_EACH_S


async def _run(check: Check, clock: Clock) -> Sequence[Finding]:
    """The findings of one check. A check that takes too long, or that fails itself, is a finding too."""
    work = asyncio.ensure_future(check.run())
    if not await ends_within(work, check.limit_s, clock):
        todo = "see whether the service, or the network in between, is slow, and run it again"
        return [failed(check.name, f"no result within {check.limit_s:g} s", todo)]
    error = work.exception()
    if error is None:
        return work.result()
    log.critical("check_failed", check=check.name, kind=type(error).__name__)
    todo = "this is a fault of Parley: please report it with the line check_failed on standard error"
    return [failed(check.name, "the check itself failed", todo)]
