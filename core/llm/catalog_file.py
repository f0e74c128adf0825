"""The part of `parley.toml` that names accounts and models: its keys and their forms. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from datetime import date
from typing import Any, Literal

from pydantic import BaseModel, Field, SecretStr, field_validator

from core.settings.environment import Price
from core.settings.file_keys import FilePart, Keys
from core.settings.urls import base_url
from core.values.prices import Prices

CONCURRENCY = 500
"""Default limit of concurrent requests per account. A 429 lowers it."""


class DatedPricesPart(FilePart):
    """All prices from the day `since` on."""

    since: date
    input: Price | None = None
    output: Price | None = None
    cached_input: Price | None = None
    reasoning: Price | None = None
    picture: Price | None = None
    minute: Price | None = None

    @classmethod
    def conflicts(cls, table: Mapping[str, Any]) -> Iterator[tuple[Keys, str]]:
        """Prices that are not whole."""
        if "minute" not in table and not {"input", "output"} <= table.keys():
            yield (), "needs input and output, or minute"


class PricedPart(FilePart):
    """The prices of a model."""

    price_input: Price | None = None
    price_output: Price | None = None
    prices: list[DatedPricesPart] = Field([], examples=["[{ since = 2027-01-01, input = 1, output = 8 }]"])

    @classmethod
    def conflicts(cls, table: Mapping[str, Any]) -> Iterator[tuple[Keys, str]]:
        """Days with prices that are there twice."""
        days = [prices.get("since") for prices in tables_in(table.get("prices")).values()]
        for day in dict.fromkeys(day for day in days if isinstance(day, date)):
            if days.count(day) > 1:
                yield ("prices",), f"{day} is there twice"

    @property
    def all_prices(self) -> tuple[Prices, ...]:
        return *undated_prices(self, "price_"), *(Prices(**prices.model_dump()) for prices in self.prices)


class ModelPart(PricedPart):
    """A model that an endpoint serves."""

    name: str = ""
    context_tokens: int | None = Field(None, ge=1_000)
    images: bool | Literal["auto"] = "auto"
    tools: bool | Literal["auto"] = "auto"
    price_cached_input: Price | None = None
    price_reasoning: Price | None = None
    price_picture: Price | None = None


class TranscriberPart(PricedPart):
    """The model that writes down voice clips."""

    name: str = Field(min_length=1)
    price_minute: Price | None = None


class EmbedderPart(PricedPart):
    """The model that makes vectors of questions."""

    name: str = Field(min_length=1)


class AccountPart(FilePart):
    """One key at an endpoint."""

    name: str = Field(min_length=1)
    key_env: str = ""
    key: SecretStr | None = None
    concurrency: int = Field(CONCURRENCY, ge=1)

    @classmethod
    def conflicts(cls, table: Mapping[str, Any]) -> Iterator[tuple[Keys, str]]:
        """An account without a key."""
        if "key" not in table and not table.get("key_env"):
            yield (), "needs key_env, the name of the variable that holds its key"


class EndpointPart(FilePart):
    """An endpoint with its accounts and models."""

    base_url: str = Field(examples=["https://host/v1"])
    headers: dict[str, str] = Field({})
    accounts: list[AccountPart] = Field(
        min_length=1, examples=['[{ name = "main", key_env = "OPENAI_API_KEY" }]']
    )
    models: dict[str, ModelPart] = Field(min_length=1, examples=['[endpoints.main.models."GPT-5.5"]'])
    transcribe: TranscriberPart | None = None
    embed: EmbedderPart | None = None
    reported_cost: bool | Literal["auto"] = "auto"

    @classmethod
    def conflicts(cls, table: Mapping[str, Any]) -> Iterator[tuple[Keys, str]]:
        """Accounts whose names are there twice."""
        names: list[Any] = []
        for at, account in tables_in(table.get("accounts")).items():
            if (name := account.get("name")) and name in names:
                yield ("accounts", at, "name"), f"{name!r} is there twice"
            names.append(name)

    @field_validator("transcribe", "embed", mode="before")
    @classmethod
    def _name_alone(cls, value: object) -> object:
        return ({"name": value} if value else None) if isinstance(value, str) else value

    @field_validator("base_url")
    @classmethod
    def _http(cls, value: str) -> str:
        return base_url(value)


class CatalogFile(FilePart):
    """The whole file."""

    models: list[str] = Field([], examples=['["GPT-5.5", "GLM-5"]'])
    endpoints: dict[str, EndpointPart] = Field(min_length=1, examples=["[endpoints.main]"])
    tools: Any = None
    """Read by `core.tools.config`."""


class ToolsAlone(FilePart):
    """A file that leaves the models to the environment."""

    tools: Any


def tables_in(values: object) -> dict[Any, Mapping[str, Any]]:
    """The tables in a table or a list of them, each by its key or its number; none where it is neither."""
    pairs = (
        values.items() if isinstance(values, Mapping) else enumerate(values) if isinstance(values, list) else ()
    )
    return {key: one for key, one in pairs if isinstance(one, Mapping)}


def undated_prices(written: BaseModel, prefix: str) -> tuple[Prices, ...]:
    """The prices that `written` has under the names of `Prices` behind `prefix`; empty if it has none."""
    values = {one.name: getattr(written, prefix + one.name, None) for one in fields(Prices)}
    known = {name: price for name, price in values.items() if price is not None}
    return (Prices(**known),) if known else ()
