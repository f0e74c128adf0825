"""Channel settings: the values that people set for a channel or a workspace. `core.settings.layers` merges them. Pure.

`ChannelSettings` is their only table. Forms, `/settings`, checks and registered options are derived from its fields.
A value is stored as the text that was written; a text that can't be read any more counts as not set.
"""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import time
from enum import StrEnum
from functools import cache, partial
from typing import Annotated, Any, get_type_hints
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)

from core.i18n import LANGUAGES, language_of, phrase
from core.settings.environment import MOST_DAYS, CoreSettings
from core.settings.limits import limits_of
from core.settings.standards import known_zone
from core.values.budgets import Limit
from core.values.deltas import ModelInfo
from core.values.model_accounts import ModelAccount
from core.values.platform import Feature, PlatformTraits
from core.values.tasks import ReportScope
from core.values.tools import ToolSettings


class Listen(StrEnum):
    """The messages of a channel that are questions.

    MENTIONS: those to the bot, and all in threads it has joined. MENTIONS_ONLY: those to the bot, in threads too.
    ALL: every message. FORUM: as MENTIONS, and each new post of a forum. OFF: none.
    """

    MENTIONS = "mentions"
    MENTIONS_ONLY = "mentions_only"
    ALL = "all"
    FORUM = "forum"
    OFF = "off"


class Memory(StrEnum):
    """The channels whose answered questions may help with an answer, and which may be cited.

    OFF: none; the channel is no source either. CHANNEL: itself alone, and it is no source elsewhere. WORKSPACE: those
    with this value that everybody who reads the answer may read.
    """

    OFF = "off"
    CHANNEL = "channel"
    WORKSPACE = "workspace"


class Reported(StrEnum):
    """The periods of which a channel gets a report."""

    OFF = "off"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class Origin(StrEnum):
    """The source of a setting's value."""

    DEFAULT = "default"
    WORKSPACE = "workspace"
    CHANNEL = "channel"


NOBODY = "!"
"""The entry of a list that matches no person: no id looks like this."""

_ID = re.compile(r"<?[@#&!]*([A-Za-z0-9_-]+)(?:\|[^>]*)?>?")


def ids(text: str) -> frozenset[str]:
    """Ids between commas or spaces, bare or as a platform writes a mention: `C1, <@U2|ada>, <@&3>`.

    Raises ValueError.
    """
    parts = [_ID.fullmatch(part) for part in re.split(r"[\s,;]+", text.strip()) if part]
    if not parts or not all(parts):
        raise ValueError(text)
    return frozenset(part[1] for part in parts if part)


def own(listed: str, platform: str) -> frozenset[str]:
    """The ids of one platform in an operator's list of `platform:id`."""
    pairs = (entry.strip().partition(":") for entry in listed.split(","))
    return frozenset(id_.strip() for name, _, id_ in pairs if name.strip() == platform and id_.strip())


_TIME = re.compile(r"([01]?\d|2[0-3])[:：]([0-5]\d)")


def time_of_day(text: str) -> str:
    """A time of day such as 9:00, as `HH:MM`. Raises ValueError for other texts."""
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is not a time of day, such as 9:00")
    return f"{int(found[1]):02}:{found[2]}"


def offered_models(core: CoreSettings) -> tuple[str, ...]:
    """The operator's own model, and those of PARLEY_MODELS."""
    written = (name.strip() for name in core.parley_models.split(","))
    return tuple(dict.fromkeys([core.openai_model, *filter(None, written)]))


def capped(core: CoreSettings, tokens: int | None) -> int | None:
    """`tokens`, or PARLEY_MAX_TOKENS_CAP where that is less or `tokens` is None."""
    return _least(tokens, core.parley_max_tokens_cap)


def _least(one: int | None, other: int | None) -> int | None:
    """The lesser number, where both are set."""
    return min((number for number in (one, other) if number is not None), default=None)


def _permitted(core: CoreSettings, model: str) -> str | None:
    return model if not core.parley_models.strip() or model in offered_models(core) else None


def _default_prompt(core: CoreSettings, platform: str) -> str:
    return core.parley_system_prompt or phrase("default_prompt", language_of(core.parley_language))


def _allowed(core: CoreSettings, platform: str) -> tuple[frozenset[str], ...]:
    """Empty where all may ask. A list that names only other platforms admits no one of this one."""
    listed = own(core.parley_allow, platform) or frozenset({NOBODY} if core.parley_allow.strip() else ())
    return (listed,) if listed else ()


