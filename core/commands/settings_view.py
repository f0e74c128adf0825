"""The settings as people see and change them: shown with where each value comes from, checked before it is kept.
Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from babel.numbers import format_decimal

from core.access import may_change
from core.commands import SCOPES, choice_label
from core.commands.parser import CommandError, echo
from core.i18n import LANGUAGES, language_of, phrase
from core.ports.store import Change, StoredSettings
from core.settings.channel import (
    LISTS,
    NOBODY,
    SETTINGS,
    ChannelSettings,
    Origin,
    capped,
    merge,
    read,
    settings_on,
)
from core.settings.environment import CoreSettings
from core.text import shortened
from core.values.places import Person, Place
from core.values.platform import PlatformTraits
from core.values.ui import Choice, Field, Form

TAKEN_BACK = ("default", "-", *(phrase("origin_default", language).lower() for language in LANGUAGES))
"""What is written to have a setting no longer set."""

NOT_YET = ("tools", "budget")
"""Settings that are kept and shown, and have no effect yet."""

_SHOWN_LENGTH = 120
_FIELD_PREFIX = "set_"


def overview(
    settings: ChannelSettings, traits: PlatformTraits, language: str, prefix: str, *, own: bool, may: bool
) -> str:
    """Every setting, its value, and whose it is: of a channel (`own`) or of the workspace. `may`: the reader may
    change some of it."""
    lines = [f"- {one}" for name in settings_on(traits) for one in _lines(name, settings, language)]
    title = phrase("settings_title" if own else "settings_title_workspace", language)
    if may:
        scope = "" if own else "workspace "
        hint = phrase("settings_hint", language, prefix=prefix, scope=scope)
    else:
        hint = phrase("settings_by_manager" if own else "settings_by_admin", language)
    return "\n".join([title, *lines, "", hint])


def line(name: str, settings: ChannelSettings, language: str) -> str:
    return _line(name, settings.texts.get(name, ""), origin(name, settings, language), language)


def _lines(name: str, settings: ChannelSettings, language: str) -> list[str]:
    """A setting in one line, or in one for each of the lists that count."""
    each = settings.lists.get(name, ())
    if len(each) < 2:
        return [line(name, settings, language)]
    return [_line(name, text, phrase(f"origin_{whose}", language), language) for whose, text in each]


def changed_line(change: Change, settings: ChannelSettings, language: str) -> str:
    """A setting as it is now, and what goes before it in the channel where that was said."""
    scope = Origin.CHANNEL if change.place.channel else Origin.WORKSPACE
    now = settings.origins.get(change.name, Origin.DEFAULT)
    if change.new is None or now is scope or change.name in LISTS:
        return line(change.name, settings, language)
    words = _line(change.name, change.new, phrase(f"origin_{scope}", language), language)
    value = shown(change.name, settings.texts.get(change.name, ""), language)
    return phrase("settings_before", language, line=words, value=value)


def _line(name: str, text: str, whose: str, language: str) -> str:
    label = phrase(f"setting_{name}", language)
    value = shown(name, text, language)
    return phrase("settings_line", language, label=label, value=value, origin=whose) + not_yet(name, language)


def not_yet(name: str, language: str) -> str:
    """What a setting is kept for, though nothing follows from it today."""
    return phrase(f"setting_{name}_yet", language) if name in NOT_YET else ""


def origin(name: str, settings: ChannelSettings, language: str) -> str:
    return phrase(f"origin_{settings.origins.get(name, Origin.DEFAULT)}", language)


def shown(name: str, text: str, language: str) -> str:
    """A value in one line, in the person's language, safe inside Markdown."""
    if not text:
        return phrase("value_person" if name == "language" else "value_none", language)
    if text == NOBODY and name in LISTS:
        return phrase("value_nobody", language)
    if text in SETTINGS[name].choices:
        return choice_label(text, language)
    value = read(SETTINGS[name], text)
    if name == "rate" and value == 0:
        return phrase("value_no_limit", language)
    if isinstance(value, int | float):
        return str(format_decimal(value, locale=language_of(language)))
    words = " ".join(text.split()).replace("`", "'")
    return f"`{shortened(words, _SHOWN_LENGTH)}`"


