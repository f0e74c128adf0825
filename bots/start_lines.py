"""The lines that a start prints about keys and models: which host each key goes to, never a key. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from pydantic import SecretStr

from bots.config import Config
from core.llm.catalog import Account, ModelCatalog
from core.settings.environment import CoreSettings
from core.settings.variables import Variables
from core.tools.config import ToolServer


def model_line(catalog: ModelCatalog, core: CoreSettings) -> str:
    """The models in their order, or how to get one in place of the offline model."""
    if not catalog.routes:
        return (
            "the built-in offline one. For a real one set OPENAI_API_KEY together with OPENAI_BASE_URL, the endpoint "
            f"that the key is for (now {core.openai_base_url}), and OPENAI_MODEL (now {core.openai_model})"
        )
    return f"{', then '.join(model_info.name for model_info in catalog.cards)} at {catalog.source}"


def key_lines(config: Config) -> list[str]:
    """A line for each key that is sent anywhere: the setting that holds it, where that is set, and the host."""
    routes = (*config.catalog.routes, *config.catalog.transcriptions, *config.catalog.embeddings)
    accounts = {route.account.name: route.account for route in routes}
    return [
        *(_of_account(account, config.variables) for account in accounts.values()),
        *_of_platforms(config),
        *(line for server in config.tool_servers for line in _of_server(server)),
        *_of_collector(config),
    ]


def _of_account(account: Account, variables: Variables) -> str:
    setting, _, name = account.key_at.partition(", account ")
    of = f" of account {name}" if name else ""
    hidden = f", and the header {', '.join(account.hidden)}" if account.hidden else ""
    return f"{account.host} gets {_named([setting], variables)}{of}{hidden}"


def _of_platforms(config: Config) -> Iterator[str]:
    slack, discord, variables = config.slack, config.discord, config.variables
    tokens = {"SLACK_BOT_TOKEN": slack.slack_bot_token, "SLACK_APP_TOKEN": slack.slack_app_token}
    tokens |= {"SLACK_CLIENT_SECRET": slack.slack_client_secret}
    if given := [name for name, token in tokens.items() if token is not None]:
        yield f"{_hosts(slack.slack_api_url)} gets {_named(given, variables)}"
    if discord.discord_bot_token is not None:
        hosts = _hosts(discord.discord_api_url, discord.discord_gateway_url)
        yield f"{hosts} gets {_named(['DISCORD_BOT_TOKEN'], variables)}"


def _of_server(server: ToolServer) -> Iterator[str]:
    for kind, values in (("header", server.headers), ("variable", server.env)):
        if secret := [name for name, value in values.items() if isinstance(value, SecretStr)]:
            yield f"{server.where} gets the {kind} {', '.join(secret)} of the tools {server.name}"


def _of_collector(config: Config) -> Iterator[str]:
    telemetry = config.telemetry
    if telemetry.otel_exporter_otlp_endpoint and telemetry.otel_exporter_otlp_headers is not None:
        headers = _named(["OTEL_EXPORTER_OTLP_HEADERS"], config.variables)
        yield f"{_hosts(telemetry.otel_exporter_otlp_endpoint)} gets {headers}"


def _hosts(*urls: str) -> str:
    """The hosts of addresses, each once."""
    return ", ".join(dict.fromkeys(urlsplit(url).netloc for url in urls))


def _named(settings: Iterable[str], variables: Variables) -> str:
    """The settings, each with the place where it is set, unless its name says it."""
    shown = []
    for name in settings:
        origin = variables.origin(name)
        shown.append(f"{name} (from {origin})" if origin else name)
    return " and ".join(shown)
