"""What is set for a channel: the settings that people change, merged default <- workspace <- channel. Pure.

The default is the operator's (`core.settings.environment`). A value is kept as the text that was written, and read
here; one that can't be read any more counts as not set.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from core.i18n import LANGUAGES, language_of
from core.ports.store import StoredSettings
from core.settings.environment import CoreSettings
from core.values.places import Person
from core.values.platform import Feature, PlatformTraits


class Listen(StrEnum):
    """What in a channel is a question: what is said to the bot and in threads it has joined; only what is said to the
    bot, in threads too; everything; as the first, and each new post of a forum; nothing."""

    MENTIONS = "mentions"
    MENTIONS_ONLY = "mentions_only"
    ALL = "all"
    FORUM = "forum"
    OFF = "off"


class Origin(StrEnum):
    DEFAULT = "default"
    WORKSPACE = "workspace"
    CHANNEL = "channel"


@dataclass(frozen=True, slots=True)
class Setting:
    """`read` makes the value of a text or raises ValueError. `choices`: the only texts it takes.
    `scopes`: where it can be set. `admins`: only they may change it, in a channel too. `needs`: platforms without this
    feature do not have the setting."""

    name: str
    read: Callable[[str], object]
    choices: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ("channel", "workspace")
    admins: bool = False
    long: bool = False
    needs: Feature | None = None


_PROMPT_LENGTH = 8_000
_ID = re.compile(r"<?[@#&!]*([A-Za-z0-9_-]+)(?:\|[^>]*)?>?")


def _within(least: float, most: float, kind: Callable[[str], float]) -> Callable[[str], float]:
    def read(text: str) -> float:
        value = kind(text)
        if not least <= value <= most:
            raise ValueError(text)
        return value

    return read


def _one_of(*choices: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(text)
        return text

    return read


def _words(most: int) -> Callable[[str], str]:
    def read(text: str) -> str:
        if not text.strip() or len(text) > most:
            raise ValueError(text)
        return text.strip()

    return read


def ids(text: str) -> frozenset[str]:
    """Ids between commas or spaces, bare or as a platform writes a mention: `C1, <@U2|ada>, <@&3>`."""
    parts = [_ID.fullmatch(part) for part in re.split(r"[\s,;]+", text.strip()) if part]
    if not parts or not all(parts):
        raise ValueError(text)
    return frozenset(part[1] for part in parts if part)


_SWITCH = ("on", "off")

SETTINGS: dict[str, Setting] = {
    setting.name: setting
    for setting in (
        Setting("model", _words(200)),
        Setting("prompt", _words(_PROMPT_LENGTH), long=True),
        Setting("temperature", _within(0, 2, float)),
        Setting("max_tokens", _within(1, 1_000_000, int)),
        Setting("language", _one_of(*LANGUAGES), tuple(LANGUAGES)),
        Setting("listen", _one_of(*Listen), tuple(Listen)),
        Setting("tools", _one_of(*_SWITCH), _SWITCH),
        Setting("budget", _within(0, 1e9, float), admins=True),
        Setting("rate", _within(0, 1_000, int), scopes=("workspace",)),
        Setting("guests", _one_of(*_SWITCH), _SWITCH, ("workspace",), needs=Feature.GUESTS),
        Setting("strangers", _one_of(*_SWITCH), _SWITCH, ("workspace",), needs=Feature.SHARED_CHANNELS),
        Setting("allow", ids),
        Setting("deny", ids),
    )
}


def settings_on(traits: PlatformTraits) -> dict[str, Setting]:
    """The settings that a platform has."""
    return {name: one for name, one in SETTINGS.items() if one.needs is None or one.needs in traits.features}


LISTS = ("allow", "deny")
"""Those of which every one counts: the operator's, the workspace's and the channel's."""

NOBODY = "!"
"""The entry of a list that matches no person: no id is written so."""


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """What counts in one channel. `texts` and `origins` say each value as it was written, and whose it is; `lists` all
    of them where more than the innermost counts.

    `language` is empty where each person's own counts. `budget` is of a month, in PARLEY_CURRENCY. `rate` is
    questions a minute by one person, 0 for no limit. Who may ask must be on each list of `allow` and not on `deny`:
    a channel can only narrow what its workspace and the operator allow.
    """

    model: str
    prompt: str
    temperature: float | None = None
    max_tokens: int | None = None
    language: str = ""
    listen: Listen = Listen.MENTIONS
    tools: bool = True
    budget: float | None = None
    rate: int = 0
    guests: bool = True
    strangers: bool = False
    allow: tuple[frozenset[str], ...] = ()
    deny: frozenset[str] = frozenset()
    texts: Mapping[str, str] = field(default_factory=dict)
    origins: Mapping[str, Origin] = field(default_factory=dict)
    lists: Mapping[str, tuple[tuple[Origin, str], ...]] = field(default_factory=dict)


