"""Models in their order of preference, and the accounts that serve them.

The source is `parley.toml` (in the working directory, or at PARLEY_CONFIG). Without that file the environment gives one
account and one model. The catalog is read and checked once, before any connection opens.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Literal
from urllib.parse import urlsplit

from pydantic import SecretStr

from core.errors import SettingsError
from core.headers import is_secret, read_headers
from core.llm.catalog_file import CONCURRENCY, CatalogFile, EndpointPart, ToolsAlone, undated_prices
from core.llm.catalog_references import reference_problems
from core.redaction import is_secret as is_key
from core.settings.environment import CoreSettings
from core.settings.nearest import nearest
from core.settings.parley_toml import PARTS, ConfigFile, parse_config_file, read_config_file, read_part
from core.settings.problems import Problems, place_in_file, quoted
from core.values.deltas import ModelInfo

TRANSCRIBE_AT = "PARLEY_TRANSCRIBE_MODEL"
EMBED_AT = "PARLEY_EMBEDDING_MODEL"


@dataclass(frozen=True, slots=True)
class Account:
    """One key at one endpoint. `name` is unique: `endpoint/account`. `key_at` and `url_at` name the settings that
    hold the key and the base URL, for advice to operators."""

    name: str
    endpoint: str
    base_url: str
    key: SecretStr
    concurrency: int = CONCURRENCY
    key_at: str = "OPENAI_API_KEY"
    url_at: str = "OPENAI_BASE_URL"
    headers: Mapping[str, SecretStr] = field(default_factory=dict)
    """Extra headers of every request."""
    hidden: tuple[str, ...] = ()
    """The names of the headers whose values are secrets."""

    @property
    def secrets(self) -> list[str]:
        return [self.key.get_secret_value(), *(self.headers[name].get_secret_value() for name in self.hidden)]

    @property
    def host(self) -> str:
        """Host and port of the base URL."""
        return urlsplit(self.base_url).netloc or self.base_url


@dataclass(frozen=True, slots=True)
class Route:
    """One account with one model, under the endpoint's name for it. `model_at` and `window_at` name the settings
    that hold the model and its window, for advice to operators."""

    account: Account
    model_info: ModelInfo
    model_there: str
    model_at: str = "OPENAI_MODEL"
    window_at: str = "PARLEY_CONTEXT_TOKENS"

    @property
    def offer(self) -> str:
        """The model at its endpoint. Another endpoint may serve a model that this one lacks."""
        return f"{self.model_info.name}@{self.account.endpoint}"

    @property
    def places(self) -> dict[str, str]:
        """The fields of advice (`core.i18n.advise`): settings to check and change. They hold no secrets."""
        account = self.account
        return {
            "host": account.host,
            "key": account.key_at,
            "url": account.url_at,
            "model": self.model_at,
            "window": self.window_at,
        }


@dataclass(frozen=True, slots=True)
class ModelCatalog:
    """Every route in order of preference: models by the chain, accounts by their order in the file.

    Without routes the offline model answers. `default` is the model of requests that name none. `transcriptions`: the
    routes of voice clips, in order of preference. `embeddings`: those of the embedding model, all of one model, since
    vectors of two can't be compared.
    """

    default: ModelInfo
    routes: tuple[Route, ...] = ()
    source: str = ""
    transcriptions: tuple[Route, ...] = ()
    embeddings: tuple[Route, ...] = ()

    @property
    def secrets(self) -> list[str]:
        """Keys and values of secret headers, which logs and chats leave out. A placeholder such as `none` is not a
        secret."""
        routes = (*self.routes, *self.transcriptions, *self.embeddings)
        values = {secret.strip() for route in routes for secret in route.account.secrets}
        return sorted(value for value in values if is_key(value))

    @property
    def cards(self) -> tuple[ModelInfo, ...]:
        """One `ModelInfo` for each model, of the first endpoint that serves it."""
        cards: dict[str, ModelInfo] = {}
        for route in self.routes:
            cards.setdefault(route.model_info.name, route.model_info)
        return tuple(cards.values())

    def offered_routes(self, offered: Iterable[str]) -> tuple[Route, ...]:
        """The routes of models that people may choose and that have none of their own: the first account is asked for
        them."""
        known = {route.model_info.name for route in self.routes}
        return tuple(
            Route(route.account, self.model_info(name), name, "PARLEY_MODELS")
            for route in self.routes[:1]
            for name in dict.fromkeys(offered)
            if name not in known
        )

    def model_info(self, model: str) -> ModelInfo:
        """The `ModelInfo` of the model `model`, or defaults with unknown prices if the catalog lacks it."""
        known = (model_info for model_info in (self.default, *self.cards) if model_info.name == model)
        return next(known, replace(self.default, name=model, prices=()))


class LiveCatalog(ModelCatalog):
    """The catalog of a running process: the one object that all its parts read. A reload replaces the content."""

    __slots__ = ()

    @classmethod
    def of(cls, catalog: ModelCatalog) -> LiveCatalog:
        """A copy of `catalog`."""
        return cls(**{one.name: getattr(catalog, one.name) for one in fields(catalog)})

    def adopt(self, catalog: ModelCatalog) -> None:
        """Take over the models that answer. Those of voice clips and of embeddings stay until a restart."""
        for name in ("default", "routes", "source"):
            object.__setattr__(self, name, getattr(catalog, name))


def load_catalog(settings: CoreSettings) -> ModelCatalog:
    """Read and check the catalog. Raises SettingsError with a line for each key at fault, that names the file too."""
    return file_to_catalog(read_config_file(settings), settings)


def environment_to_catalog(settings: CoreSettings) -> ModelCatalog:
    """The one account and model of the environment; no route without a key."""
    model_info = ModelInfo(
        settings.openai_model,
        settings.parley_context_tokens,
        undated_prices(settings, "parley_price_"),
        reported_cost=_reports_cost("auto", settings),
    )
    if settings.openai_api_key is None:
        return ModelCatalog(model_info)
    key, url = settings.openai_api_key, settings.openai_base_url
    account = Account("OPENAI_API_KEY", "", url, key)
    account = replace(account, endpoint=account.host)
    routes = (Route(account, model_info, model_info.name),)
    transcriptions = _routes_of([account], _named_transcriber(settings), TRANSCRIBE_AT)
    embeddings = _routes_of([account], _named_embedder(settings), EMBED_AT)
    return ModelCatalog(model_info, routes, url.partition("?")[0], tuple(transcriptions), tuple(embeddings))


def toml_to_catalog(
    text: str, settings: CoreSettings, environment: Mapping[str, str], source: str
) -> ModelCatalog:
    """Parse `text` of `source`. Raises SettingsError with a line for each key at fault."""
    return file_to_catalog(parse_config_file(text, source, environment), settings)


def file_to_catalog(written: ConfigFile | None, settings: CoreSettings) -> ModelCatalog:
    """The catalog of a file. None, and a file that holds tool servers alone, leave the account and the model to the
    environment. Raises SettingsError with a line for each key at fault."""
    if written is None:
        return environment_to_catalog(settings)
    if written.problem:
        raise SettingsError(written.problem)
    source, environment, problems = written.source, written.environment, Problems()
    without_models = all(nearest(key, PARTS) == "tools" for key in written.values) and bool(written.values)
    known, file = read_part(ToolsAlone if without_models else CatalogFile, written.values, source, problems)
    problems.lines += reference_problems(known, environment, source)
    problems.check()
    if not isinstance(file, CatalogFile):
        return environment_to_catalog(settings)
    accounts = {
        name: list(_accounts(name, endpoint, environment, source)) for name, endpoint in file.endpoints.items()
    }
    routes = [
        _route(account, endpoint, model, settings, f"{source}: endpoints.{quoted(name)}.models")
        for model in file.models or list(dict.fromkeys(m for e in file.endpoints.values() for m in e.models))
        for name, endpoint in file.endpoints.items()
        if model in endpoint.models
        for account in accounts[name]
    ]
    transcriptions = [
        route
        for name, endpoint in file.endpoints.items()
        for route in _routes_of(
            accounts[name],
            _transcriber(endpoint, settings) if endpoint.transcribe else _named_transcriber(settings),
            f"{source}: endpoints.{quoted(name)}.transcribe" if endpoint.transcribe else TRANSCRIBE_AT,
        )
    ]
    embedding = {name: endpoint for name, endpoint in file.endpoints.items() if endpoint.embed}
    embeddings = [
        route
        for name, endpoint in (embedding or file.endpoints).items()
        for route in _routes_of(
            accounts[name],
            _embedder(endpoint, settings) if endpoint.embed else _named_embedder(settings),
            f"{source}: endpoints.{quoted(name)}.embed" if endpoint.embed else EMBED_AT,
        )
    ]
    return ModelCatalog(routes[0].model_info, tuple(routes), source, tuple(transcriptions), tuple(embeddings))


def _routes_of(accounts: Iterable[Account], model_info: ModelInfo, at: str) -> Iterator[Route]:
    """The routes of a model that does not answer questions; empty if no model is named."""
    return (Route(account, model_info, model_info.name, at) for account in accounts if model_info.name)


def _named_transcriber(settings: CoreSettings) -> ModelInfo:
    """The transcription model of the environment, nameless where there is none."""
    prices = undated_prices(settings, "parley_price_sound_")
    return ModelInfo(
        settings.parley_transcribe_model, prices=prices, reported_cost=_reports_cost("auto", settings)
    )


def _transcriber(endpoint: EndpointPart, settings: CoreSettings) -> ModelInfo:
    """The transcription model of `endpoint`, which has one."""
    assert endpoint.transcribe is not None
    prices = endpoint.transcribe.all_prices
    reported = _reports_cost(endpoint.reported_cost, settings)
    return ModelInfo(endpoint.transcribe.name, prices=prices, reported_cost=reported)


def _named_embedder(settings: CoreSettings) -> ModelInfo:
    """The embedding model of the environment, nameless where there is none."""
    prices = undated_prices(settings, "parley_price_embedding_")
    return ModelInfo(
        settings.parley_embedding_model, prices=prices, reported_cost=_reports_cost("auto", settings)
    )


def _embedder(endpoint: EndpointPart, settings: CoreSettings) -> ModelInfo:
    """The embedding model of `endpoint`, which has one."""
    assert endpoint.embed is not None
    reported = _reports_cost(endpoint.reported_cost, settings)
    return ModelInfo(endpoint.embed.name, prices=endpoint.embed.all_prices, reported_cost=reported)


def _reports_cost(written: bool | Literal["auto"], settings: CoreSettings) -> bool:
    """True if the cost that the endpoint reports counts: it is in US dollars where nothing else is known."""
    return settings.parley_currency == "USD" if written == "auto" else written


def _route(account: Account, endpoint: EndpointPart, name: str, settings: CoreSettings, at: str) -> Route:
    model = endpoint.models[name]
    model_info = ModelInfo(
        name,
        model.context_tokens or settings.parley_context_tokens,
        model.all_prices,
        images=None if model.images == "auto" else model.images,
        tools=None if model.tools == "auto" else model.tools,
        reported_cost=_reports_cost(endpoint.reported_cost, settings),
    )
    model_at = f"{at}.{quoted(name)}"
    return Route(account, model_info, model.name or name, model_at, f"{model_at}.context_tokens")


def _accounts(
    name: str, endpoint: EndpointPart, environment: Mapping[str, str], source: str
) -> Iterator[Account]:
    """The accounts of an endpoint whose references are right."""
    at = place_in_file(source, ("endpoints", name))
    headers, _ = read_headers(endpoint.headers, environment)
    hidden = tuple(header for header, given in endpoint.headers.items() if is_secret(header, given))
    for number, account in enumerate(endpoint.accounts):
        key = account.key if account.key is not None else SecretStr(environment[account.key_env])
        key_at = f"{at}.accounts.{number}.key" if account.key is not None else account.key_env
        yield Account(
            f"{name}/{account.name}",
            name,
            endpoint.base_url,
            key,
            account.concurrency,
            f"{key_at}, account {name}/{account.name}",
            f"{at}.base_url",
            headers,
            hidden,
        )