@dataclass(frozen=True, slots=True)
class Setting:
    """Makes a field of `ChannelSettings` one that people can set. Its phrases: `setting_<name>`, the label, and
    `setting_<name>_about`, what may be written; with `choices`, `choice_<value>` for each instead of the latter.

    `scopes`: where it can be set. `admins`: only admins may change it, in a channel too. `needs`: platforms
    without this feature lack the setting; `choices_need`, one of its choices. `internal`: an app that is installed
    beyond the organisation that runs it lacks the setting, unless the platform has a search of its own. `confidential`:
    nobody there is shown the operator's value, which names people and workspaces of others. `choices`: the
    only texts it takes; those of a bool or an enum are derived. `long`: it is edited in several lines. `default`: the
    operator's value on a platform. `limit`: the value as the operator permits it, or None. `combine`: the value
    of an outer and an inner layer, where the inner one does not replace the outer: lists hold together, of numbers one
    alone.
    """

    scopes: tuple[str, ...] = ("channel", "workspace")
    admins: bool = False
    needs: Feature | None = None
    choices: tuple[str, ...] = ()
    choices_need: Mapping[str, Feature] = field(default_factory=dict)
    internal: bool = False
    confidential: bool = False
    long: bool = False
    default: Callable[[CoreSettings, str], object] | None = None
    limit: Callable[[CoreSettings, Any], object | None] = lambda core, value: value
    combine: Callable[[Any, Any], object] | None = None
    reader: Callable[[], TypeAdapter[Any]] | None = None
    """Makes what reads the values, with the first one of them or by `prepare`: a start need not wait for it."""

    def prepare(self) -> None:
        """Make what reads the values."""
        if self.reader is not None:
            self.reader()

    def read(self, text: str) -> Any:
        """The value of `text`, or None where it has none."""
        assert self.reader is not None
        if self.choices and text not in self.choices:
            return None
        try:
            return self.reader().validate_python(text)
        except ValidationError:
            return None


_Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class ChannelSettings(BaseModel):
    """The settings of one channel.

    `language` is empty where each person's own counts. The limits of `budget` are those of PARLEY_BUDGET, of the
    workspace and of the channel: all hold, and `layers` says which is whose. Those of `person_budget` hold for each
    person. `rate` is questions a minute by one person, 0 for no limit. Who may ask must be on each list of `allow` and
    not on `deny`: a channel can only narrow what its workspace and the operator allow. What is older than `keep_days`
    is removed; None keeps it for ever. `layers`: of each setting the values that count, as text with their origin, the
    innermost last. `platform` has the variant of the phrases. `account`: the workspace's own model account, which alone
    answers, with the model `own_model`.
    """

    model_config = ConfigDict(frozen=True)

    model: Annotated[
        _Words,
        Field(max_length=200),
        Setting(default=lambda core, _: core.openai_model, limit=_permitted),
    ]
    prompt: Annotated[
        _Words,
        Field(max_length=8_000),
        Setting(long=True, default=_default_prompt),
    ]
    temperature: Annotated[
        float | None,
        Field(ge=0, le=2, allow_inf_nan=False),
        Setting(default=lambda core, _: core.parley_temperature),
    ] = None
    max_tokens: Annotated[
        int | None,
        Field(ge=1, le=1_000_000),
        Setting(default=lambda core, _: capped(core, core.parley_max_tokens), limit=capped),
    ] = None
    language: Annotated[str, Setting(choices=tuple(LANGUAGES))] = ""
    listen: Annotated[
        Listen,
        Setting(
            choices_need={
                Listen.MENTIONS_ONLY: Feature.CHANNELS,
                Listen.ALL: Feature.CHANNELS,
                Listen.FORUM: Feature.FORUMS,
            }
        ),
    ] = Listen.MENTIONS
    tools: Annotated[bool, Setting()] = True
    builtin_tools: Annotated[bool, Setting(default=lambda core, _: core.parley_builtin_tools)] = False
    read_links: Annotated[bool, Setting(admins=True)] = False
    memory: Annotated[
        Memory,
        Setting(
            choices_need={Memory.WORKSPACE: Feature.CHANNELS},
            internal=True,
            default=lambda core, _: Memory(core.parley_memory),
            limit=lambda core, value: (
                value if value is Memory.OFF or core.parley_memory != Memory.OFF else None
            ),
        ),
    ] = Memory.CHANNEL
    summaries: Annotated[bool, Setting()] = True
    related: Annotated[bool, Setting(needs=Feature.FORUMS)] = False
    budget: Annotated[
        tuple[Limit, ...],
        BeforeValidator(lambda value: limits_of(value) if isinstance(value, str) else value),
        Setting(admins=True, default=lambda core, _: limits_of(core.parley_budget), combine=operator.add),
    ] = ()
    person_budget: Annotated[
        tuple[Limit, ...],
        BeforeValidator(lambda value: limits_of(value) if isinstance(value, str) else value),
        Setting(scopes=("workspace",), needs=Feature.CHANNELS),
    ] = ()
    rate: Annotated[
        int,
        Field(ge=0, le=1_000),
        Setting(scopes=("workspace",), needs=Feature.CHANNELS, default=lambda core, _: core.parley_rate),
    ] = 0
    report: Annotated[Reported, Setting(scopes=("channel",), needs=Feature.CHANNELS)] = Reported.OFF
    report_at: Annotated[
        str, Field(max_length=20), AfterValidator(time_of_day), Setting(needs=Feature.CHANNELS)
    ] = "09:00"
    report_scope: Annotated[
        ReportScope,
        Setting(scopes=("channel",), admins=True, needs=Feature.CHANNELS, choices=("channel", "workspace")),
    ] = ReportScope.CHANNEL
    report_names: Annotated[bool, Setting(scopes=("workspace",), admins=True)] = False
    time_zone: Annotated[
        str,
        Field(max_length=100),
        AfterValidator(known_zone),
        Setting(scopes=("workspace",), needs=Feature.CHANNELS, default=lambda core, _: core.parley_time_zone),
    ] = "UTC"
    guests: Annotated[
        bool,
        Setting(scopes=("workspace",), needs=Feature.GUESTS, default=lambda core, _: core.parley_guests),
    ] = True
    strangers: Annotated[
        bool,
        Setting(
            scopes=("workspace",), needs=Feature.SHARED_CHANNELS, default=lambda core, _: core.parley_strangers
        ),
    ] = False
    allow: Annotated[
        tuple[frozenset[str], ...],
        BeforeValidator(lambda value: (ids(value),) if isinstance(value, str) else value),
        Setting(needs=Feature.CHANNELS, default=_allowed, combine=operator.add, confidential=True),
    ] = ()
    deny: Annotated[
        frozenset[str],
        BeforeValidator(lambda value: ids(value) if isinstance(value, str) else value),
        Setting(
            needs=Feature.CHANNELS,
            default=lambda core, platform: own(core.parley_deny, platform),
            combine=operator.or_,
            confidential=True,
        ),
    ] = frozenset()
    keep_days: Annotated[
        int | None,
        Field(ge=1, le=MOST_DAYS),
        Setting(
            admins=True,
            default=lambda core, _: core.parley_keep_days,
            limit=lambda core, days: _least(days, core.parley_keep_days),
            combine=_least,
        ),
    ] = None
    account: ModelAccount | None = None
    own_model: ModelInfo | None = None
    layers: Mapping[str, tuple[tuple[Origin, str], ...]] = {}
    platform: str = ""

    def answering_model(self, known: Callable[[str], ModelInfo]) -> ModelInfo:
        """The model that answers. `known`: the operator's models by their names."""
        return known(self.model) if self.own_model is None else self.own_model

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the workspace: days and months begin by it."""
        return ZoneInfo(self.time_zone)

    @property
    def report_time(self) -> time:
        """The local time at which reports are posted."""
        return time.fromisoformat(self.report_at)

    @property
    def tool_settings(self) -> ToolSettings:
        return ToolSettings(self.tools, self.builtin_tools, self.read_links)

    def text(self, name: str) -> str:
        """The innermost value of a setting, as text; empty where none is set."""
        return self.layers[name][-1][1] if name in self.layers else ""

    def origin(self, name: str) -> Origin:
        """The layer that `text` is from."""
        return self.layers[name][-1][0] if name in self.layers else Origin.DEFAULT


def _setting(name: str, hint: Any) -> Setting | None:
    info = ChannelSettings.model_fields[name]
    mark = next((one for one in info.metadata if isinstance(one, Setting)), None)
    if mark is None:
        return None
    kind, choices = info.annotation, mark.choices
    if kind is bool:
        choices = ("on", "off")
    elif isinstance(kind, type) and issubclass(kind, StrEnum):
        choices = choices or tuple(kind)
    default = mark.default or (lambda core, platform: info.default)
    return replace(mark, choices=choices, default=default, reader=cache(partial(TypeAdapter, hint)))


_HINTS = get_type_hints(ChannelSettings, include_extras=True)
SETTINGS: dict[str, Setting] = {
    name: setting for name in ChannelSettings.model_fields if (setting := _setting(name, _HINTS[name]))
}


@cache
def settings_on(traits: PlatformTraits) -> dict[str, Setting]:
    """The settings that a platform has, with the choices it has."""
    return {
        name: replace(
            setting,
            choices=tuple(
                choice
                for choice in setting.choices
                if setting.choices_need.get(choice) in (None, *traits.features)
            ),
        )
        for name, setting in SETTINGS.items()
        if setting.needs in (None, *traits.features)
        and not (setting.internal and traits.distributed and Feature.SEARCH not in traits.features)
    }
