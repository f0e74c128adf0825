"""The base of all settings classes, and the core's settings, read from the environment or `.env`.

A package declares a subclass of `Settings`; `load` checks it. A wrong value ends the program with one line that names
the variable, before anything connects.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Self
from urllib.parse import urlsplit, urlunsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from core.errors import SettingsError
from core.i18n import LANGUAGES
from core.settings.limits import limits_of, tokens_meant

Price = Annotated[Decimal, Field(ge=0, le=1_000_000_000)]
"""A price of a million, in PARLEY_CURRENCY."""
MOST_DAYS = 36_500
"""The most days for which messages can be kept."""
_HOST = re.compile(r"(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*", re.IGNORECASE)


class Settings(BaseSettings):
    """The base of every settings class: the environment first, then `.env` in the working directory."""

    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True)

    @classmethod
    def load(cls) -> Self:
        """Read and check. Raises SettingsError with one line for the first thing wrong."""
        try:
            return cls()
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            field = str(first["loc"][0]) if first["loc"] else ""
            reason = first["msg"].removeprefix("Value error, ")
            raise SettingsError(f"{field.upper()}: {reason}" if field else reason) from None


class CoreSettings(Settings):
    """The model, the answers and the program itself."""

    openai_base_url: str = Field(
        "https://zrapi.org/v1", description="The URL of the endpoint, without /chat/completions at its end."
    )
    openai_api_key: SecretStr | None = Field(
        None, description="The endpoint's key. Without one the built-in offline model answers."
    )
    openai_model: str = Field("GPT-5.5", description="The model to ask, as the endpoint calls it.")
    parley_config: str = Field(
        "",
        description="The file of accounts and models (deploy/parley.example.toml shows one). Empty: parley.toml in "
        "the working directory, if there is one; it then replaces the OPENAI settings.",
    )
    parley_system_prompt: str = Field(
        "",
        description="The model's instructions before every conversation. Empty: Parley's own, in PARLEY_LANGUAGE.",
    )
    parley_temperature: float | None = Field(
        None, ge=0, le=2, description="Randomness from 0 to 2. Not sent where it is not set."
    )
    parley_max_tokens: int | None = Field(
        None, ge=1, description="The longest answer, in tokens. Not sent where it is not set."
    )
    parley_max_tokens_cap: int | None = Field(
        None,
        ge=1,
        description="The most tokens an answer may have, above every other setting: of workspaces, channels, direct "
        "messages, PARLEY_MAX_TOKENS. Sent where nothing less is set. Empty: no cap.",
    )
    parley_context_tokens: int = Field(
        128_000,
        ge=1_000,
        description="The model's context window: older lines of a thread are left out past it.",
    )
    parley_retry_limit_s: float = Field(
        60,
        ge=0,
        description="Seconds for which an answer may be retried before its asker gets the error. Time in the "
        "queue of a full account does not count.",
    )
    parley_retry_tries: int = Field(
        4, ge=1, description="The most requests for one question, to all accounts and models together."
    )
    parley_transcribe_model: str = Field(
        "",
        description="The model that writes down voice clips, such as whisper-1, asked for at the endpoint's "
        "/audio/transcriptions. Empty: voice clips are not read.",
    )
    parley_embedding_model: str = Field(
        "",
        description="The model that makes vectors of questions, such as text-embedding-3-small, asked for at the "
        "endpoint's /embeddings: earlier answers are then found by their meaning too. Empty: by their words alone.",
    )
    parley_describe_pictures: bool = Field(
        False,
        description="A model of PARLEY_CONFIG that sees pictures describes them for a chosen model that does "
        "not, at its price.",
    )
    parley_first_word_s: float = Field(45, gt=0, description="Seconds to wait for the first word of an answer.")
    parley_gap_s: float = Field(
        30, gt=0, description="The longest silence within an answer that has begun, in seconds."
    )
    parley_total_s: float = Field(300, gt=0, description="The longest that one answer may take, in seconds.")
    parley_answer_chars_cap: int = Field(
        400_000,
        ge=1_000,
        description="The longest answer, in characters. Past it an answer ends at the length limit, with Continue.",
    )
    parley_reasoning_chars_cap: int = Field(
        1_000_000,
        ge=1_000,
        description="The longest reasoning for one answer, in characters. Past it the answer ends likewise.",
    )
    parley_arguments_chars_cap: int = Field(
        100_000,
        ge=1_000,
        description="The longest arguments of one answer's tool calls, in characters, likewise.",
    )
    parley_file_chars: int = Field(
        30_000,
        ge=0,
        description="Answers longer than this many characters end as a file. 0 for never.",
    )
    parley_price_input: Price | None = Field(
        None,
        description="The price of a million tokens read. Without the prices that an answer needs its cost is unknown.",
    )
    parley_price_cached_input: Price | None = Field(
        None,
        description="The price of a million tokens read from the endpoint's cache. Empty: as other tokens read.",
    )
    parley_price_output: Price | None = Field(None, description="The price of a million tokens written.")
    parley_price_reasoning: Price | None = Field(
        None, description="The price of a million tokens of reasoning. Empty: as other tokens written."
    )
    parley_price_picture: Price | None = Field(
        None, description="The price of a million pictures, beside that of their tokens. Empty: none."
    )
    parley_budget: str = Field(
        "",
        description="The most that may be spent by everybody together, in money of the currency below or in tokens: "
        "20 a day, 400 a month, or 5m tokens a month. Admins set limits for people, channels and workspaces "
        "by /budget. Empty: no limit.",
    )
    parley_price_sound_minute: Price | None = Field(
        None,
        description="The price of a minute of sound that PARLEY_TRANSCRIBE_MODEL writes down. The price of one that "
        "counts tokens is set in PARLEY_CONFIG.",
    )
    parley_price_embedding_input: Price | None = Field(
        None, description="The price of a million tokens that PARLEY_EMBEDDING_MODEL reads."
    )
    parley_currency: str = Field(
        "USD",
        pattern="^[A-Z]{3}$",
        description="The currency of the prices, an ISO 4217 code. Costs that an endpoint reports are in US dollars: "
        "they count in place of the prices while this is USD.",
    )
    parley_keep_days: int | None = Field(
        None,
        ge=1,
        le=MOST_DAYS,
        description="Days after which messages, answers, files and names are removed from Parley's database. "
        "Workspaces and channels can only shorten it. Sums of usage stay. Empty: they are kept for ever.",
    )
    parley_grace_s: float = Field(
        20, ge=0, description="Seconds that running answers have to finish after SIGTERM."
    )
    parley_watchdog_s: float = Field(
        60,
        ge=0,
        description="Seconds for which the event loop may be blocked before the process ends itself, with the "
        "stack in the log, so that it is started again. 0 for never.",
    )
    parley_patience_s: float = Field(
        10,
        ge=0,
        description="Seconds that a question may wait behind others of its thread before its asker gets a "
        "notice.",
    )
    parley_catch_up_s: float = Field(
        3_600,
        ge=0,
        description="Questions asked while Parley was down are answered if they are younger, in seconds.",
    )
    parley_language: str = Field(
        "en",
        description="The language of Parley's own sentences where a person's is not known: "
        f"{', '.join(LANGUAGES)}. zh is Simplified Chinese, which readers of Traditional Chinese get too.",
    )
    parley_time_zone: str = Field(
        "UTC",
        description="The time zone of days and months, in budgets and reports and in the date that the model is told, "
        "such as Europe/Berlin. The admins of a workspace may choose another one.",
    )
    parley_models: str = Field(
        "",
        description="The models that people may choose, in direct messages too, beside the one above: "
        "gpt-5-mini,GLM-5. Empty: those of PARLEY_CONFIG, or any where it has but one.",
    )
    parley_builtin_tools: bool = Field(
        False,
        description="Models may call the built-in tools (the time, earlier messages of a thread and of its channel) "
        "unless a channel's settings say otherwise.",
    )
    parley_link_hosts: str = Field(
        "",
        description="Hosts whose pages the built-in tool that reads links may read without a person's approval: "
        "docs.example.com,*.example.org. It is off unless an admin switches it on for a channel.",
    )
    parley_memory: str = Field(
        "channel",
        pattern="^(off|channel|workspace)$",
        description="The answered questions that may help with an answer, and be cited: channel (those of its own "
        "channel), workspace (also those of other channels, where everybody who reads the answer may read them) or "
        "off. Channels may choose otherwise, but off is off everywhere.",
    )
    parley_memory_days: int = Field(
        180,
        ge=1,
        le=MOST_DAYS,
        description="Days after which an earlier answer may be out of date: where it is cited, its date is said "
        "first.",
    )
    parley_most_tools: int = Field(
        32,
        ge=1,
        le=128,
        description="The most tools that a model is offered for an answer. It finds others by words.",
    )
    parley_admins: str = Field(
        "",
        description="People who may change every setting, beside the admins that a platform names: "
        "platform:id,platform:id.",
    )
    parley_allow: str = Field(
        "",
        description="The workspaces, servers, channels, roles and people that may ask: platform:id,platform:id."
        " Empty: all.",
    )
    parley_deny: str = Field(
        "", description="Those that may not ask, even if the list above has them: platform:id."
    )
    parley_guests: bool = Field(True, description="Guests of a workspace may ask.")
    parley_strangers: bool = Field(False, description="People of other workspaces may ask in shared channels.")
    parley_rate: int = Field(
        0, ge=0, description="The most questions of one person within a minute. 0: no limit."
    )
    parley_log: str = Field(
        "text", pattern="^(text|json)$", description="The format of log lines: text or json."
    )

    @property
    def stood_still(self) -> timedelta:
        """The least time without a sign of life before a start, where the watchdog has ended the last process.

        A little below the watchdog's limit, because the two are not measured at the same moment. Longer than any gap
        where there is no watchdog.
        """
        return (
            timedelta(seconds=0.75 * self.parley_watchdog_s)
            if self.parley_watchdog_s
            else timedelta(weeks=5_000)
        )

    def check_platforms(self, platforms: Collection[str]) -> None:
        """Raises SettingsError for an entry of a list of people that is not `platform:id`, with one of `platforms`."""
        for name in ("parley_admins", "parley_allow", "parley_deny"):
            for entry in filter(None, map(str.strip, getattr(self, name).split(","))):
                platform, _, id_ = entry.partition(":")
                if platform.strip() not in platforms or not id_.strip():
                    known = ", ".join(platforms)
                    raise SettingsError(f"{name.upper()}: {entry!r} is not platform:id (platforms: {known})")

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.parley_time_zone)

    @property
    def link_hosts(self) -> list[str]:
        """The hosts of PARLEY_LINK_HOSTS; `*.` matches all subdomains."""
        return [host for entry in self.parley_link_hosts.lower().split(",") if (host := entry.strip())]

    @field_validator("parley_link_hosts")
    @classmethod
    def _hosts(cls, value: str) -> str:
        for entry in filter(None, map(str.strip, value.split(","))):
            if not _HOST.fullmatch(entry):
                raise ValueError(f"{entry!r} is no host, such as docs.example.com or *.example.org")
        return value

    @field_validator("parley_budget")
    @classmethod
    def _limits(cls, value: str) -> str:
        try:
            limits_of(value)
        except ValueError:
            raise ValueError(f"{value!r} is no limit, such as 20 a day or 5m tokens a month") from None
        if meant := tokens_meant(value):
            raise ValueError(
                f"{value!r} may be money or tokens: write {meant!r}, or an amount of money in full"
            )
        return value

    @field_validator("parley_time_zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        return known_zone(value)

    @field_validator("openai_base_url")
    @classmethod
    def _http(cls, value: str) -> str:
        return endpoint_url(value)


def known_zone(value: str) -> str:
    """`value`, the name of a time zone in the IANA database. Raises ValueError for other texts."""
    try:
        return str(ZoneInfo(value.strip()))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{value!r} is not a time zone, such as Europe/Berlin") from None


def http_url(value: str) -> str:
    """`value` without its last slashes.

    Raises ValueError unless it begins with http:// or https://, and where it holds a password: addresses are shown,
    and the key has a setting of its own.
    """
    if not value.startswith(("http://", "https://")):
        raise ValueError("must begin with http:// or https://")
    if "@" in urlsplit(value).netloc:
        raise ValueError("must not hold a name or password")
    return value.rstrip("/")


def endpoint_url(value: str) -> str:
    """The base URL of an endpoint: `http_url` without /chat/completions; a query stays.

    Raises ValueError for a fragment, and for a missing or invalid host or port.
    """
    value = http_url(value.strip())
    try:
        parts = urlsplit(value)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        has_host = False
    if not has_host or any(character.isspace() for character in value):
        raise ValueError("is no address, such as https://host/v1")
    if "#" in value:
        raise ValueError("must not hold a # and what follows it")
    path = parts.path.rstrip("/").removesuffix("/chat/completions").rstrip("/")
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query.rstrip("/"), ""))


def completions_url(base_url: str) -> str:
    """The URL of chat completions at that base URL. The base URL's query comes last."""
    return _below(base_url, "chat/completions")


def transcriptions_url(base_url: str) -> str:
    """The URL of audio transcriptions at that base URL. The base URL's query comes last."""
    return _below(base_url, "audio/transcriptions")


def embeddings_url(base_url: str) -> str:
    """The URL of embeddings at that base URL. The base URL's query comes last."""
    return _below(base_url, "embeddings")


def _below(base_url: str, path: str) -> str:
    parts = urlsplit(base_url)
    return urlunsplit(parts._replace(path=f"{parts.path}/{path}"))
