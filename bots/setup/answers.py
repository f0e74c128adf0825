"""The answers of `parley init`, and the settings that they make. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from core.settings.environment import CoreSettings

MAIN = "main"
_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint with one key, and the models to ask there, the first one first."""

    name: str
    base_url: str
    key: str
    models: tuple[str, ...]

    @property
    def key_name(self) -> str:
        """The variable that holds its key."""
        return "OPENAI_API_KEY" if self.name == MAIN else f"{self.name.upper().replace('-', '_')}_API_KEY"


@dataclass(frozen=True, slots=True)
class Answers:
    """All answers. Texts that are empty are not set. `endpoints` is empty for the offline model, and None where
    the models stay as they are."""

    platforms: tuple[str, ...] = ("web",)
    slack_bot_token: str = ""
    slack_app_token: str = ""
    slack_signing_secret: str = ""
    slack_bot_name: str = "Parley"
    slack_ask_command: str = "/ask"
    slack_command: str = "/parley"
    discord_bot_token: str = ""
    endpoints: tuple[Endpoint, ...] | None = ()
    admins: str = ""
    language: str = "en"
    time_zone: str = "UTC"
    memory: str = "channel"
    keep_days: str = ""

    @property
    def needs_file(self) -> bool:
        """True if the models take more than the settings of one."""
        endpoints = self.endpoints or ()
        return len(endpoints) > 1 or any(len(endpoint.models) > 1 for endpoint in endpoints)


_DEFAULT = Answers()


def from_variables(variables: Mapping[str, str]) -> Answers:
    """The answers that are in force already. A secret that is in a file of its own is not read, and stays there."""

    def value(name: str, default: str = "") -> str:
        return "" if variables.get(f"{name}_FILE") else variables.get(name, "") or default

    def is_set(*names: str) -> bool:
        return any(variables.get(name) or variables.get(f"{name}_FILE") for name in names)

    fields = CoreSettings.model_fields
    slack, discord = is_set("SLACK_BOT_TOKEN"), is_set("DISCORD_BOT_TOKEN")
    others = [name for name, there in (("slack", slack), ("discord", discord)) if there]
    page = not others or value("PARLEY_WEB") == "on"
    key, key_in_file = value("OPENAI_API_KEY"), "OPENAI_API_KEY_FILE" in variables
    base_url = value("OPENAI_BASE_URL", fields["openai_base_url"].default)
    model = value("OPENAI_MODEL", fields["openai_model"].default)
    return Answers(
        platforms=(*others, *(["web"] if page else [])),
        slack_bot_token=value("SLACK_BOT_TOKEN"),
        slack_app_token=value("SLACK_APP_TOKEN"),
        slack_signing_secret=value("SLACK_SIGNING_SECRET"),
        slack_bot_name=value("SLACK_BOT_NAME", _DEFAULT.slack_bot_name),
        slack_ask_command=value("SLACK_ASK_COMMAND", _DEFAULT.slack_ask_command),
        slack_command=value("SLACK_COMMAND", _DEFAULT.slack_command),
        discord_bot_token=value("DISCORD_BOT_TOKEN"),
        endpoints=None if key_in_file else (Endpoint(MAIN, base_url, key, (model,)),) if key else (),
        admins=value("PARLEY_ADMINS"),
        language=value("PARLEY_LANGUAGE", fields["parley_language"].default),
        time_zone=value("PARLEY_TIME_ZONE", fields["parley_time_zone"].default),
        memory=value("PARLEY_MEMORY", fields["parley_memory"].default),
        keep_days=value("PARLEY_KEEP_DAYS"),
    )


def to_variables(answers: Answers) -> dict[str, str]:
    """The settings by name; an empty value is not set. Settings that are not asked for are not among them."""
    slack, discord = "slack" in answers.platforms, "discord" in answers.platforms
    variables = {
        "SLACK_BOT_TOKEN": answers.slack_bot_token if slack else "",
        "SLACK_APP_TOKEN": answers.slack_app_token if slack else "",
        "SLACK_SIGNING_SECRET": answers.slack_signing_secret if slack else "",
        "DISCORD_BOT_TOKEN": answers.discord_bot_token if discord else "",
        "PARLEY_WEB": "on" if "web" in answers.platforms and (slack or discord) else "",
    }
    for field in ("slack_bot_name", "slack_ask_command", "slack_command"):
        value = getattr(answers, field)
        variables[field.upper()] = value if slack and value != getattr(_DEFAULT, field) else ""
    variables |= _models(answers)
    return variables | {
        "PARLEY_ADMINS": answers.admins,
        "PARLEY_LANGUAGE": answers.language,
        "PARLEY_TIME_ZONE": answers.time_zone,
        "PARLEY_MEMORY": answers.memory,
        "PARLEY_KEEP_DAYS": answers.keep_days,
    }


def _models(answers: Answers) -> dict[str, str]:
    if answers.endpoints is None:
        return {}
    keys = {endpoint.key_name: endpoint.key for endpoint in answers.endpoints}
    if answers.needs_file or not answers.endpoints:
        return {"OPENAI_BASE_URL": "", "OPENAI_API_KEY": "", "OPENAI_MODEL": ""} | keys
    (only,) = answers.endpoints
    return {"OPENAI_BASE_URL": only.base_url, "OPENAI_MODEL": only.models[0]} | keys


def missing_tokens(answers: Answers, written: Collection[str] = ()) -> list[str]:
    """The secrets without which a platform that was chosen stays off. `written`: the names of variables that are set,
    such as those of files of secrets."""
    values, missing = to_variables(answers), []

    def is_there(*names: str) -> bool:
        return any(values[name] or f"{name}_FILE" in written for name in names)

    if "slack" in answers.platforms:
        missing += [] if is_there("SLACK_BOT_TOKEN") else ["SLACK_BOT_TOKEN"]
        ways = is_there("SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET")
        missing += [] if ways else ["SLACK_APP_TOKEN (or SLACK_SIGNING_SECRET, over HTTP)"]
    if "discord" in answers.platforms and not is_there("DISCORD_BOT_TOKEN"):
        missing.append("DISCORD_BOT_TOKEN")
    return missing


def endpoint_of(text: str) -> Endpoint:
    """The endpoint that `name=backup url=https://host/v1 key=sk-... model=a,b` names. Raises ValueError."""
    given = dict(part.partition("=")[::2] for part in text.split())
    if set(given) != {"name", "url", "key", "model"} or not all(given.values()):
        raise ValueError("an endpoint is written as name=backup url=https://host/v1 key=sk-... model=a,b")
    if problem := endpoint_name_problem(given["name"], [MAIN]):
        raise ValueError(f"the name of an endpoint {problem}")
    return Endpoint(given["name"], given["url"], given["key"], models_of(given["model"]))


def endpoint_name_problem(name: str, taken: Collection[str]) -> str:
    """The reason why a further endpoint can't have this name, in words; empty where it can."""
    if not _NAME.fullmatch(name):
        return "must begin with a small letter and have small letters, digits and - alone"
    return f"is there already: {', '.join(taken)}" if name in taken else ""


def models_of(text: str) -> tuple[str, ...]:
    """The models of a list with commas."""
    return tuple(model for one in text.split(",") if (model := one.strip()))
