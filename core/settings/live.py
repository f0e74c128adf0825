"""The core's settings of a running process. A reload replaces those that take effect without a restart."""

from __future__ import annotations

from typing import Self, cast

from core.settings.environment import CoreSettings

RELOADED = frozenset(
    {
        *("openai_base_url", "openai_api_key", "openai_model", "parley_config", "parley_models"),
        *("parley_system_prompt", "parley_temperature", "parley_max_tokens", "parley_max_tokens_cap"),
        *("parley_context_tokens", "parley_retry_limit_s", "parley_retry_tries", "parley_first_word_s"),
        *("parley_gap_s", "parley_total_s", "parley_answer_chars_cap", "parley_reasoning_chars_cap"),
        *("parley_arguments_chars_cap", "parley_describe_pictures", "parley_price_input"),
        *("parley_price_cached_input", "parley_price_output", "parley_price_reasoning", "parley_price_picture"),
        *("parley_budget", "parley_builtin_tools", "parley_link_hosts", "parley_account_hosts"),
        *("parley_most_tools", "parley_memory"),
        *("parley_memory_days", "parley_memory_wait_s", "parley_admins", "parley_allow", "parley_deny"),
        *("parley_guests", "parley_strangers", "parley_rate"),
    }
)
"""The fields that a reload replaces: models, prices, limits, lists of people, tools and prompts."""


class LiveSettings(CoreSettings):
    """The one object that all parts of a running process read these settings from."""

    @classmethod
    def of(cls, settings: CoreSettings) -> Self:
        """A copy of `settings`."""
        return cast("Self", cls.model_construct(None, **dict(settings)))

    def adopt(self, settings: CoreSettings) -> None:
        """Take over the values of the fields in RELOADED."""
        self.__dict__.update({name: getattr(settings, name) for name in RELOADED})
