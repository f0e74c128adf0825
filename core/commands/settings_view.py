"""Settings as people see and change them: shown with their origin, checked before they are stored. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from babel.numbers import format_decimal

from core.access import may_change
from core.commands import SCOPES, choice_label
from core.commands.context import CommandContext
from core.commands.parser import CommandError, choice_named, echo
from core.i18n import LANGUAGES, language_of, name_list, phrase
from core.ports.store.settings import MODEL_ACCOUNT, Change, StoredSettings
from core.settings.channel import NOBODY, SETTINGS, ChannelSettings, Origin, settings_on
from core.settings.layers import merge
from core.settings.limits import LimitError, limits_of, tokens_meant, without_currency
from core.spend.budget_text import kept_to_text, limits_to_text
from core.spend.budgets import scoped_limits
from core.text import shortened
from core.values.ui import Choice, Field, Form

TAKEN_BACK = ("default", "-", *(phrase("origin_default", language).lower() for language in LANGUAGES))
"""Texts that remove the value of a setting."""

BUDGETS = ("budget", "person_budget")
"""Settings whose values are limits of spending."""

CAPPED = ("max_tokens", "keep_days")
"""Settings whose values have a limit of the operator's, or of the workspace."""

_UNSET = {"language": "value_person", "keep_days": "value_no_limit"}
_NO_LIMIT: dict[str, object] = {"rate": 0, "budget": (), "person_budget": ()}
HIDDEN = "?"
"""The entry of a list that is not shown: no id looks like this."""
_LISTS = {NOBODY: "value_nobody", HIDDEN: "value_hidden"}
_SHOWN_LENGTH = 120
_FIELD_PREFIX = "set_"
FIELD_OF_MODEL = f"{_FIELD_PREFIX}model"
"""The field of the form in which the model is chosen."""


def overview(given: CommandContext, *, may: bool, absent: Sequence[str] = ()) -> str:
    """Every setting of the channel or the workspace, with its origin. `may`: the reader may change some of them.
    `absent`: the tool servers that can't be reached."""
    own = given.scope == "channel"
    stored = given.stored if own else StoredSettings(given.stored.workspace, {})
    settings = merge(given.core, stored, given.place.platform)
    lines = [
        f"- {_line(name, _told(name, text, origin, given), origin, given.language, given.core.parley_currency)}"
        for name in settings_on(given.traits)
        for origin, text in settings.layers[name]
    ]
    title = given.phrase("settings_title" if own else "settings_title_workspace")
    if may:
        scope = "" if own else choice_label("workspace", given.language) + " "
        hint = given.phrase("settings_hint", prefix=given.command.prefix, scope=scope)
    else:
        hint = given.phrase("settings_by_manager" if own else "settings_by_admin")
    away = [given.phrase("tools_away", servers=name_list(absent, given.language)), ""] if absent else []
    return "\n".join([title, *lines, "", *away, hint])


def changed_line(change: Change, settings: ChannelSettings, given: CommandContext) -> str:
    """A setting as it is now, and the channel's own value where that counts instead."""
    name, scope = change.name, Origin.CHANNEL if change.place.channel else Origin.WORKSPACE
    language, currency, now = given.language, given.core.parley_currency, settings.origin(name)
    text = _told(name, settings.text(name), now, given)
    if change.new is None or now is scope:
        return _line(name, text, now, language, currency)
    words = _line(name, change.new, scope, language, currency)
    if SETTINGS[name].combine:
        return words
    return phrase("settings_before", language, line=words, value=shown(name, text, language, currency))


def _told(name: str, text: str, layer: Origin, given: CommandContext) -> str:
    """The value as people there may read it."""
    lists_others = layer is Origin.DEFAULT and text not in ("", NOBODY) and SETTINGS[name].confidential
    return HIDDEN if lists_others and given.traits.distributed else text


def _line(name: str, text: str, layer: Origin, language: str, currency: str) -> str:
    """A value with its origin; limits of spending, which all hold, with their owner."""
    label, value = phrase(f"setting_{name}", language), shown(name, text, language, currency)
    owned = name == "budget" and text
    whose = phrase(f"budget_for_{layer}" if owned else f"origin_{layer}", language)
    return phrase("settings_line", language, label=label, value=value, origin=whose)


def origin(name: str, settings: ChannelSettings, language: str) -> str:
    """The source of a setting's value, in words."""
    return phrase(f"origin_{settings.origin(name)}", language)


def shown(name: str, text: str, language: str, currency: str) -> str:
    """A value in one line, in the person's language, safe inside Markdown. Limits of spending are in `currency`."""
    if not text:
        return phrase(_UNSET.get(name, "value_none"), language)
    if name == MODEL_ACCOUNT:
        return f"`{shortened(text, _SHOWN_LENGTH)}`"
    setting = SETTINGS[name]
    if setting.combine and text in _LISTS:
        return phrase(_LISTS[text], language)
    if text in setting.choices:
        return choice_label(text, language)
    value = setting.read(text)
    if name in _NO_LIMIT and value == _NO_LIMIT[name]:
        return phrase("value_no_limit", language)
    if name in BUDGETS and value is not None:
        return limits_to_text(value, language, currency)
    if isinstance(value, int | float):
        return str(format_decimal(value, locale=language_of(language)))
    words = " ".join(text.split()).replace("`", "'")
    return f"`{shortened(words, _SHOWN_LENGTH)}`"


def about(name: str, given: CommandContext) -> str:
    """The values that a setting takes."""
    choices = settings_on(given.traits)[name].choices
    labels = " | ".join(choice_label(choice, given.language) for choice in choices)
    return labels or given.phrase(f"setting_{name}_about")


