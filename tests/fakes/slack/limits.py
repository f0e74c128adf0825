"""Slack's rate limits as data, and the token buckets that enforce them.

Numbers: https://docs.slack.dev/apis/web-api/rate-limits/ gives the tiers ("50+ per minute") per method and
workspace, and one message a second per channel for posting. The bursts are not published; these are the ones
that Parley's benchmarks assume.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Rule:
    """One budget. A call must find a token in every rule of its method, or it is refused and takes none."""

    methods: tuple[str, ...]
    burst: float
    per_min: float
    scope: str = "team"  # or "channel", or "person"
    page_max: int | None = None  # the most messages one page may hold


Limits = Sequence[Rule]

POSTS = ("chat.postMessage",)
REPLIES = ("conversations.replies",)
HISTORY = ("conversations.history",)

# Ten a minute for a person: https://docs.slack.dev/apis/web-api/real-time-search-api
SEARCHES = Rule(("assistant.search.context",), burst=10, per_min=10, scope="person")

DOCUMENTED: Limits = (
    Rule(POSTS, burst=3, per_min=60, scope="channel"),
    Rule(POSTS, burst=20, per_min=300),
    Rule(("chat.update",), burst=10, per_min=50),
    Rule(("chat.delete",), burst=10, per_min=50),
    Rule(("chat.startStream",), burst=10, per_min=20),
    Rule(("chat.appendStream",), burst=20, per_min=100),
    Rule(("chat.stopStream",), burst=10, per_min=20),
    Rule(("chat.postEphemeral",), burst=20, per_min=100),
    Rule(REPLIES, burst=10, per_min=50),
    Rule(HISTORY, burst=10, per_min=50),
    Rule(("users.info",), burst=20, per_min=100),
    Rule(("users.list",), burst=5, per_min=20),
    Rule(("users.conversations",), burst=10, per_min=50),
    Rule(("conversations.info",), burst=10, per_min=50),
    Rule(("conversations.members",), burst=20, per_min=100),
    Rule(("reactions.add",), burst=10, per_min=50),
    Rule(("views.open",), burst=20, per_min=100),
    Rule(("apps.connections.open",), burst=10, per_min=50),
    SEARCHES,
)

# Apps distributed outside the Marketplace: https://docs.slack.dev/changelog/2025/05/29/rate-limit-changes-for-non-marketplace-apps/
RESTRICTED: Limits = (
    *(rule for rule in DOCUMENTED if rule.methods not in (REPLIES, HISTORY)),
    Rule(REPLIES, burst=1, per_min=1, page_max=15),
    Rule(HISTORY, burst=1, per_min=1, page_max=15),
)


def scaled(limits: Limits, factor: float) -> Limits:
    """The same limits, `factor` times as generous; a burst never falls below one."""
    return tuple(replace(r, burst=max(1, r.burst * factor), per_min=r.per_min * factor) for r in limits)


@dataclass(slots=True)
class Bucket:
    """Tokens of one rule in one scope."""

    tokens: float
    at: float


class Limiter:
    """Grants or refuses calls. `limits` may be exchanged at any time; None grants everything."""

    def __init__(self, limits: Limits | None, now: Callable[[], float]) -> None:
        self.limits = limits
        self.refused: Counter[str] = Counter()
        self.person = ""  # for whom the next call is made, where it says so
        self._now = now
        self._buckets: dict[tuple[Rule, str], Bucket] = {}

    def take(self, method: str, team: str, args: dict[str, Any]) -> int:
        """Seconds to wait before a call may be repeated; 0 when it is granted."""
        channel = str(args.get("channel") or args.get("channel_id") or "")
        scopes = {"team": team, "channel": channel, "person": self.person}
        drawn = [
            (rule, self._bucket(rule, scopes[rule.scope]))
            for rule in self.limits or ()
            if method in rule.methods
        ]
        waits = [(1 - bucket.tokens) * 60 / rule.per_min for rule, bucket in drawn if bucket.tokens < 1 - 1e-9]
        if waits:
            self.refused[method] += 1
            return max(1, math.ceil(max(waits)))
        for _, bucket in drawn:
            bucket.tokens -= 1
        return 0

    def page_max(self, method: str) -> int:
        """The most messages one page of `method` may hold."""
        return min((r.page_max for r in self.limits or () if method in r.methods and r.page_max), default=1000)

    def _bucket(self, rule: Rule, scope: str) -> Bucket:
        now = self._now()
        bucket = self._buckets.setdefault((rule, scope), Bucket(rule.burst, now))
        bucket.tokens = min(rule.burst, bucket.tokens + (now - bucket.at) * rule.per_min / 60)
        bucket.at = now
        return bucket
