"""Asks models over HTTP: messages in, deltas out.

    router           the retry loop over all accounts and models, with one budget per turn
    ├ retry_policy     rules for each failure: one table                           pure
    ├ circuit_breaker  skips a route that fails too often, then probes it          pure
    ├ context_windows  maximum request lengths, learned from refusals
    ├ descriptions     image descriptions by another model
    ├ vision           images that a model receives, learned likewise
    │ └ images           the images of a list of messages                          pure
    ├ prompt_fitting   the messages that fit into a window                         pure
    │ └ tokens           the length of a text, estimated without a tokenizer       pure
    ├ concurrency      concurrent requests per account, and a fair queue
    └ client           one attempt over HTTP, and its repairs
      ├ connection         the HTTP connections to one endpoint
      │ ├ network            proxies and certificates of the environment
      │ └ transport          httpx over the pools of httpcore
      │   └ network_streams    their sockets and TLS
      ├ request_body       a request as JSON, in the form its endpoint takes       pure
      │ └ messages           messages and their parts as JSON and as text          pure
      ├ request_repairs    the part of a request that is refused                   pure
      ├ response_reader    the body of an answer under its timers
      ├ partial_completion the beginning of an oversized completion                pure
      ├ decompression      compressed bytes -> bytes                               pure
      ├ sse                bytes -> JSON objects                                   pure
      ├ chunks             JSON objects -> deltas, under caps                      pure
      │ ├ finish_reasons     classifies finish reasons                             pure
      │ ├ tool_calls         assembles tool calls                                  pure
      │ │ └ opaque_fields      fields that go back as they came                      pure
      │ ├ usage_fields       the usage under the names of each vendor              pure
      │ ├ printed_calls      tool calls inside the text                            pure
      │ └ reasoning_tags     reasoning inside the text                             pure
      ├ deadline           a deadline by the injected clock
      └ errors             HTTP failures -> `ModelError`                           pure
        ├ error_bodies       error bodies of every shape -> codes and words        pure
        ├ echo               quotations of the request in an error                 pure
        ├ refusals           codes and words by the rules of refusals.toml         pure
        ├ image_refusals     refusals of images                                    pure
        ├ tool_refusals      refusals of tools and of the fields of calls          pure
        ├ wait_hints         when to retry                                         pure
        └ length_limits      maximum request length                                pure
    workspace_models the models of workspaces with accounts of their own
    └ checked_transport  connections to the public Internet alone
    model_spans      requests to models as spans of a trace
    overview         accounts and open breakers as an operator sees them
    redacting_model  a wrapper that removes secrets from deltas
    transcription    transcribes voice clips
    └ sounds           types of audio and their extensions                         pure
    embeddings       asks for the vectors of texts
    model_list       the models that an endpoint serves
    listed_models    keeps these lists for names that people choose, and checks those that are set
    endpoint_checks  the checks of `parley doctor` of endpoints and models
    single_response  one response that is no stream
    offline          the built-in model without a key
    catalog          accounts and models, from the environment or parley.toml
    ├ catalog_file     the keys of that file and their forms                       pure
    └ catalog_references   names in it that lead nowhere                           pure

The parser of server-sent events is Parley's own. Libraries lose events of real endpoints (no blank line before the
end, bare JSON between events), and none detects a truncated answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from core.clock import Clock
from core.llm.catalog import Account, ModelCatalog
from core.llm.chunks import AnswerCaps
from core.llm.client import CompletionsClient, create_repairs
from core.llm.connection import Guard
from core.llm.embeddings import EndpointEmbedder
from core.llm.network import create_tls, names_certificates, proxy_for
from core.llm.offline import OfflineModel
from core.llm.response_reader import ReadTimeouts
from core.llm.retry_policy import RetryBudget
from core.llm.router import ModelRouter
from core.llm.transcription import EndpointTranscriber
from core.ports.model import ModelObserver
from core.settings.environment import CoreSettings
from core.settings.problems import Problems

_OF_MODELS = (
    *("parley_first_word_s", "parley_gap_s", "parley_total_s", "parley_retry_tries", "parley_retry_limit_s"),
    *("parley_answer_chars_cap", "parley_arguments_chars_cap", "parley_reasoning_chars_cap"),
    "parley_describe_pictures",
)
"""The settings that `create_model` reads."""


def check_ways(urls: Iterable[str], environment: Mapping[str, str]) -> None:
    """Raises SettingsError with one line for each variable of `environment` whose proxy or certificates can't be
    used to reach the endpoints at `urls`."""
    problems, known = Problems(), sorted(set(urls))
    for url in known:
        problems.attempt(proxy_for, url, environment)
    if known and names_certificates(
        environment
    ):  # others are loaded with the first connection, which takes a while
        problems.attempt(create_tls, environment)
    problems.check()


def create_transcriber(
    catalog: ModelCatalog, clock: Clock, observer: ModelObserver
) -> EndpointTranscriber | None:
    """The transcriber of `catalog`, or None without a transcription model. The caller closes it."""
    return EndpointTranscriber(catalog.transcriptions, clock, observer) if catalog.transcriptions else None


def create_embedder(catalog: ModelCatalog, clock: Clock, observer: ModelObserver) -> EndpointEmbedder | None:
    """The embedder of `catalog`, or None without an embedding model. The caller closes it."""
    return EndpointEmbedder(catalog.embeddings, clock, observer) if catalog.embeddings else None


def is_same_model(one: tuple[CoreSettings, ModelCatalog], other: tuple[CoreSettings, ModelCatalog]) -> bool:
    """True if `create_model` makes equal models of both."""
    return one[1].routes == other[1].routes and all(
        getattr(one[0], name) == getattr(other[0], name) for name in _OF_MODELS
    )


def create_model(
    settings: CoreSettings, catalog: ModelCatalog, clock: Clock, observer: ModelObserver
) -> ModelRouter | OfflineModel:
    """A model over the routes of `catalog`, or the offline model where it has none. The caller closes it."""
    if not catalog.routes:
        return OfflineModel(clock)
    return create_router(settings, catalog, clock, observer)


def create_router(
    settings: CoreSettings,
    catalog: ModelCatalog,
    clock: Clock,
    observer: ModelObserver,
    guard: Guard | None = None,
) -> ModelRouter:
    """A model over the routes of `catalog`, of which there is one at least. `guard`: as in
    `core.llm.connection.create_http`. The caller closes it."""
    patience = ReadTimeouts(settings.parley_first_word_s, settings.parley_gap_s, settings.parley_total_s)
    caps = AnswerCaps(
        settings.parley_answer_chars_cap,
        settings.parley_arguments_chars_cap,
        settings.parley_reasoning_chars_cap,
    )
    repairs = create_repairs(clock)

    def client(account: Account) -> CompletionsClient:
        headers = {name: value.get_secret_value() for name, value in account.headers.items()}
        key = account.key.get_secret_value()
        return CompletionsClient(
            account.base_url,
            key,
            clock,
            patience,
            repairs,
            caps,
            headers,
            endpoint=account.endpoint,
            guard=guard,
        )

    accounts = {route.account.name: route.account for route in catalog.routes}
    clients = {name: client(account) for name, account in accounts.items()}
    allowance = RetryBudget(settings.parley_retry_tries, settings.parley_retry_limit_s)
    describes = settings.parley_describe_pictures
    return ModelRouter(catalog, clients, clock, observer, allowance, describes=describes)
