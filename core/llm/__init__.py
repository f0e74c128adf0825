"""A list of messages in, deltas out.

    router           one retry loop over all accounts and models, one budget a turn
    ├ retry_policy     what follows each failure: one table                        pure
    ├ circuit_breaker  leaves alone what failed too often, then probes it          pure
    ├ context_windows  how long requests may be, learned from refusals
    ├ descriptions     pictures in words, by another model
    ├ vision           which pictures a model is shown, learned likewise
    │ └ images           the pictures of a list of messages                        pure
    ├ prompt_fitting   the messages that fit into a window                         pure
    │ └ tokens           the length of a text, estimated without a tokenizer       pure
    ├ concurrency      how many answers at once an account gives; people take turns
    └ client           one attempt over HTTP, and its repairs
      ├ connection         the HTTP connections to one endpoint
      │ └ network            proxies and certificates of the environment
      ├ request_body       a request as JSON, in the form its endpoint takes       pure
      │ └ messages           messages and their parts as JSON and as text          pure
      ├ request_repairs    which part of a request is refused                      pure
      ├ response_reader    the body of an answer under its timers
      ├ partial_completion the beginning of a completion that is too long          pure
      ├ decompression      compressed bytes -> bytes                               pure
      ├ sse                bytes -> JSON objects                                   pure
      ├ chunks             JSON objects -> deltas, under caps                      pure
      │ ├ finish_reasons     what a finish reason means                            pure
      │ ├ tool_calls         tool calls in pieces                                  pure
      │ └ reasoning_tags     reasoning inside the text                             pure
      ├ deadline           a deadline by the injected clock
      └ errors             status, code and words -> `ModelError`                  pure
        ├ error_bodies       error bodies of every shape -> codes and words        pure
        ├ echo               what of an error repeats the request                  pure
        ├ refusals           codes and words by the rules of refusals.toml         pure
        ├ image_refusals     what is refused of pictures                           pure
        ├ wait_hints         when to come back                                     pure
        └ length_limits      how long a request may be                             pure
    redacting_model  any model, with our secrets cut from its words
    transcription    the words of voice clips
    └ sounds           which sounds are transcribed, and their names                pure
    offline          the built-in model, for when no key is set
    catalog          accounts and models, from the environment or parley.toml

The reader of server-sent events is our own. Libraries lose events of real endpoints (no blank line before the end,
bare JSON between events), and none tells a whole answer from one that was cut.
"""

from __future__ import annotations

from collections.abc import Mapping

from cachetools import FIFOCache

from core.clock import Clock
from core.llm.catalog import Account, ModelCatalog
from core.llm.chunks import AnswerCaps
from core.llm.client import REPAIRS_KEPT, CompletionsClient, Repairs
from core.llm.network import create_tls, proxy_for
from core.llm.offline import OfflineModel
from core.llm.response_reader import ReadTimeouts
from core.llm.retry_policy import RetryBudget
from core.llm.router import ModelRouter
from core.llm.transcription import EndpointTranscriber
from core.ports.model import ModelObserver
from core.settings.environment import CoreSettings


def check_ways(catalog: ModelCatalog, environment: Mapping[str, str]) -> None:
    """Raises SettingsError with one line for a variable, about proxies or certificates, that can't be used on the way
    to an endpoint."""
    for url in {route.account.base_url for route in catalog.routes}:
        proxy_for(url, environment)
    if catalog.routes:
        create_tls(environment)


def create_transcriber(
    catalog: ModelCatalog, clock: Clock, observer: ModelObserver
) -> EndpointTranscriber | None:
    """None where no model writes down voice clips. The caller closes it."""
    return EndpointTranscriber(catalog.transcriptions, clock, observer) if catalog.transcriptions else None


def create_model(
    settings: CoreSettings, catalog: ModelCatalog, clock: Clock, observer: ModelObserver
) -> ModelRouter | OfflineModel:
    """The catalog's models, or the built-in one where the catalog has none. The caller closes it."""
    if not catalog.routes:
        return OfflineModel(clock)
    patience = ReadTimeouts(settings.parley_first_word_s, settings.parley_gap_s, settings.parley_total_s)
    caps = AnswerCaps(
        settings.parley_answer_chars_cap,
        settings.parley_arguments_chars_cap,
        settings.parley_reasoning_chars_cap,
    )
    repairs: Repairs = FIFOCache(REPAIRS_KEPT)

    def client(account: Account) -> CompletionsClient:
        headers = {name: value.get_secret_value() for name, value in account.headers.items()}
        key = account.key.get_secret_value()
        return CompletionsClient(account.base_url, key, clock, patience, repairs, caps, headers)

    accounts = {route.account.name: route.account for route in catalog.routes}
    clients = {name: client(account) for name, account in accounts.items()}
    allowance = RetryBudget(settings.parley_retry_tries, settings.parley_retry_limit_s)
    describes = settings.parley_describe_pictures
    return ModelRouter(catalog, clients, clock, observer, allowance, describes=describes)