def merge(core: CoreSettings, kept: StoredSettings, platform: str) -> ChannelSettings:
    """The operator's settings, those of the workspace over them, those of the channel over both; nothing past the
    operator's caps (PARLEY_MODELS, PARLEY_MAX_TOKENS_CAP), whenever it was set."""
    defaults = default_texts(core, platform)
    texts, origins, values = dict(defaults), dict.fromkeys(defaults, Origin.DEFAULT), {}
    lists = {name: ((Origin.DEFAULT, defaults[name]),) if defaults[name] else () for name in LISTS}
    allow, deny = [_allowed(core, platform)], own(core.parley_deny, platform)
    for origin, layer in ((Origin.WORKSPACE, kept.workspace), (Origin.CHANNEL, kept.channel)):
        for name, text in layer.items():
            setting = SETTINGS.get(name)
            value = None if setting is None or origin not in setting.scopes else read(setting, text)
            if value is None or name not in defaults or (name == "model" and not may_choose(core, text)):
                continue
            if name == "max_tokens":
                value = capped(core, value)
                text = _text(value)
            texts[name], origins[name] = text, origin
            if name in LISTS:
                lists[name] = (*lists[name], (origin, text))
            if name == "allow" and isinstance(value, frozenset):
                allow.append(value)
            elif name == "deny" and isinstance(value, frozenset):
                deny |= value
            else:
                values[name] = value
    chosen: dict[str, Any] = {**_defaults(core), **values}
    for name in ("tools", "guests", "strangers"):
        chosen[name] = chosen[name] in ("on", True)
    chosen["listen"] = Listen(str(chosen["listen"]))
    return ChannelSettings(
        **chosen,
        allow=tuple(one for one in allow if one),
        deny=deny,
        texts=texts,
        origins=origins,
        lists=lists,
    )


def bounded(
    settings: ChannelSettings, workspaces: Mapping[str, Mapping[str, str]], person: Person
) -> ChannelSettings:
    """What counts in a direct conversation with `person`, which belongs to no workspace or to one of several: whom any
    of `workspaces` (their settings, by id) denies is denied, and the lowest rate counts. A workspace's rate binds the
    people known to be in it (`Person.roles`), and everybody where none of theirs is known."""
    theirs = [values for team, values in workspaces.items() if team in person.roles] or list(
        workspaces.values()
    )
    rates = [settings.rate, *(read(SETTINGS["rate"], values.get("rate", "")) for values in theirs)]
    denied = [read(SETTINGS["deny"], values.get("deny", "")) for values in workspaces.values()]
    return replace(
        settings,
        rate=min((rate for rate in rates if isinstance(rate, int) and rate), default=0),
        deny=settings.deny.union(*(ids for ids in denied if isinstance(ids, frozenset))),
    )


def may_choose(core: CoreSettings, model: str) -> bool:
    """Whether PARLEY_MODELS has the model, or is not set. The operator's own (`openai_model`) need not be in it."""
    return not core.parley_models.strip() or model in offered_models(core)


def offered_models(core: CoreSettings) -> tuple[str, ...]:
    """The operator's own model, and those of PARLEY_MODELS."""
    written = (name.strip() for name in core.parley_models.split(","))
    return tuple(dict.fromkeys([core.openai_model, *filter(None, written)]))


def capped(core: CoreSettings, tokens: object) -> int | None:
    """`tokens`, or PARLEY_MAX_TOKENS_CAP where that is less or there are none."""
    limits = [one for one in (tokens, core.parley_max_tokens_cap) if isinstance(one, int)]
    return min(limits, default=None)


def read(setting: Setting, text: str) -> object | None:
    """The value, or None where the text is none."""
    try:
        return setting.read(text)
    except ValueError:
        return None


def default_texts(core: CoreSettings, platform: str) -> dict[str, str]:
    """The operator's values as text; empty where there is none. Of their lists, what concerns `platform`: no more may
    be read there."""
    shown: dict[str, object] = {
        **_defaults(core),
        "allow": ", ".join(sorted(_allowed(core, platform))),
        "deny": ", ".join(sorted(own(core.parley_deny, platform))),
    }
    return {name: _text(shown[name]) for name in SETTINGS}


def own(listed: str, platform: str) -> frozenset[str]:
    """The ids of one platform in an operator's list of `platform:id`."""
    pairs = (entry.strip().partition(":") for entry in listed.split(","))
    return frozenset(id_.strip() for name, _, id_ in pairs if name.strip() == platform and id_.strip())


def _allowed(core: CoreSettings, platform: str) -> frozenset[str]:
    """Empty where all may ask. A list that names only other platforms admits no person of this one."""
    return own(core.parley_allow, platform) or frozenset({NOBODY} if core.parley_allow.strip() else ())


def language_for(person: Person, settings: ChannelSettings, core: CoreSettings) -> str:
    """The channel's language, else the person's, else the operator's."""
    return settings.language or language_of(person.locale, language_of(core.parley_language))


def _defaults(core: CoreSettings) -> dict[str, object]:
    return {
        "model": core.openai_model,
        "prompt": core.parley_system_prompt,
        "temperature": core.parley_temperature,
        "max_tokens": capped(core, core.parley_max_tokens),
        "language": "",
        "listen": Listen.MENTIONS,
        "tools": True,
        "budget": None,
        "rate": core.parley_rate,
        "guests": core.parley_guests,
        "strangers": core.parley_strangers,
    }


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return "" if value is None else str(value)
