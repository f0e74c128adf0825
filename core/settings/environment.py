"""The base of all settings classes, and the core's settings, read from the environment or `.env`.

A package declares a subclass of `Settings`; `load` checks it. Wrong values end the program with one line each that
names the variable, before anything connects.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from core.i18n import LANGUAGES
from core.settings.forms import form_of
from core.settings.limits import limits_of, tokens_meant
from core.settings.problems import Problems, variable_problems
from core.settings.standards import known_currency, known_language, known_zone_of_setting
from core.settings.urls import base_url, host_list, hosts_of
from core.settings.variables import Variables

Price = Annotated[Decimal, Field(ge=0, le=1_000_000_000)]
"""A price of a million, in PARLEY_CURRENCY."""
MOST_DAYS = 36_500
"""The most days for which messages can be kept."""


class Settings(BaseSettings):
    """The base of every settings class: the environment first, then `.env` in the working directory."""

    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True)

    @classmethod
    def load(cls) -> Self:
        """Read and check. Raises SettingsError with a line for each variable that is wrong."""
        problems = Problems()
        settings = cls.read(Variables.of_process(problems), problems)
        problems.check()
        return settings

    @classmethod
    def read(cls, variables: Variables, problems: Problems) -> Self:
        """The settings; what is wrong is added to `problems`. A variable that is wrong has its default then, so that
        the others can be checked against it."""
        given, wrong = cls._given(variables.in_capitals(), problems)
        try:
            settings = cls(_env_file=None, **given | cls._defaults(wrong))
        except ValidationError as error:
            found = variable_problems(error, cls)
            problems.lines += found.values()
            wrong |= found.keys()
            settings = cls(_env_file=None, **given | cls._defaults(wrong))
        problems.wrong |= {name.upper() for name in wrong}
        for names, line in settings.conflicts():
            if not problems.concern(names):
                problems.lines.append(line)
                problems.wrong |= names
        return settings

    def conflicts(self) -> Iterator[tuple[set[str], str]]:
        """The faults of variables beside each other, whose own values are right: their names, and the line."""
        return iter(())

    @classmethod
    def _defaults(cls, names: Collection[str]) -> dict[str, Any]:
        return {name: field.get_default() for name, field in cls.model_fields.items() if name in names}

    @classmethod
    def _given(cls, variables: Variables, problems: Problems) -> tuple[dict[str, Any], set[str]]:
        """The values of the fields that are set, and the fields whose value can't be read."""
        names = [name for name in cls.model_fields if name.upper() in variables]
        found = {name: problems.attempt(variables.__getitem__, name.upper()) for name in names}
        given = {name: value for name, value in found.items() if value is not None}
        return given, found.keys() - given.keys()

    @classmethod
    def secret_names(cls) -> Iterator[str]:
        """The variables whose values are secrets, each of which may also be given as a file."""
        return (name.upper() for name, field in cls.model_fields.items() if form_of(field).is_secret)


class CoreSettings(Settings):
    """The model, the answers and the program itself."""

    openai_base_url: str = Field(
        "https://zrapi.org/v1", description="The URL of the endpoint, without /chat/completions at its end."
    )
    openai_api_key: SecretStr | None = Field(
        None,
        description="The key of the endpoint at OPENAI_BASE_URL: set them together, since the key is sent there. "
        "Without one the built-in offline model answers.",
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
        None, ge=0, le=2, examples=["0.7"], description="Randomness from 0 to 2. Not sent where it is not set."
    )
    parley_max_tokens: int | None = Field(
        None,
        examples=["4000"],
        ge=1,
        description="The longest answer, in tokens. Not sent where it is not set.",
    )
    parley_max_tokens_cap: int | None = Field(
        None,
        examples=["4000"],
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
        description="The currency of the prices, an ISO 4217 code. Costs that an endpoint reports are in US dollars: "
        "they count in place of the prices while this is USD.",
    )
    parley_keep_days: int | None = Field(
        None,
        examples=["365"],
        ge=1,
        le=MOST_DAYS,
        description="Days after which messages, answers, files and names are removed from Parley's database. "
        "Workspaces and channels can only shorten it. Sums of usage stay. Empty: they are kept for ever.",
    )
    parley_keep_ended_days: int = Field(
        30,
        ge=0,
        le=MOST_DAYS,
        description="Days after which all data of a workspace is removed that had installed the app itself and has "
        "removed it.",
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
    parley_account_hosts: str = Field(
        "",
        description="Hosts outside of the public Internet whose models workspaces may use with keys of their own: "
        "llm.example.internal,*.example.org. Others are refused.",
    )
    parley_memory: Literal["channel", "workspace", "off"] = Field(
        "channel",
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
    parley_memory_wait_s: float = Field(
        0.6,
        ge=0,
        le=30,
        description="Seconds that a question waits for earlier answers. It is asked without those that take longer.",
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
    parley_log: Literal["text", "json"] = Field("text", description="The format of log lines: text or json.")

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
        """Raises SettingsError with a line for each entry of a list of people that is not `platform:id`, with one of
        `platforms`."""
        known, problems = ", ".join(platforms), Problems()
        example = f"{next(iter(platforms), 'platform')}:U0123"
        for name in ("parley_admins", "parley_allow", "parley_deny"):
            for entry in filter(None, map(str.strip, getattr(self, name).split(","))):
                platform, _, id_ = entry.partition(":")
                if platform.strip() not in platforms or not id_.strip():
                    wrong = (
                        f"{name.upper()}: {entry!r} is not platform:id (platforms: {known}), such as {example}"
                    )
                    problems.lines.append(wrong)
        problems.check()

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.parley_time_zone)

    @property
    def link_hosts(self) -> list[str]:
        """The hosts of PARLEY_LINK_HOSTS; `*.` matches all subdomains."""
        return hosts_of(self.parley_link_hosts)

    @field_validator("parley_link_hosts", "parley_account_hosts")
    @classmethod
    def _hosts(cls, value: str) -> str:
        return host_list(value)

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
        return known_zone_of_setting(value)

    @field_validator("parley_language")
    @classmethod
    def _language(cls, value: str) -> str:
        return known_language(value)

    @field_validator("parley_currency")
    @classmethod
    def _currency(cls, value: str) -> str:
        return known_currency(value)

    @field_validator("openai_base_url")
    @classmethod
    def _http(cls, value: str) -> str:
        return base_url(value)
