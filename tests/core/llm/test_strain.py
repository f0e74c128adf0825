"""Many questions of every fate at once, some stopped at any moment: afterwards nothing is held."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import aclosing
from random import Random

from pydantic import SecretStr

from core.clock import SystemClock
from core.errors import ModelError
from core.llm.catalog import Account, ModelCatalog, Route
from core.llm.client import CompletionsClient
from core.llm.response_reader import ReadTimeouts
from core.llm.retry_policy import RetryBudget, keys_of
from core.llm.router import ModelRouter
from core.operators.alerts import OperatorAlerts
from core.ports.model import Request
from core.values.conversation import text_message
from core.values.deltas import ModelInfo
from tests.fakes.completions import QUIRKS, STATUSES, FakeCompletions, Refused, Reply, Words
from tests.waiting import HANG_S, until

QUESTIONS = 200
IDLE = 20
"""As many connections as the client keeps for the next question."""
SILENT_OR_LARGE = (31, 34)
REPLIES: list[Reply] = [
    *(quirk.reply for quirk in QUIRKS.values() if quirk.row not in SILENT_OR_LARGE),
    *(case.reply for case in STATUSES.values()),
    *(Refused(), Words("One two three"), Words("One two three", per_s=100)) * 20,
]


class Hurried(SystemClock):
    async def sleep(self, seconds: float) -> None:
        await super().sleep(min(seconds, 0.02))


async def test_nothing_is_held_after_many_questions_of_every_fate() -> None:
    random, model_info = Random(4), ModelInfo("test-model")
    fates: Counter[str] = Counter()
    async with FakeCompletions(default=lambda _: random.choice(REPLIES)) as fake:
        account = Account("one/only", "one", fake.base_url, SecretStr("sk-test"), concurrency=30)
        route, clock = Route(account, model_info, model_info.name), Hurried()
        client = CompletionsClient(fake.base_url, "sk-test", SystemClock(), ReadTimeouts(tail_s=0.05))
        pool = ModelRouter(
            ModelCatalog(model_info, (route,)),
            {account.name: client},
            clock,
            OperatorAlerts(clock),
            RetryBudget(4, HANG_S),
        )
        concurrency = pool.limiters[account.name]

        async def ask(number: int) -> str:
            request = Request((text_message("user", "Hi"),), model_info.name, fair_key=str(number % 7))
            few = random.choice([None, None, 1, 3])
            try:
                async with aclosing(pool.stream(request)) as deltas:
                    async for _ in deltas:
                        few = few - 1 if few else few
                        if few == 0:
                            return "left"
            except ModelError:
                return "failed"
            return "answered"

        asking = [asyncio.create_task(ask(number)) for number in range(QUESTIONS)]
        stopped = 0
        for task in asking[::5]:
            for _ in range(random.randrange(6)):
                await asyncio.sleep(0)
            stopped += task.cancel()
        for end in await asyncio.gather(*asking, return_exceptions=True):
            assert isinstance(end, str | asyncio.CancelledError), repr(end)
            fates[end if isinstance(end, str) else "stopped"] += 1

        assert set(fates) == {"answered", "failed", "left", "stopped"}
        assert fates["stopped"] == stopped, "no stop is lost"
        assert (concurrency.inside, concurrency.full("0", clock.monotonic())) == (0, False)
        assert pool.breakers.allow(keys_of(route), clock.monotonic() + 1e6), "no probe is under way"
        await until(lambda: fake.open_connections <= IDLE)
        await pool.close()
        await until(lambda: fake.open_connections == 0)
        await until(lambda: len(asyncio.all_tasks()) == 1)
        assert fake.problems == []
