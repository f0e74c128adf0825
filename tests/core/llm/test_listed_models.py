"""The lists of models of endpoints: names that people choose, and those that are set."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from core.errors import Code
from core.llm.catalog import ModelCatalog, environment_to_catalog
from core.llm.listed_models import FAILED_S, FRESH_S, WAIT_S, ListedModels, near
from core.operators.alerts import OperatorAlerts
from core.ports.model import ModelLookup
from core.settings.environment import CoreSettings
from core.values.tasks import Alert
from tests.fakes.clock import FakeClock
from tests.fakes.completions import FakeCompletions, closed_port_url
from tests.waiting import until

MODELS = ("GPT-5.5", "GPT-5.5-mini", "gpt-4o", "org/llama-3", "models/gemini-2.0-flash")


@pytest_asyncio.fixture
async def fake() -> AsyncIterator[FakeCompletions]:
    async with FakeCompletions(models=MODELS) as endpoint:
        yield endpoint


def catalog_at(url: str, model: str = "GPT-5.5", key: str = "sk-test") -> ModelCatalog:
    settings = CoreSettings(_env_file=None, openai_base_url=url, openai_api_key=key, openai_model=model)
    return environment_to_catalog(settings)


class Rig:
    """Lists of one endpoint, and the alerts about them."""

    def __init__(self, catalog: ModelCatalog, *offered: str) -> None:
        self.clock = FakeClock()
        self.posted: list[Alert] = []
        self.alerts = OperatorAlerts(self.clock, post=self._post)
        self.models = ListedModels(catalog, self.clock, self.alerts, offered, {})

    async def _post(self, alert: Alert) -> bool:
        self.posted.append(alert)
        return True


class TestNames:
    """A name that a person chooses."""

    async def test_a_listed_model_is_known_and_of_another_the_near_ones_are_named(
        self, fake: FakeCompletions
    ) -> None:
        rig = Rig(catalog_at(fake.base_url))
        assert await rig.models.find("gpt-4o") == ModelLookup(True)
        assert await rig.models.find("gpt-5.5") == ModelLookup(False, ("GPT-5.5", "GPT-5.5-mini", "gpt-4o"))
        assert await rig.models.find("zzz") == ModelLookup(False)
        assert await rig.models.find("gemini-2.0-flash") == ModelLookup(True), (
            "Gemini takes names without models/"
        )
        assert len(fake.lists) == 1, "the list is kept"

    async def test_a_list_is_asked_for_again_after_some_minutes(self, fake: FakeCompletions) -> None:
        rig = Rig(catalog_at(fake.base_url))
        assert await rig.models.find("new") == ModelLookup(False)
        fake.models = (*MODELS, "new")
        await rig.clock.advance(FRESH_S)
        assert await rig.models.find("new") == ModelLookup(True)

    @pytest.mark.parametrize("way", ["no list", "no endpoint", "an empty list", "no account"])
    async def test_a_list_that_can_not_be_had_says_nothing(self, fake: FakeCompletions, way: str) -> None:
        url = {"no list": fake.base_url + "/v1", "no endpoint": closed_port_url()}.get(way, fake.base_url)
        fake.models = ()
        key = "" if way == "no account" else "sk-test"
        assert await Rig(catalog_at(url, key=key)).models.find("gpt-4o") == ModelLookup(None)

    async def test_an_endpoint_that_is_back_is_asked_again(self, fake: FakeCompletions) -> None:
        rig = Rig(catalog_at(fake.base_url))
        await fake.stop()
        assert await rig.models.find("gpt-4o") == ModelLookup(None)
        await fake.start()
        assert await rig.models.find("gpt-4o") == ModelLookup(None), "not within the next seconds"
        await rig.clock.advance(FAILED_S)
        assert await rig.models.find("gpt-4o") == ModelLookup(True)

    async def test_nobody_waits_for_a_slow_list_which_serves_the_next_one(self, fake: FakeCompletions) -> None:
        rig = Rig(catalog_at(fake.base_url))
        fake.hold_lists()
        looking = asyncio.create_task(rig.models.find("gpt-4o"))
        await until(lambda: len(fake.lists) == 1)
        await rig.clock.advance(WAIT_S)
        assert await looking == ModelLookup(None)
        again = asyncio.create_task(rig.models.find("gpt-4o"))
        fake.release_lists()
        assert await again == ModelLookup(True)
        assert len(fake.lists) == 1

    def test_names_that_are_alike_come_nearest_first_and_are_three_at_most(self) -> None:
        assert near("llama-3", MODELS)[0] == "org/llama-3"
        assert near("Gemini-2.0", MODELS)[0] == "gemini-2.0-flash"
        assert len(near("gpt-5", [f"gpt-5.{n}" for n in range(9)])) == 3


class TestSettings:
    """Models that the operator has set."""

    async def test_one_that_the_endpoint_does_not_list_is_a_warning_once(self, fake: FakeCompletions) -> None:
        rig = Rig(catalog_at(fake.base_url, "GPT-55"), "gpt-4o", "gpt-9")
        assert await rig.models.check()
        assert await rig.models.check()
        await until(lambda: len(rig.posted) == 2)
        assert [alert.code for alert in rig.posted] == [Code.NOT_LISTED] * 2
        own, offered = rig.posted
        assert own.what.startswith("listing GPT-55@")
        assert own.places["model"] == "OPENAI_MODEL"
        assert offered.what.startswith("listing gpt-9@")
        assert offered.places["model"] == "PARLEY_MODELS"

    async def test_the_warning_ends_with_a_list_that_has_it(self, fake: FakeCompletions) -> None:
        rig = Rig(catalog_at(fake.base_url, "new"))
        await rig.models.check()
        await until(lambda: len(rig.posted) == 1)
        fake.models = (*MODELS, "new")
        await rig.clock.advance(FRESH_S)
        await rig.models.check()
        await until(lambda: len(rig.posted) == 2)
        assert rig.posted[1].over

    async def test_the_cause_of_the_warning_names_what_is_alike(self, fake: FakeCompletions) -> None:
        rig, causes = Rig(catalog_at(fake.base_url, "GPT-55")), list[str]()
        rig.alerts.record = lambda failure: causes.append(failure.detail)
        await rig.models.check()
        [cause] = causes
        assert cause.startswith(
            "GPT-55 (OPENAI_MODEL) is not among the 5 models of its endpoint; near: GPT-5.5"
        )

    async def test_an_endpoint_that_is_down_at_the_start_is_asked_until_it_answers(
        self, fake: FakeCompletions
    ) -> None:
        rig = Rig(catalog_at(fake.base_url, "GPT-55"))
        await fake.stop()
        running = asyncio.create_task(rig.models.run())
        await until(lambda: rig.clock.sleepers == 1)
        assert rig.posted == []
        await fake.start()
        await rig.clock.advance(FAILED_S)
        await until(lambda: len(rig.posted) == 1)
        running.cancel()

    async def test_a_changed_configuration_is_checked_anew(self, fake: FakeCompletions) -> None:
        rig = Rig(catalog_at(fake.base_url))
        running = asyncio.create_task(rig.models.run())
        await until(lambda: len(fake.lists) == 1)
        rig.models.reload(catalog_at(fake.base_url, "wrong"), ())
        await until(lambda: len(rig.posted) == 1)
        assert rig.posted[0].what.startswith("listing wrong@")
        running.cancel()

    async def test_a_list_that_was_asked_for_before_the_change_counts_no_more(
        self, fake: FakeCompletions
    ) -> None:
        async with FakeCompletions(models=("other",)) as other:
            rig = Rig(catalog_at(fake.base_url))
            fake.hold_lists()
            before = asyncio.create_task(rig.models.find("GPT-5.5"))
            await until(lambda: len(fake.lists) == 1)
            rig.models.reload(catalog_at(other.base_url, "other"), ())
            fake.release_lists()
            assert await before == ModelLookup(True)
            assert await rig.models.find("GPT-5.5") == ModelLookup(False)
            assert await rig.models.find("other") == ModelLookup(True)
            await rig.models.close()
