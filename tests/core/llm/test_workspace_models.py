"""Model accounts of workspaces: who is asked with which key, and which addresses are refused."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

import httpx
import pytest
import structlog

from core.clock import SystemClock
from core.errors import Code, ModelError
from core.i18n import error_text
from core.llm import create_model
from core.llm.catalog import environment_to_catalog
from core.llm.checked_transport import CheckedTransport
from core.llm.client import CompletionsClient
from core.llm.workspace_models import FOLLOWED_EVERY_S, AccountModel, WorkspaceModels
from core.ports.model import Request
from core.settings.environment import CoreSettings
from core.values.conversation import text_message
from core.values.deltas import ModelSelected
from core.values.model_accounts import ModelAccount
from core.values.parts import Text
from tests.contract.stored import ANN, NOON
from tests.core.llm.test_embeddings import Observer
from tests.fakes.clock import FakeClock
from tests.fakes.completions import FakeCompletions, Status, Words
from tests.fakes.memory import MemoryStore
from tests.waiting import until

OPERATORS, OWN = "sk-of-the-operator-0001", "sk-of-the-workspace-0002"


class Rig:
    """`operators` is the endpoint of the operator, `own` that of the workspace T1."""

    def __init__(self, operators: FakeCompletions, own: FakeCompletions, hosts: str) -> None:
        self.operators, self.own = operators, own
        self.clock = SystemClock()
        self.store = MemoryStore(self.clock)
        self.observer = Observer()
        core = CoreSettings(
            _env_file=None,
            openai_base_url=operators.base_url,
            openai_api_key=OPERATORS,
            parley_account_hosts=hosts,
        )
        self.workspaces = WorkspaceModels(self.store, core, self.clock, self.observer)
        operators_model = create_model(core, environment_to_catalog(core), self.clock, self.observer)
        self.model = AccountModel(operators_model, self.workspaces)

    async def set(self, *models: str, key: str = OWN, url: str = "") -> ModelAccount:
        account = ModelAccount("slack", "T1", url or self.own.base_url, models or ("large",), key[-4:])
        return await self.store.put_model_account(account, key, ANN, NOON)

    async def ask(
        self, account: ModelAccount | None, model: str = "large", *, priced: bool = False
    ) -> tuple[str, list[str]]:
        """The words of the answer, and the models that were selected."""
        request = Request((text_message("user", "why?"),), model, account=account, priced=priced)
        words, models = "", []
        async with aclosing(self.model.stream(request)) as deltas:
            async for delta in deltas:
                words += delta.text if isinstance(delta, Text) else ""
                models += [delta.model_info.name] if isinstance(delta, ModelSelected) else []
        return words, models


@asynccontextmanager
async def at_rig(hosts: str = "127.0.0.1") -> AsyncIterator[Rig]:
    async with FakeCompletions(keys=(OPERATORS,)) as operators, FakeCompletions(keys=(OWN,)) as own:
        operators.default, own.default = Words("The operator's."), Words("The workspace's.")
        rig = Rig(operators, own, hosts)
        try:
            yield rig
        finally:
            await rig.workspaces.close()
            await rig.model.close()


async def test_an_account_alone_answers_its_workspace_and_no_key_goes_to_the_other_endpoint() -> None:
    async with at_rig() as rig:
        account = await rig.set("large")
        assert await rig.ask(account) == ("The workspace's.", ["large"])
        assert not rig.operators.requests
        assert await rig.ask(None) == ("The operator's.", ["large"])
        assert [one.account for one in (*rig.own.requests, *rig.operators.requests)] == [0, 0]


async def test_an_account_answers_without_a_price_also_where_a_limit_in_money_holds() -> None:
    async with at_rig() as rig:
        account = await rig.set("large")
        assert await rig.ask(account, priced=True) == ("The workspace's.", ["large"])
        with pytest.raises(ModelError):
            await rig.ask(None, priced=True)
        assert not rig.operators.requests


async def test_a_failing_account_has_no_answer_of_the_operators_models_and_no_alert() -> None:
    async with at_rig() as rig:
        account = await rig.set("large")
        rig.own.default = Status(401, {"error": {"message": f"Incorrect API key provided: {OWN}"}})
        with pytest.raises(ModelError) as failed:
            await rig.ask(account)
        assert failed.value.own_account
        assert OWN not in str(failed.value)
        assert error_text(failed.value, "en").startswith("The model account of this workspace refuses its key.")
        assert not rig.operators.requests
        assert rig.observer.causes == []


async def test_only_the_models_of_the_account_are_asked_there() -> None:
    async with at_rig() as rig:
        account = await rig.set("large", "small")
        assert (await rig.ask(account, "small"))[1] == ["small"]
        assert (await rig.ask(account, "of-the-operator"))[1] == ["large"]
        assert [one.body["model"] for one in rig.own.requests] == ["small", "large"]


async def test_a_changed_account_is_asked_with_the_new_key_at_the_new_address() -> None:
    async with at_rig() as rig:
        before = await rig.set("large")
        await rig.ask(before)
        async with FakeCompletions(keys=("sk-another-key-0003",)) as other:
            other.default = Words("Another's.")
            after = await rig.set("large", key="sk-another-key-0003", url=other.base_url)
            assert (await rig.ask(after))[0] == "Another's."
            assert (await rig.ask(replace(before, version=-1)))[0] == "Another's."
            assert [one.account for one in other.requests] == [0, 0]
        assert len(rig.own.requests) == 1


def holders_of_key() -> list[CompletionsClient]:
    """The clients in memory that have the key of the workspace."""
    gc.collect()
    return [one for one in gc.get_objects() if type(one) is CompletionsClient and one._key == OWN]


@pytest.mark.parametrize("change", ["removed", "changed", "ended"])
async def test_the_key_of_an_account_that_is_no_more_leaves_the_memory(change: str) -> None:
    async with at_rig() as rig:
        await rig.ask(await rig.set("large"))
        assert holders_of_key()
        if change == "removed":
            await rig.store.remove_model_account("slack", "T1", ANN, NOON)
        elif change == "changed":
            await rig.set("large", key="sk-another-key-0003")
        else:
            rig.workspaces.forget("slack", "T1")
        await rig.workspaces.drop_outdated()
        await until(lambda: not holders_of_key())


async def test_an_account_that_stays_keeps_its_connections() -> None:
    async with at_rig() as rig:
        await rig.ask(await rig.set("large"))
        (client,) = holders_of_key()
        await rig.workspaces.drop_outdated()
        rig.workspaces.forget("slack", "T2")
        assert holders_of_key() == [client]


async def test_accounts_are_followed_every_minute_also_after_the_database_was_away() -> None:
    async with at_rig() as rig:
        rig.workspaces.clock = clock = FakeClock()
        await rig.ask(await rig.set("large"))
        running = asyncio.create_task(rig.workspaces.run())
        await rig.store.remove_model_account("slack", "T1", ANN, NOON)
        rig.store.failing = True
        await clock.advance(FOLLOWED_EVERY_S)
        assert holders_of_key()
        rig.store.failing = False
        await clock.advance(FOLLOWED_EVERY_S)
        await until(lambda: not holders_of_key())
        running.cancel()


async def test_a_removed_account_is_not_asked_and_nobody_else_in_its_place() -> None:
    async with at_rig() as rig:
        account = await rig.set("large")
        await rig.store.remove_model_account("slack", "T1", ANN, NOON)
        with pytest.raises(ModelError) as failed:
            await rig.ask(account)
        assert (failed.value.code, failed.value.own_account) == (Code.CHANGED, True)
        assert not rig.own.requests
        assert not rig.operators.requests


async def test_the_key_of_an_account_does_not_appear_in_its_answers() -> None:
    async with at_rig() as rig:
        account = await rig.set("large")
        rig.own.default = Words(f"Your key is {OWN}.")
        assert (await rig.ask(account))[0] == "Your key is [redacted]."


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/v1",
        "https://localhost/v1",
        "https://2130706433/v1",
        "https://[::1]/v1",
        "https://[::ffff:10.0.0.1]/v1",
        "https://10.0.0.1/v1",
        "https://192.168.1.1/v1",
        "https://169.254.169.254/v1",
        "https://0.0.0.0/v1",
        "http://93.184.215.14/v1",
    ],
)
async def test_an_address_outside_of_the_public_internet_or_without_tls_is_refused(url: str) -> None:
    async with at_rig(hosts="") as rig:
        with pytest.raises(ModelError) as refused:
            await rig.workspaces.verify(ModelAccount("slack", "T1", url, ("large",)), OWN)
        assert refused.value.code is Code.SETTINGS


async def test_a_question_to_a_refused_address_is_not_tried_again_and_has_words_of_its_own() -> None:
    async with at_rig(hosts="") as rig:
        account = await rig.set("large", "small", url="https://127.0.0.1/v1")
        with structlog.testing.capture_logs() as logged, pytest.raises(ModelError) as refused:
            await rig.ask(account)
    assert (refused.value.code, refused.value.own_account) == (Code.SETTINGS, True)
    assert error_text(refused.value, "en").startswith(
        "The address of the model account of this workspace is refused"
    )
    assert [one["next"] for one in logged if one["event"].startswith("model_")] == ["give_up"]
    assert not rig.observer.causes


async def test_a_redirect_of_an_account_is_not_followed() -> None:
    async with at_rig() as rig:
        rig.own.default = Status(307, "", (("Location", rig.operators.base_url),))
        with pytest.raises(ModelError) as refused:
            await rig.workspaces.verify(ModelAccount("slack", "T1", rig.own.base_url, ("large",)), OWN)
        assert refused.value.code is Code.WRONG_URL
        assert not rig.operators.requests


async def test_a_check_asks_one_small_question_of_the_first_model() -> None:
    async with at_rig() as rig:
        await rig.workspaces.verify(ModelAccount("slack", "T1", rig.own.base_url, ("large", "small")), OWN)
        (asked,) = rig.own.requests
        assert (asked.body["model"], asked.account) == ("large", 0)
        assert asked.body.get("max_tokens", asked.body.get("max_completion_tokens")) == 16


class Wire(httpx.AsyncBaseTransport):
    """Keeps the requests that it is given."""

    def __init__(self, refuses: tuple[str, ...] = ()) -> None:
        self.requests: list[httpx.Request] = []
        self.refuses = refuses

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.url.host in self.refuses:
            raise httpx.ConnectError("refused", request=request)
        return httpx.Response(200)


async def test_a_connection_goes_to_the_address_that_was_checked_under_the_name_of_the_host() -> None:
    async def found(host: str, port: int) -> list[str]:
        return ["93.184.215.14", "93.184.215.15"]

    direct, usual = Wire(refuses=("93.184.215.14",)), Wire()
    transport = CheckedTransport(direct, usual, lambda host: False, found)
    async with httpx.AsyncClient(transport=transport) as client:
        await client.post("https://models.example/v1", content=b"{}")
    assert [str(one.url) for one in direct.requests] == ["https://93.184.215.14/v1", "https://93.184.215.15/v1"]
    assert {one.headers["host"] for one in direct.requests} == {"models.example"}
    assert {one.extensions["sni_hostname"] for one in direct.requests} == {"models.example"}
    assert not usual.requests


async def test_an_encoded_name_is_looked_up_and_certified_as_it_is_written() -> None:
    asked = list[str]()

    def trusts(host: str) -> bool:
        asked.append(host)
        return False

    async def found(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["93.184.215.14"]

    direct = Wire()
    transport = CheckedTransport(direct, Wire(), trusts, found)
    async with httpx.AsyncClient(transport=transport) as client:
        await client.post("https://xn--strae-oqa.de/v1")
        await client.post("https://stra\N{LATIN SMALL LETTER SHARP S}e.de/v1")
    assert asked == ["xn--strae-oqa.de"] * 4
    assert {one.extensions["sni_hostname"] for one in direct.requests} == {"xn--strae-oqa.de"}


async def test_a_host_with_one_private_address_among_others_is_refused() -> None:
    async def found(host: str, port: int) -> list[str]:
        return ["93.184.215.14", "10.0.0.1"]

    direct = Wire()
    transport = CheckedTransport(direct, Wire(), lambda host: False, found)
    async with httpx.AsyncClient(transport=transport) as client:
        with pytest.raises(ModelError) as refused:
            await client.post("https://models.example/v1")
    assert refused.value.code is Code.SETTINGS
    assert not direct.requests
