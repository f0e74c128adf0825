"""The hosts that Parley has to reach, each by name, TLS and its proxy; and the clock, by the dates that they send."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import aiohttp

from core.clock import Clock
from core.connection_problems import ConnectionProblem, connection_problem
from core.values.checks import Check, Finding, Host, failed, host_of, ok, warning

REACHED_WITHIN_S = 8.0
MOST_SKEW_S, MOST_SIGNED_SKEW_S = 60.0, 300.0
"""Seconds by which the clock may be wrong without a warning, and without Slack's signed requests being refused:
https://docs.slack.dev/authentication/verifying-requests-from-slack"""

_OF_ALL = {ConnectionProblem.NAME, ConnectionProblem.NO_ROUTE, ConnectionProblem.TIME}
"""Problems that are of the machine's network where they are those of all hosts."""
_TODO = {
    ConnectionProblem.NAME: "check the name, and the DNS of this machine",
    ConnectionProblem.CERTIFICATE: "name the certificates of your proxy in SSL_CERT_FILE, or check the address",
    ConnectionProblem.TLS: "check that the address is https, and what stands between",
    ConnectionProblem.TIME: "let the firewall pass connections to {name}",
    ConnectionProblem.NO_ROUTE: "check the network of this machine, and the address",
    ConnectionProblem.REFUSED: "check that {name} runs, and that the firewall passes it",
}


@dataclass(frozen=True, slots=True)
class _Reached:
    """The answer of a host, or why there was none. `skew_s`: how far our clock is ahead of the host's; None where the
    host did not say."""

    host: Host
    problem: str = ""
    todo: str = ""
    skew_s: float | None = None


class HostChecks:
    """Checks `hosts`, each once. `signed`: requests come in that are valid for five minutes after their date."""

    def __init__(self, hosts: Iterable[Host], clock: Clock, *, signed: bool = False) -> None:
        by_address: dict[tuple[str, str], list[Host]] = {}
        for host in hosts:
            by_address.setdefault((_origin(host.url), host.proxy), []).append(host)
        self._hosts = [
            Host(origin, ", ".join(dict.fromkeys(one.use for one in same)), proxy)
            for (origin, proxy), same in by_address.items()
        ]
        self._clock = clock
        self._signed = signed

    def all(self) -> list[Check]:
        return [Check("hosts", self._run, REACHED_WITHIN_S + 5.0)]

    async def _run(self) -> Sequence[Finding]:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=REACHED_WITHIN_S)) as session:
            reached = await asyncio.gather(*(self._reach(session, host) for host in self._hosts))
        return [*_host_findings(reached), self._clock_finding(reached)]

    async def _reach(self, session: aiohttp.ClientSession, host: Host) -> _Reached:
        if host.proxy.startswith("socks"):
            return _Reached(host, "can't be tried through a SOCKS proxy; the checks of its service decide")
        try:
            async with session.get(host.url, proxy=host.proxy or None, allow_redirects=False) as response:
                return _Reached(host, skew_s=self._skew_s(response.headers.get("Date", "")))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return _Reached(host, *_problem(error, host))

    def _skew_s(self, date: str) -> float | None:
        try:
            told = parsedate_to_datetime(date)
        except ValueError:
            return None
        return (self._clock.now() - _aware(told)).total_seconds()

    def _clock_finding(self, reached: Sequence[_Reached]) -> Finding:
        skews = sorted((one.skew_s for one in reached if one.skew_s is not None), key=abs)
        if not skews:
            return warning("clock", "no service told its time, so the clock can't be verified")
        skew_s = skews[len(skews) // 2]
        said = f"{abs(skew_s):.0f} s {'ahead of' if skew_s > 0 else 'behind'} the clocks of the services"
        todo = "set the clock by NTP: timedatectl set-ntp true"
        if self._signed and abs(skew_s) > MOST_SIGNED_SKEW_S:
            return failed("clock", f"{said}: Slack's signed requests are refused", todo)
        if abs(skew_s) > MOST_SKEW_S:
            return warning("clock", f"{said}: days of budgets and reports begin at the wrong time", todo)
        return ok("clock", "agrees with the clocks of the services")


def _host_findings(reached: Sequence[_Reached]) -> list[Finding]:
    """One finding for each host; one for all where none is reached for one reason, such as a lack of DNS."""
    problems = {one.problem for one in reached}
    if len(reached) == 1 or problems - _OF_ALL or len(problems) != 1:
        return [_host_finding(one) for one in reached]
    names = [host_of(one.host.url) for one in reached]
    todo = "check the network of this machine, its DNS, and whether HTTPS_PROXY has to be set"
    return [failed("hosts", f"none is reached: {problems.pop()} ({', '.join(names)})", todo, *names)]


def _host_finding(reached: _Reached) -> Finding:
    host = reached.host
    through = f" through the proxy {host_of(host.proxy)}" if host.proxy else ""
    shown = host_of(host.url)
    name = f"host {shown}"
    if not reached.problem:
        return ok(name, f"reached{through} (for {host.use})")
    if not reached.todo:
        return warning(name, f"{reached.problem} (for {host.use})")
    return failed(name, f"{reached.problem}{through} (for {host.use})", reached.todo, shown)


def _problem(error: Exception, host: Host) -> tuple[str, str]:
    """The problem in words, and what to do about it."""
    name = host_of(host.url)
    match error:
        case aiohttp.ClientHttpProxyError():
            return f"the proxy refuses the connection (HTTP {error.status})", f"let the proxy pass {name}"
        case aiohttp.ClientProxyConnectionError():
            return "the proxy can't be reached", "check HTTPS_PROXY and NO_PROXY"
    problem = connection_problem(error)
    return problem, _TODO.get(problem, "check what stands between here and {name}").format(name=name)


def _origin(url: str) -> str:
    """The address of the host of `url`, in http or https."""
    parts = urlsplit(url)
    scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
    return f"{scheme}://{host_of(url)}/"


def _aware(time: datetime) -> datetime:
    """HTTP dates are in UTC: https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7"""
    return time if time.tzinfo else time.replace(tzinfo=UTC)
