"""The settings that apply in a channel, and in a direct conversation: default <- workspace <- channel. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.i18n import language_of, variant
from core.ports.store.settings import StoredSettings
from core.settings.channel import SETTINGS, ChannelSettings, Origin, Setting
from core.settings.environment import CoreSettings
from core.values.deltas import ModelInfo
from core.values.model_accounts import ModelAccount
from core.values.places import Person


def merge(core: CoreSettings, kept: StoredSettings, platform: str) -> ChannelSettings:
    """The operator's settings, the workspace's over them, the channel's over both.

    The operator's limits (PARLEY_MODELS, PARLEY_MAX_TOKENS_CAP, PARLEY_KEEP_DAYS) bind values that were stored before
    they were set. With a model account of its own a workspace has the models of that, and no limit of
    spending of the operator's.
    """
    values: dict[str, Any] = {
        name: setting.default(core, platform) for name, setting in SETTINGS.items() if setting.default
    }
    if kept.account is not None:  # the operator's limits are of the operator's own account
        values["model"] = kept.account.default_model
        values["budget"] = ()
    layers: dict[str, tuple[tuple[Origin, str], ...]] = {
        name: ((Origin.DEFAULT, _text(value)),) for name, value in values.items()
    }
    if kept.account is not None:
        layers["model"] = ((Origin.WORKSPACE, kept.account.default_model),)
    for origin, layer in ((Origin.WORKSPACE, kept.workspace), (Origin.CHANNEL, kept.channel)):
        for name, text in layer.items():
            setting = SETTINGS.get(name)
            read = setting.read(text) if setting and origin in setting.scopes else None
            value = (
                _permitted(name, setting, read, core, kept.account) if setting and read is not None else None
            )
            if setting is None or value is None:
                continue
            shown = (origin, text if value == read else _text(value))
            combined = value if setting.combine is None else setting.combine(values[name], value)
            if setting.combine is not None and not isinstance(combined, int):
                layers[name] = (*(one for one in layers[name] if one[1]), shown)
            elif combined == value:
                layers[name] = (shown,)
            values[name] = combined
    own = None if kept.account is None else own_model(values["model"], core)
    return ChannelSettings.model_construct(
        None, **values, account=kept.account, own_model=own, layers=layers, platform=platform
    )


def own_model(name: str, core: CoreSettings) -> ModelInfo:
    """A model of an account that is not the operator's: its cost is what its endpoint reports, in US dollars."""
    in_dollars = core.parley_currency == "USD"
    return ModelInfo(name, core.parley_context_tokens, reported_cost=in_dollars, own_account=True)


def bounded(
    settings: ChannelSettings, workspaces: Mapping[str, Mapping[str, str]], person: Person
) -> ChannelSettings:
    """The settings of a direct conversation with `person`, which belongs to none or to one of several workspaces.

    A person whom any of `workspaces` (stored settings by id) denies is denied, the lowest rate counts, and the limits
    of spending of all hold. The rate and the limits of a workspace bind its known members (`Person.roles`), and
    everybody where none of theirs is known.
    """
    theirs = [stored for team, stored in workspaces.items() if team in person.roles] or workspaces.values()
    rates = [settings.rate, *(SETTINGS["rate"].read(stored.get("rate", "")) for stored in theirs)]
    denied = [SETTINGS["deny"].read(stored.get("deny", "")) for stored in workspaces.values()]
    rate = min(filter(None, rates), default=0)
    limits = (SETTINGS["person_budget"].read(stored.get("person_budget", "")) or () for stored in theirs)
    each = dict.fromkeys((*settings.person_budget, *(limit for some in limits for limit in some)))
    deny = settings.deny.union(*filter(None, denied))
    return settings.model_copy(update={"rate": rate, "deny": deny, "person_budget": tuple(each)})


def language_for(person: Person, settings: ChannelSettings, core: CoreSettings) -> str:
    """The platform's variant of the channel's language, else the person's, else the operator's."""
    language = settings.language or language_of(person.locale, language_of(core.parley_language))
    return variant(language, settings.platform)


def _permitted(
    name: str, setting: Setting, read: Any, core: CoreSettings, account: ModelAccount | None
) -> object | None:
    """A value as it is permitted, or None: by the workspace's own model account, else by the operator."""
    if name == "model" and account is not None:
        return read if read in account.models else None
    return setting.limit(core, read)


def _text(value: object) -> str:
    """A value as people would write it; empty for none."""
    match value:
        case bool():
            return "on" if value else "off"
        case frozenset():
            return ", ".join(sorted(value))
        case tuple():
            return ", ".join(map(_text, value))
    return "" if value is None else str(value)
