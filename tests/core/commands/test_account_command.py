"""`/settings account`: who may set the model account of a workspace, what it says, and what it never says."""

from __future__ import annotations

import pytest

from core.commands.given_back import with_words
from core.commands.handlers import CommandHandlers
from core.errors import Code, ModelError
from core.i18n import LANGUAGES, phrase
from core.settings.environment import CoreSettings
from core.values.events import Command
from core.values.model_accounts import ModelAccount
from core.values.places import Person, Place
from core.values.ui import ImmediateReply
from tests.core.commands.test_handlers import NOON
from tests.fakes.clock import FakeClock
from tests.fakes.memory import MemoryStore
from tests.fakes.platform import TRAITS

CHANNEL = Place("slack", "T1", "C1")
ADMIN, ADA = Person("U1", "Ada", admin=True), Person("U2", "Ben", manager=True)
KEY, OTHER_KEY = (
    "sk-of-the-workspace-1234",
    "sk-another-one-which-is-much-longer-than-others-are-and-ends-in-9876",
)
URL = "https://models.example/v1"
WRITTEN = {"set_account_url": URL, "set_account_models": "large, small", "set_account_key": KEY}


class Office:
    """`failure`: of the next check of an account. `checked`: the accounts with their keys."""

    def __init__(self, *, keeps: bool = True) -> None:
        self.store = MemoryStore()
        self.failure: Code | None = None
        self.checked: list[tuple[ModelAccount, str]] = []
        core = CoreSettings(_env_file=None, openai_model="of-the-operator", parley_models="other")
        self.handlers = CommandHandlers(
            self.store,
            core,
            FakeClock(NOON),
            ["of-the-operator", "other"],
            traits=TRAITS,
            verify_account=self.verify if keeps else None,
        )

    async def verify(self, account: ModelAccount, key: str) -> None:
        self.checked.append((account, key))
        if self.failure is not None:
            raise ModelError(self.failure, "the words of the endpoint")

    async def told(
        self,
        argument: str = "",
        by: Person = ADMIN,
        command: str = "settings",
        options: dict[str, str] | None = None,
    ) -> ImmediateReply:
        reply = await self.handlers.do(Command(command, CHANNEL, by, NOON, argument, options or {}))
        assert isinstance(reply, ImmediateReply)
        assert reply.whisper
        assert KEY not in repr(reply)
        assert OTHER_KEY not in repr(reply)
        return reply

    async def filled_in(self, **changed: str) -> ImmediateReply:
        return await self.told(options={"name": "account", **WRITTEN, **changed})

    @property
    def stored(self) -> tuple[ModelAccount, str] | None:
        return self.store._model_accounts.get(("slack", "T1"))


async def test_an_admin_sets_an_account_that_answers_and_reads_four_characters_of_its_key() -> None:
    office = Office()
    form = (await office.told("account")).form
    assert form is not None
    assert [(field.name, field.value) for field in form.fields] == [
        ("set_account_url", ""),
        ("set_account_models", ""),
        ("set_account_key", ""),
    ]
    reply = await office.filled_in()
    assert not reply.refused
    assert "`large`, `small` at `https://models.example/v1`, with the key that ends in `1234`" in reply.text
    assert [(one.base_url, one.models, key) for one, key in office.checked] == [(URL, ("large", "small"), KEY)]
    assert office.stored is not None
    assert office.stored[1] == KEY
    again = (await office.told("account")).form
    assert again is not None
    assert [field.value for field in again.fields] == [URL, "large, small", ""]


@pytest.mark.parametrize("options", [{}, {"name": "account", **WRITTEN}], ids=["shown", "set"])
async def test_nobody_but_an_admin_sees_or_sets_it(options: dict[str, str]) -> None:
    office = Office()
    reply = await office.told("" if options else "account", ADA, options=options)
    assert reply.refused
    assert reply.text == phrase("settings_by_admin", "en")
    assert (reply.form, office.stored, office.checked) == (None, None, [])
    assert "models.example" not in (await office.told("", ADA)).text


