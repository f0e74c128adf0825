"""The part of `parley.toml` that names accounts and models: its keys and their forms. Pure."""

from __future__ import annotations

from dataclasses import fields
from datetime import date
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from core.settings.environment import Price
from core.settings.urls import base_url
from core.values.prices import Prices

CONCURRENCY = 500
"""Default limit of concurrent requests per account. A 429 lowers it."""


class FilePart(BaseModel):
    """A table of the file. Other keys than its own are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DatedPricesPart(FilePart):
    """All prices from the day `since` on."""

    since: date
    input: Price | None = None
    output: Price | None = None
    cached_input: Price | None = None
    reasoning: Price | None = None
    picture: Price | None = None
    minute: Price | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.minute is None and (self.input is None or self.output is None):
            raise ValueError("needs input and output, or minute")
        return self


class PricedPart(FilePart):
    """The prices of a model."""

    price_input: Price | None = None
    price_output: Price | None = None
    prices: list[DatedPricesPart] = []

    @field_validator("prices")
    @classmethod
    def _each_day_once(cls, value: list[DatedPricesPart]) -> list[DatedPricesPart]:
        days = [prices.since for prices in value]
        if twice := [day for day in days if days.count(day) > 1]:
            raise ValueError(f"{twice[0]} is there twice")
        return value

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


class EndpointPart(FilePart):
    """An endpoint with its accounts and models."""

    base_url: str = Field(examples=["https://host/v1"])
    headers: dict[str, str] = {}
    accounts: list[AccountPart] = Field(
        min_length=1, examples=['[{ name = "main", key_env = "OPENAI_API_KEY" }]']
    )
    models: dict[str, ModelPart] = Field(min_length=1, examples=['[endpoints.main.models."GPT-5.5"]'])
    transcribe: TranscriberPart | None = None
    embed: EmbedderPart | None = None
    reported_cost: bool | Literal["auto"] = "auto"

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

    models: list[str] = []
    endpoints: dict[str, EndpointPart] = Field(min_length=1, examples=["[endpoints.main]"])
    tools: list[Any] = []
    """Read by `core.tools.config`."""


def undated_prices(written: BaseModel, prefix: str) -> tuple[Prices, ...]:
    """The prices that `written` has under the names of `Prices` behind `prefix`; empty if it has none."""
    values = {one.name: getattr(written, prefix + one.name, None) for one in fields(Prices)}
    known = {name: price for name, price in values.items() if price is not None}
    return (Prices(**known),) if known else ()
