"""The bound of the rate limits: answers shown greedily in a model without a network, and at a fixed interval.

Nobody can do much better than the greedy painter: it knows how long the answers are, spends each burst evenly
over that time, and always paints the answer whose readers lose most. It is no proof of a bound.
"""

from __future__ import annotations

from dataclasses import dataclass, field

STEP_S = 0.01
FIXED_S = 1.3


@dataclass(slots=True)
class Tokens:
    """A bucket; with `window_s` a window that opens with its first call."""

    burst: float
    per_s: float
    window_s: float = 0.0
    level: float = field(init=False)
    opened: float = -1e9
    spread_at: float = 0.0

    def __post_init__(self) -> None:
        self.level = self.burst

    def step(self, now: float) -> None:
        if not self.window_s:
            self.level = min(self.burst, self.level + STEP_S * self.per_s)
        elif now >= self.opened + self.window_s - 1e-9:
            self.level = self.burst

    def take(self, now: float) -> None:
        if self.window_s and self.level >= self.burst:
            self.opened = now
        self.level -= 1

    @property
    def free(self) -> bool:
        return self.level >= 1 - 1e-9


@dataclass(slots=True)
class Painted:
    """An answer: words said and shown so far; `way` is how its message changes."""

    shown: int = 0
    way: str = ""
    since: float = 0.0
    done: bool = False
    next_s: float = 0.0
    channel: dict[str, Tokens] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Figures:
    """Mean staleness of all words, and how late the last word of the last answer was. In seconds."""

    mean_s: float
    last_s: float


def simulate(
    platform: str, answers: int, words: int, per_s: float, *, fixed: bool = False, scale: float = 1.0
) -> Figures:
    """`scale` makes the limits tighter, and the painter knows."""
    world = _World(platform, answers, words, per_s, fixed=fixed, scale=scale)
    now = 0.0
    while not all(answer.done for answer in world.answers) and now < 600:
        world.step(now)
        now += STEP_S
    return Figures(sum(world.stale) / (answers * words), max(world.ends) - words / per_s)


class _World:
    def __init__(
        self, platform: str, answers: int, words: int, per_s: float, *, fixed: bool, scale: float
    ) -> None:
        def tokens(burst: float, per_s: float, window_s: float = 0.0) -> Tokens:
            return Tokens(max(1.0, burst * scale), per_s * scale, window_s)

        self.words, self.per_s, self.fixed = words, per_s, fixed
        self.answers = [Painted() for _ in range(answers)]
        self.stale: list[float] = []
        self.ends: list[float] = []
        self.slack = platform == "slack"
        if self.slack:
            self.team = {
                "start": tokens(10, 1 / 3),
                "append": tokens(20, 5 / 3),
                "stop": tokens(10, 1 / 3),
                "edit": tokens(10, 5 / 6),
                "post": tokens(20, 5),
            }
            for answer in self.answers:
                answer.channel = {"post": tokens(3, 1)}
        else:
            self.team = {"bot": tokens(50, 50, 1.0)}
            for answer in self.answers:
                answer.channel = {"post": tokens(5, 1, 5.0), "edit": tokens(5, 1, 5.0)}

    def rate_limits(self, answer: Painted, call: str) -> list[Tokens]:
        wide = self.team[call if self.slack else "bot"]
        return [wide, answer.channel[call]] if call in answer.channel else [wide]

    def step(self, now: float) -> None:
        for tokens in self.team.values():
            tokens.step(now)
        for answer in self.answers:
            for tokens in answer.channel.values():
                tokens.step(now)
        said = min(self.words, int(now * self.per_s + 1e-9) + 1)
        if self.fixed:
            self._fixed(now, said)
        else:
            self._greedy(now, said)

    def _fixed(self, now: float, said: int) -> None:
        for answer in self.answers:
            if not answer.done and now >= answer.next_s and said > answer.shown:
                answer.next_s = now + FIXED_S  # a refused edit is not repeated before the next one is due
                self._paint(answer, "edit" if answer.shown else "post", now, said)

    def _greedy(self, now: float, said: int) -> None:
        def loss(answer: Painted) -> float:
            return (said - answer.shown) * (now - answer.since + STEP_S)

        live = [a for a in self.answers if not a.done and a.shown < said]
        for answer in sorted((a for a in live if not a.shown), key=loss, reverse=True):
            ways = ["post", "start"] if self.slack and said < self.words else ["post"]
            if len(ways) == 2 and self._share("append") >= self._share("edit"):
                ways.reverse()
            any(self._paint(answer, way, now, said) for way in ways)
        if said == self.words:
            for answer in sorted((a for a in live if a.shown), key=loss, reverse=True):
                ways = ["stop", "append"] if answer.way == "append" else ["edit", "post"]
                any(self._paint(answer, way, now, said) for way in ways)
            return
        for answer in sorted((a for a in live if a.shown), key=loss, reverse=True):
            self._spread(answer, now, said)

    def _share(self, way: str) -> float:
        tokens = self.team[way]
        total_s = self.words / self.per_s
        return (tokens.level / total_s + tokens.per_s) / (1 + sum(a.way == way for a in self.answers))

    def _spread(self, answer: Painted, now: float, said: int) -> None:
        """Words in between: each budget's calls evenly over what is left of the answers."""
        left_s = max(STEP_S, self.words / self.per_s - now)
        drawn = self.rate_limits(answer, answer.way)
        if now < max(tokens.spread_at for tokens in drawn) or not self._paint(answer, answer.way, now, said):
            return
        for tokens in drawn:
            if tokens.window_s:
                tokens.spread_at = now + (tokens.opened + tokens.window_s - now) / (tokens.level + 1)
            else:
                tokens.spread_at = now + left_s / (tokens.level + tokens.per_s * left_s)

    def _paint(self, answer: Painted, way: str, now: float, said: int) -> bool:
        drawn = self.rate_limits(answer, way)
        if not all(tokens.free for tokens in drawn):
            return False
        for tokens in drawn:
            tokens.take(now)
        first = not answer.shown
        self.stale += [now - word / self.per_s for word in range(answer.shown, said)]
        answer.shown, answer.since = said, now
        if first:
            answer.way = "append" if way == "start" else "edit"
            for tokens in self.rate_limits(answer, answer.way)[1:]:
                tokens.spread_at = now + 0.5
        if said == self.words:
            answer.done = True
            self.ends.append(now)
        return True