@pytest.mark.parametrize(
    ("code", "about"),
    [
        (Code.BAD_KEY, "set_account_key"),
        (Code.NO_MODEL, "set_account_models"),
        (Code.SETTINGS, "set_account_url"),
        (Code.UNREACHABLE, "set_account_url"),
        (Code.STALLED, "set_account_url"),
    ],
)
async def test_an_account_that_does_not_answer_is_not_stored(code: Code, about: str) -> None:
    office = Office()
    office.failure = code
    reply = await office.filled_in()
    assert (reply.refused, reply.about, office.stored) == (True, about, None)
    assert reply.text.endswith("Nothing was saved.")
    assert "the words of the endpoint" not in reply.text


@pytest.mark.parametrize(
    ("changed", "about"),
    [
        ({"set_account_url": f"{URL}/chat/completions"}, "set_account_url"),
        ({"set_account_url": "models.example"}, "set_account_url"),
        ({"set_account_models": ""}, "set_account_models"),
        ({"set_account_key": "two words"}, "set_account_key"),
        ({"set_account_key": ""}, "set_account_key"),
    ],
)
async def test_a_form_that_can_not_be_an_account_is_refused_at_its_field(
    changed: dict[str, str], about: str
) -> None:
    office = Office()
    reply = await office.filled_in(**changed)
    assert (reply.refused, reply.about, office.checked, office.stored) == (True, about, [], None)


async def test_the_stored_key_stays_for_its_address_and_goes_to_no_other() -> None:
    office = Office()
    await office.filled_in()
    assert not (await office.filled_in(set_account_models="small", set_account_key="")).refused
    assert office.stored is not None
    assert (office.stored[0].models, office.stored[1]) == (("small",), KEY)
    refused = await office.filled_in(set_account_url="https://elsewhere.example/v1", set_account_key="")
    assert (refused.refused, refused.about) == (True, "set_account_key")
    assert {one.base_url for one, _ in office.checked} == {URL}


@pytest.mark.parametrize(
    "options", [{"name": "account", "set_account_url": ""}, {"name": "account", "value": "default"}]
)
async def test_an_emptied_address_or_the_word_default_removes_it_with_its_key(options: dict[str, str]) -> None:
    office = Office()
    await office.filled_in()
    assert (await office.told(options=options)).text == phrase("account_removed", "en")
    assert office.stored is None
    assert (await office.told(options=options)).text == phrase("account_none", "en")


async def test_a_key_in_a_typed_line_is_not_taken_nor_given_back() -> None:
    office = Office()
    reply = await office.told(f"account {OTHER_KEY}")
    assert reply.refused
    assert reply.text.startswith("A key belongs in the form alone")
    assert office.stored is None
    refused = await office.filled_in(set_account_key=OTHER_KEY, set_account_models="")
    command = Command("settings", CHANNEL, ADMIN, NOON, "", {**WRITTEN, "set_account_key": OTHER_KEY})
    assert OTHER_KEY not in with_words(refused, command, "en").text


async def test_model_offers_the_models_of_the_account_and_none_of_the_operators() -> None:
    office = Office()
    await office.filled_in()
    assert (await office.told(command="model")).text.splitlines()[1].endswith("`large`, `small`")
    assert (await office.told("other", command="model")).refused
    assert not (await office.told("small", command="model")).refused
    offered = await office.handlers.suggest(Command("model", CHANNEL, ADMIN, NOON), "name")
    assert [choice.value for choice in offered] == ["small", "large", "default"]


async def test_without_the_operators_key_there_is_none_and_settings_say_nothing_of_it() -> None:
    office = Office(keeps=False)
    assert (await office.told("account")).text == phrase("account_off", "en")
    assert "account" not in (await office.told()).text
    assert "settings account" in (await Office().told()).text


async def test_the_history_names_the_address_and_never_the_key() -> None:
    office = Office()
    await office.filled_in()
    assert (await office.told("history")).text.count(KEY) == 0


@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_language_says_all_of_it(language: str) -> None:
    office = Office()
    admin = Person("U1", "Ada", language, admin=True)
    await office.filled_in()
    reply = await office.told("account", admin)
    assert phrase("account_means", language) in reply.text
    assert reply.form is not None
    assert len(reply.form.title) <= 24
