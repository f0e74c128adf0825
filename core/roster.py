"""The roster: which models there are, in the order in which they are asked, and the accounts that serve them.

Written down in `parley.toml` (in the working directory, or where PARLEY_CONFIG says); without such a file it is the
one account and model of the environment. Read and checked once, before anything connects.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from core.config import CoreSettings, http_url
from core.errors import SettingsError
from core.types import Card

FILE = "parley.toml"
CONCURRENCY = 500
"""How many answers at once an account is asked for where nothing is said; a 429 lowers it."""


@dataclass(frozen=True, slots=True)
class Account:
    """One key at one endpoint. `name` is unique: `endpoint/account`."""

    name: str
    endpoint: str
    base_url: str
    key: SecretStr
    concurrency: int = CONCURRENCY


@dataclass(frozen=True, slots=True)
class Route:
    """One way to an answer: an account, and a model under the name that its endpoint has for it."""

    account: Account
    card: Card
    model_there: str

    @property
    def offer(self) -> str:
        """The model at its endpoint: what is missing there may well be served elsewhere."""
        return f"{self.card.name} at {self.account.endpoint}"


@dataclass(frozen=True, slots=True)
class Roster:
    """Every route in the order in which they are asked: models by the chain, accounts as they stand in the file.
    Without any the offline model answers. `default` is the card of the model that is asked unless told else."""

    default: Card
    routes: tuple[Route, ...] = ()
    source: str = ""

    @property
    def secrets(self) -> list[str]:
        """The keys, for the log to leave out; not a word such as `none` that stands for none."""
        keys = {route.account.key.get_secret_value() for route in self.routes}
        return [key for key in keys if len(key) >= 8]

    @property
    def cards(self) -> tuple[Card, ...]:
        """One for each model, of the first endpoint that serves it."""
        cards: dict[str, Card] = {}
        for route in self.routes:
            cards.setdefault(route.card.name, route.card)
        return tuple(cards.values())

    def card(self, model: str) -> Card:
        """Of the model of that name, or for one that nobody wrote down what is likely: at an unknown price."""
        known = (card for card in (self.default, *self.cards) if card.name == model)
        return next(known, replace(self.default, name=model, price_input=None, price_output=None))

    @property
    def priced(self) -> bool:
        cards = (self.default, *self.cards)
        return any(card.price_input is not None or card.price_output is not None for card in cards)


def load_roster(settings: CoreSettings) -> Roster:
    """Raises SettingsError with one line that names the file and the place in it."""
    path = Path(settings.parley_config or FILE)
    if not settings.parley_config and not path.exists():
        return environment_to_roster(settings)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsError(f"PARLEY_CONFIG: {path} can't be read: {reason}") from None
    known = {name: value for name, value in dotenv_values(".env").items() if value} | dict(os.environ)
    return toml_to_roster(text, settings, known, str(path))


def environment_to_roster(settings: CoreSettings) -> Roster:
    """The one account and model of the environment, or no route where there is no key."""
    card = Card(
        settings.openai_model,
        settings.parley_context_tokens,
        settings.parley_price_input,
        settings.parley_price_output,
        images=True,
        tools=True,
    )
    if settings.openai_api_key is None:
        return Roster(card)
    account = Account("OPENAI_API_KEY", "endpoint", settings.openai_base_url, settings.openai_api_key)
    return Roster(card, (Route(account, card, card.name),), settings.openai_base_url)


def toml_to_roster(text: str, settings: CoreSettings, environment: Mapping[str, str], source: str) -> Roster:
    """Raises SettingsError."""
    try:
        file = _File.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{source}: {error}") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        at = ".".join(str(part) for part in first["loc"])
        raise SettingsError(f"{source}: {at}: {first['msg'].removeprefix('Value error, ')}") from None
    named = {model for endpoint in file.endpoints.values() for model in endpoint.models}
    if missing := [model for model in file.models if model not in named]:
        raise SettingsError(f"{source}: models: no endpoint serves {missing[0]!r}")
    accounts = {
        name: _accounts(name, endpoint, environment, source) for name, endpoint in file.endpoints.items()
    }
    routes = [
        Route(account, _card(model, endpoint.models[model], settings), endpoint.models[model].name or model)
        for model in file.models or list(dict.fromkeys(m for e in file.endpoints.values() for m in e.models))
        for name, endpoint in file.endpoints.items()
        if model in endpoint.models
        for account in accounts[name]
    ]
    return Roster(routes[0].card, tuple(routes), source)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Model(_Part):
    name: str = ""
    context_tokens: int | None = Field(None, ge=1_000)
    price_input: float | None = Field(None, ge=0)
    price_output: float | None = Field(None, ge=0)
    images: bool = False
    tools: bool = False


class _Account(_Part):
    name: str = Field(min_length=1)
    key_env: str = ""
    key: SecretStr | None = None
    concurrency: int = Field(CONCURRENCY, ge=1)


class _Endpoint(_Part):
    base_url: str
    accounts: list[_Account] = Field(min_length=1)
    models: dict[str, _Model] = Field(min_length=1)

    @field_validator("base_url")
    @classmethod
    def _http(cls, value: str) -> str:
        return http_url(value)


class _File(_Part):
    models: list[str] = []
    endpoints: dict[str, _Endpoint] = Field(min_length=1)


def _card(name: str, model: _Model, settings: CoreSettings) -> Card:
    window: dict[str, Any] = {"context_tokens": model.context_tokens or settings.parley_context_tokens}
    return Card(name, **window, **model.model_dump(exclude={"name", "context_tokens"}))


def _accounts(name: str, endpoint: _Endpoint, environment: Mapping[str, str], source: str) -> list[Account]:
    found: list[Account] = []
    for number, account in enumerate(endpoint.accounts):
        at = f"{source}: endpoints.{name}.accounts.{number}"
        if any(other.name == f"{name}/{account.name}" for other in found):
            raise SettingsError(f"{at}.name: {account.name!r} is there twice")
        key = account.key
        if key is None:
            if not account.key_env:
                raise SettingsError(f"{at}: needs key_env, the name of the variable that holds its key")
            if not environment.get(account.key_env):
                raise SettingsError(f"{at}.key_env: {account.key_env} is not set")
            key = SecretStr(environment[account.key_env])
        found.append(Account(f"{name}/{account.name}", name, endpoint.base_url, key, account.concurrency))
    return found
