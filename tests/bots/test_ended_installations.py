"""What there is of a team in a running Parley goes with its installation."""

from __future__ import annotations

from bots.app import App
from core.clock import SystemClock
from core.ports.model import Request
from core.values.conversation import text_message
from core.values.model_accounts import ModelAccount
from tests.bots.test_start_lines import config
from tests.contract.stored import ANN, NOON
from tests.core.llm.test_workspace_models import OWN, holders_of_key
from tests.fakes.completions import FakeCompletions, Words
from tests.fakes.memory import MemoryStore
from tests.waiting import until


async def test_the_key_of_a_team_leaves_the_memory_as_its_installation_ends() -> None:
    store = MemoryStore(SystemClock())
    async with FakeCompletions(keys=(OWN,)) as own:
        own.default = Words("The workspace's.")
        app = App(config({"PARLEY_WEB": "on", "PARLEY_ACCOUNT_HOSTS": "127.0.0.1"}), store, lambda line: None)
        try:
            account = ModelAccount("web", "T1", own.base_url, ("large",), OWN[-4:])
            account = await store.put_model_account(account, OWN, ANN, NOON)
            request = Request((text_message("user", "why?"),), "large", account=account)
            async for _ in app.parts.newest.model.stream(request):
                pass
            assert holders_of_key()
            await app.ended_teams.end("web", "T1")
            await until(lambda: not holders_of_key())
        finally:
            await app.live_parts.close()
