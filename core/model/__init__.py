"""The room of the model: a list of messages in, deltas out.

    pool       one retry loop and its budget           `RetryingModel`, and `decide`, which is pure
    └ client   one attempt over HTTP, its timers, the repair of refused fields
      ├ sse    bytes -> JSON objects                   pure, as fast as the JSON in them
      ├ wire   JSON objects -> deltas                  pure: every departure from the format is read here
      ├ alarm  a deadline by the injected clock
      └ faults status, code and words -> `ModelError`  the one table, and the advice to the operator
    scripted   the offline model, for when no key is set

The reader of the wire is our own: libraries for server-sent events lose events on real endpoints (no blank
line before the end, bare JSON between events), and none tells a whole answer from one that was cut.
"""

from __future__ import annotations

from core.clock import Clock
from core.config import CoreSettings
from core.model.client import CompletionsClient, Patience
from core.model.pool import RetryingModel
from core.model.scripted import OfflineModel


def create_model(settings: CoreSettings, clock: Clock) -> RetryingModel | OfflineModel:
    """The model that the settings ask for: the endpoint's, or without a key the built-in one. Close it."""
    if settings.openai_api_key is None:
        return OfflineModel(clock)
    patience = Patience(settings.parley_first_word_s, settings.parley_gap_s, settings.parley_total_s)
    key = settings.openai_api_key.get_secret_value()
    client = CompletionsClient(settings.openai_base_url, key, clock, patience)
    return RetryingModel(client, clock, settings.parley_retry_limit_s)
