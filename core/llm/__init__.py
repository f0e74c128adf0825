"""The room of the model: a list of messages in, deltas out.

    pool         one retry loop over all accounts and models, one budget a turn
    ├ policy     what follows each failure: one table, and what decides by it   pure
    ├ breaker    what has failed too often is left alone, then probed           pure
    ├ windows    how long requests may be, as refusals have told
    ├ turnstile  how many answers at once an account gives, places taking turns
    ├ herald     tells the operators, once per cause and hour
    └ client     one attempt over HTTP, and its repairs
      ├ network  proxies and certificates of the environment
      ├ body     a request as JSON, in the form that its endpoint takes   pure
      ├ repairs  which part of a request is refused                       pure
      ├ reading  the body of an answer under its timers
      ├ partial  the beginning of a completion that is too long          pure
      ├ inflate  compressed bytes -> bytes                               pure
      ├ sse      bytes -> JSON objects                                   pure, as fast as the JSON in them
      ├ wire     JSON objects -> deltas, under caps       pure: every departure from the format is read here
      │ ├ finish    what a finish reason says                             pure
      │ ├ calls     tool calls in pieces                                  pure
      │ └ thoughts  reasoning in tags                                     pure
      ├ alarm    a deadline by the injected clock
      └ faults   status, code and words -> `ModelError`                   pure
        ├ bodies    error bodies of every shape -> codes and words        pure
        ├ echo      what of an error repeats the request                  pure
        ├ refusals  what codes and words mean, by the rules of refusals.toml   pure
        ├ waits     when to come back                                     pure
        └ limits    how long a request may be                             pure
    redacted     any model, without our secrets in its words
    scripted     the offline model, for when no key is set

Which accounts and models there are stands in `core.llm.catalog`. The reader of the wire is our own: libraries for
server-sent events lose events on real endpoints (no blank line before the end, bare JSON between events), and none
tells a whole answer from one that was cut.
"""

from __future__ import annotations

from collections.abc import Mapping

from core.clock import Clock
from core.llm.catalog import Account, ModelCatalog
from core.llm.chunks import Caps
from core.llm.client import REPAIRS_KEPT, CompletionsClient, Repairs
from core.llm.network import create_tls, proxy_for
from core.llm.offline import OfflineModel
from core.llm.response_reader import Patience
from core.llm.retry_policy import Allowance
from core.llm.router import ModelRouter
from core.operators.alerts import OperatorAlerts
from core.recent import Recent
from core.settings.environment import CoreSettings


def check_ways(catalog: ModelCatalog, environment: Mapping[str, str]) -> None:
    """Raises SettingsError with one line for a variable, about proxies or certificates, that can't be used on the way
    to an endpoint."""
    for url in {route.account.base_url for route in catalog.routes}:
        proxy_for(url, environment)
    if catalog.routes:
        create_tls(environment)


def create_model(
    settings: CoreSettings, catalog: ModelCatalog, clock: Clock, operator_alerts: OperatorAlerts | None = None
) -> ModelRouter | OfflineModel:
    """The models of the roster, or the built-in one where it has none. Close it."""
    if not catalog.routes:
        return OfflineModel(clock)
    patience = Patience(settings.parley_first_word_s, settings.parley_gap_s, settings.parley_total_s)
    caps = Caps(
        settings.parley_answer_chars_cap,
        settings.parley_arguments_chars_cap,
        settings.parley_reasoning_chars_cap,
    )
    repairs: Repairs = Recent(REPAIRS_KEPT)

    def client(account: Account) -> CompletionsClient:
        headers = {name: value.get_secret_value() for name, value in account.headers.items()}
        key = account.key.get_secret_value()
        return CompletionsClient(account.base_url, key, clock, patience, repairs, caps, headers)

    accounts = {route.account.name: route.account for route in catalog.routes}
    clients = {name: client(account) for name, account in accounts.items()}
    allowance = Allowance(settings.parley_retry_tries, settings.parley_retry_limit_s)
    return ModelRouter(catalog, clients, clock, operator_alerts or OperatorAlerts(clock), allowance)