def form(given: CommandContext) -> Form | None:
    """The form of the settings that the person may change of the channel or the workspace, or None where there
    are none.

    The hint of a field is the value that applies while the field is empty.
    """
    own = given.scope == "channel"
    layer = given.stored.channel if own else given.stored.workspace
    below = merge(given.core, StoredSettings(given.stored.workspace if own else {}, {}), given.place.platform)
    fields = []
    for name, setting in settings_on(given.traits).items():
        if given.scope not in setting.scopes or not may_change(
            given.author, given.place, given.scope, name, given.core
        ):
            continue
        offered = given.models if name == "model" else setting.choices
        fields.append(
            Field(
                _FIELD_PREFIX + name,
                given.phrase(f"setting_{name}"),
                "choice" if offered else "text" if setting.long else "line",
                layer.get(name, ""),
                _hint(name, below, given),
                tuple(Choice(value, choice_label(value, given.language)) for value in offered),
            )
        )
    if not fields:
        return None
    title = given.phrase("settings_form" if own else "settings_form_workspace")
    return Form("settings", title, given.phrase("send"), tuple(fields), {"scope": given.scope})


def _hint(name: str, below: ChannelSettings, given: CommandContext) -> str:
    """The value that applies while a field is empty; of limits of spending, how to write one, and those that hold
    too."""
    language, currency = given.language, given.core.parley_currency
    if name in BUDGETS:
        others = scoped_limits(below) if name == "budget" else []
        still = kept_to_text(others, language, currency) or given.phrase("budget_empty")
        return given.phrase("joined", one=given.phrase(f"setting_{name}_hint"), two=still)
    text = _told(name, below.text(name), below.origin(name), given)
    without = shown(name, text, language, currency).strip("`")
    return f"{without} · {origin(name, below, language)}"


def wanted(values: Mapping[str, object]) -> dict[str, str]:
    """The changes that the options of `/settings` ask for, by setting: from one line or from a form."""
    changes = {
        name: str(values.get(_FIELD_PREFIX + name, "")) for name in SETTINGS if _FIELD_PREFIX + name in values
    }
    if "name" in values and "value" in values:
        changes[str(values["name"])] = str(values["value"])
    return changes


def checked(given: CommandContext, changes: Mapping[str, str]) -> dict[str, str | None]:
    """The changes as they are stored; None removes a value.

    Raises CommandError for a value that doesn't fit, and where the person may not change the setting.
    """
    if given.scope not in SCOPES or (given.scope == "channel" and not given.place.channel):
        raise CommandError("settings_no_channel")
    return {name: _checked(given, name, text.strip()) for name, text in changes.items()}


def _checked(given: CommandContext, name: str, text: str) -> str | None:
    setting, label = settings_on(given.traits)[name], given.phrase(f"setting_{name}")
    if given.scope not in setting.scopes:
        (scope,) = setting.scopes
        raise CommandError(f"settings_only_{scope}", _FIELD_PREFIX + name, label=label)
    if not may_change(given.author, given.place, given.scope, name, given.core):
        admins = given.scope == "workspace" or setting.admins
        raise CommandError("settings_by_admin" if admins else "settings_by_manager")
    if not text or text.lower() in TAKEN_BACK:
        return None
    text = choice_named(setting.choices, text) or text
    if name == "model" and given.models and text not in given.models:
        known = {"model": echo(text), "models": listed(given.models)}
        raise CommandError("model_unknown", _FIELD_PREFIX + name, **known)
    if name in BUDGETS:
        text = _limits_text(name, text, given)
        if not limits_of(text):
            return None
    value = setting.read(text)
    if value is None:
        raise _bad(name, text, given)
    before = (given.stored.channel if given.scope == "channel" else given.stored.workspace).get(name)
    if before is not None and setting.read(before) == value:
        return before
    own = name == "model" and given.stored.account is not None
    most = value if own else setting.limit(given.core, value)
    if most is None:
        raise CommandError("settings_off_here", _FIELD_PREFIX + name, label=label)
    if setting.combine is not None and name in CAPPED:
        outer = given.stored.workspace if given.scope == "channel" else {}
        below = merge(given.core, StoredSettings(outer, {}), given.place.platform)
        most = setting.combine(getattr(below, name), most)
    if name in CAPPED and isinstance(most, int) and most < value:
        raise CommandError("settings_capped", _FIELD_PREFIX + name, label=label, n=most)
    return text


def _limits_text(name: str, text: str, given: CommandContext) -> str:
    """Limits without the currency that all are in. Raises CommandError with the reason why they can't be read."""
    currency = given.core.parley_currency
    bare = without_currency(text, currency)
    try:
        limits_of(bare)
    except LimitError as error:
        if error.problem is None:
            raise _bad(name, text, given) from None
        why = given.phrase(f"limit_{error.problem}", currency=currency)
        raise CommandError("settings_bad_why", _FIELD_PREFIX + name, value=echo(text), why=why) from None
    if bare == text.strip() and (meant := tokens_meant(bare)):
        why = given.phrase("limit_unit", meant=echo(meant))
        raise CommandError("settings_bad_why", _FIELD_PREFIX + name, value=echo(text), why=why)
    return bare


def _bad(name: str, text: str, given: CommandContext) -> CommandError:
    """The error that a value does not fit, with the values that do."""
    fits = {"value": echo(text), "label": given.phrase(f"setting_{name}"), "about": about(name, given)}
    return CommandError("settings_bad", _FIELD_PREFIX + name, **fits)


def listed(models: Sequence[str]) -> str:
    """Names of models for a sentence."""
    return ", ".join(f"`{model}`" for model in models)
