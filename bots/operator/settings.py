"""The section of the settings in force, each with its origin. Secrets are shown as set or not set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol
from urllib.parse import urlencode

from pydantic import SecretStr

from bots.operator.audit import scope_of
from bots.operator.markup import Html, element, foreign, html
from bots.operator.sections import Query
from bots.operator.view import View, badge, choices, heading, more_rows, path_of, prose, soft, table
from core.commands.settings_view import shown
from core.i18n import SPOKEN, phrase
from core.llm.catalog import ModelCatalog, Route
from core.ports.store.overview import OverviewStore
from core.ports.store.settings import SettingsStore
from core.settings.channel import SETTINGS
from core.settings.environment import CoreSettings, Settings
from core.settings.layers import merge
from core.text import shortened
from core.values.places import Place

_OWN_HEADS = ("head_setting", "head_value", "head_origin")
_MODEL_HEADS = ("head_model", "head_use", "head_account", "head_context", "head_priced", "head_origin")
_CHANGED_HEADS = ("head_place", "head_setting", "head_value", "head_origin")
_PLACE = ("platform", "team", "channel")
"""The fields of an address that name a channel, or a workspace where the last one is empty."""
_MOST = 1_000
"""Changed settings of workspaces and channels."""
_LONGEST = 300
"""Characters of a value."""


@dataclass(frozen=True, slots=True)
class OwnSetting:
    """A setting of the operator. `value` is None for a secret that is set. `origin` is empty for a default."""

    name: str
    value: str | None
    origin: str


@dataclass(frozen=True, slots=True)
class SettingsSources:
    """The callables that the section reads. `core` is what workspaces and channels begin with."""

    core: Callable[[], CoreSettings]
    own: Callable[[], Sequence[OwnSetting]]
    catalog: Callable[[], ModelCatalog]
    currency: Callable[[], str]


def own_settings(
    classes: Sequence[Settings],
    origin: Callable[[str], str],
    hide: Callable[[str], str],
    instead: Mapping[str, str],
) -> list[OwnSetting]:
    """The settings of the classes. `origin`: of the variable of that name. `hide` takes secrets out of a text.
    `instead`: what is shown in place of a value that holds a secret."""
    return [
        _own(name.upper(), getattr(settings, name), origin, hide, instead)
        for settings in classes
        for name in type(settings).model_fields
    ]


def _own(
    name: str,
    value: object,
    origin: Callable[[str], str],
    hide: Callable[[str], str],
    instead: Mapping[str, str],
) -> OwnSetting:
    if name in instead:
        return OwnSetting(name, instead[name], origin(name))
    if isinstance(value, SecretStr):
        return OwnSetting(name, None if value.get_secret_value() else "", origin(name))
    text = ("on" if value else "off") if isinstance(value, bool) else "" if value is None else str(value)
    return OwnSetting(name, hide(text), origin(name))


class ChangedSettingsStore(OverviewStore, SettingsStore, Protocol):
    """The part of the store that the section reads."""


class SettingsSection:
    """The operator's settings, the models, and what workspaces and channels have set. `only=set` leaves out the
    defaults; `platform`, `team` and `channel` add all that is in force there."""

    name = "settings"

    def __init__(self, store: ChangedSettingsStore, sources: SettingsSources) -> None:
        self._store = store
        self._sources = sources

    async def body(self, view: View, query: Query) -> Html:
        only = "set" if query.get("only", "") == "set" else ""
        changed = await self._store.changed_settings(_MOST + 1)
        own = [one for one in self._sources.own() if one.origin or not only]
        catalog, today = self._sources.catalog(), view.now.date()
        used = {"answers": catalog.routes, "sounds": catalog.transcriptions, "meaning": catalog.embeddings}
        models = [_model(view, use, route, today) for use, routes in used.items() for route in routes]
        rows = [self._changed(view, *one) for one in changed[:_MOST]]
        return html(
            await self._in_force(view, query),
            heading(view, "changed", "changed_about"),
            table(view, "changed", _CHANGED_HEADS, rows, "changed_none"),
            more_rows(view, len(changed) - len(rows)),
            heading(view, "models"),
            table(view, "models", _MODEL_HEADS, models, "accounts_offline"),
            heading(view, "own", "own_about"),
            choices(view, self.name, "only", ("", "set"), only),
            table(view, "own", _OWN_HEADS, [_row(view, one) for one in own], "own_none"),
        )

    async def _in_force(self, view: View, query: Query) -> Html | None:
        """Every setting of the channel or workspace that the address names, with its origin."""
        platform, team, channel = (query.get(part, "") for part in _PLACE)
        place = Place(platform, team, channel)
        if not place.platform:
            return None
        settings = merge(self._sources.core(), await self._store.stored_settings(place), place.platform)
        rows = [
            (
                phrase(f"setting_{name}", view.language),
                self._value(view, name, text),
                phrase(f"origin_{origin}", view.language),
            )
            for name, layers in settings.layers.items()
            for origin, text in layers
        ]
        return html(
            heading(view, "in_force"),
            element("p", scope_of(view, place)),
            table(view, "in_force", ("head_setting", "head_value", "head_origin"), rows, "changed_none"),
        )

    def _value(self, view: View, name: str, text: str) -> Html:
        value = shown(name, text, view.language, self._sources.currency()) if name in SETTINGS else text
        return prose(foreign(shortened(value.strip("`"), _LONGEST)))

    def _changed(self, view: View, place: Place, name: str, text: str) -> list[Html | str]:
        key = f"setting_{name}"
        label = phrase(key, view.language) if key in SPOKEN[view.language] else name
        layer = "channel" if place.channel else "workspace"
        return [
            html(
                scope_of(view, place),
                element("br"),
                element("a", view.say("all_in_force"), href=_address(place)),
            ),
            label,
            self._value(view, name, text),
            phrase(f"origin_{layer}", view.language),
        ]


def _address(place: Place) -> str:
    """The address of the settings in force there."""
    fields = zip(_PLACE, (place.platform, place.team, place.channel), strict=True)
    return f"{path_of('settings')}?{urlencode(dict(fields))}"


def _row(view: View, one: OwnSetting) -> list[Html | str]:
    if one.value is None:
        value = badge(view.say("secret_set"), "good")
    elif one.value:
        value = prose(foreign(shortened(one.value, _LONGEST)))
    else:
        value = soft(view.say("not_set"))
    origin = view.say("origin_environment") if one.origin == "the environment" else one.origin
    return [element("code", one.name), value, origin or soft(view.say("origin_default"))]


def _model(view: View, use: str, route: Route, today: date) -> list[Html | str]:
    priced = route.model_info.is_sound_priced(today) if use == "sounds" else route.model_info.is_priced(today)
    return [
        element("strong", route.model_info.name),
        view.say(f"use_{use}"),
        html(route.account.name, element("br"), soft(f"{route.account.host} · {route.account.key_at}")),
        view.number(route.model_info.context_tokens) if use == "answers" else view.say("none"),
        badge(view.say("priced"), "good") if priced else badge(view.say("unpriced"), "quiet"),
        element("code", route.model_at),
    ]