def form(
    person: Person,
    place: Place,
    traits: PlatformTraits,
    kept: StoredSettings,
    scope: str,
    core: CoreSettings,
    language: str,
    models: Sequence[str],
) -> Form | None:
    """What `person` may change of the channel or workspace, or None where that is nothing. A hint tells what counts
    where it has no value of its own."""
    own = scope == "channel"
    layer = kept.channel if own else kept.workspace
    below = merge(core, StoredSettings(kept.workspace if own else {}, {}), place.platform)
    fields = []
    for name, setting in settings_on(traits).items():
        if scope not in setting.scopes or not may_change(person, place, scope, name, core):
            continue
        offered = tuple(models) if name == "model" else setting.choices
        without = shown(name, below.texts.get(name, ""), language).strip("`")
        fields.append(
            Field(
                _FIELD_PREFIX + name,
                phrase(f"setting_{name}", language),
                "choice" if offered else "text" if setting.long else "line",
                layer.get(name, ""),
                f"{without} · {origin(name, below, language)}{not_yet(name, language)}",
                tuple(Choice(value, choice_label(value, language)) for value in offered),
            )
        )
    if not fields:
        return None
    title = phrase("settings_form" if own else "settings_form_workspace", language)
    return Form("settings", title, phrase("send", language), tuple(fields), {"scope": scope})


def wanted(values: Mapping[str, object]) -> dict[str, str]:
    """The changes that the options of `/settings` ask for, by the setting's name: from one line or from a form."""
    changes = {
        name: str(values.get(_FIELD_PREFIX + name, "")) for name in SETTINGS if _FIELD_PREFIX + name in values
    }
    if "name" in values and "value" in values:
        changes[str(values["name"])] = str(values["value"])
    return changes


def checked(
    changes: Mapping[str, str],
    person: Person,
    place: Place,
    scope: str,
    core: CoreSettings,
    models: Sequence[str],
    language: str,
) -> dict[str, str | None]:
    """The changes as they may be kept (None: taken back). Raises CommandError for a value that doesn't fit, or where
    `person` may not."""
    if scope not in SCOPES or (scope == "channel" and not place.channel):
        raise CommandError("settings_no_channel")
    kept: dict[str, str | None] = {}
    for name, text in changes.items():
        setting, text = SETTINGS[name], text.strip()
        label, about = phrase(f"setting_{name}", language), phrase(f"setting_{name}_about", language)
        if scope not in setting.scopes:
            raise CommandError("settings_only_workspace", _FIELD_PREFIX + name, label=label)
        if not may_change(person, place, scope, name, core):
            raise CommandError(
                "settings_by_admin" if scope == "workspace" or setting.admins else "settings_by_manager"
            )
        if not text or text.lower() in TAKEN_BACK:
            kept[name] = None
            continue
        text = _canonical(name, text)
        if name == "model" and models and text not in models:
            raise CommandError("model_unknown", _FIELD_PREFIX + name, model=echo(text), models=listed(models))
        if read(setting, text) is None:
            fits = {"value": echo(text), "label": label, "about": about}
            raise CommandError("settings_bad", _FIELD_PREFIX + name, **fits)
        if name == "max_tokens" and capped(core, int(text)) != int(text):
            most = core.parley_max_tokens_cap or 0
            raise CommandError("settings_capped", _FIELD_PREFIX + name, label=label, n=most)
        kept[name] = text
    return kept


def _canonical(name: str, text: str) -> str:
    """A choice as it is kept, whichever language it was written in."""
    for choice in SETTINGS[name].choices:
        if text.lower() in {choice, *(choice_label(choice, language).lower() for language in LANGUAGES)}:
            return choice
    return text


def listed(models: Sequence[str]) -> str:
    return ", ".join(f"`{model}`" for model in models)
