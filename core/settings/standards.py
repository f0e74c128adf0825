"""Values of settings that standards define: languages, currencies and time zones. Pure."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from babel.core import get_global
from babel.numbers import get_currency_name, get_currency_symbol

from core.i18n import LANGUAGES, language_of
from core.settings.nearest import meant

_SHORT_NAMES = {
    "RMB": "CNY",
    "YUAN": "CNY",
    "DOLLAR": "USD",
    "POUND": "GBP",
    "YEN": "JPY",
    "FRANC": "CHF",
    "¥": "JPY",
}
"""Currencies by what people call them."""


def known_language(value: str) -> str:
    """The code of the language that the BCP 47 tag `value` asks for. Raises ValueError for one that Parley does not
    speak."""
    code = language_of(value.strip(), "")
    if not code:
        raise ValueError(f"must be a language that Parley speaks ({', '.join(LANGUAGES)}), not {value!r}")
    return code


def known_currency(value: str) -> str:
    """`value`, the ISO 4217 code of a currency that is legal tender somewhere today, in capitals. Raises ValueError
    for others, with the code of a currency whose name or sign it is."""
    code = value.strip().upper()
    today = _currencies_of_today()
    if code in today:
        return code
    meant_code = _SHORT_NAMES.get(code) or next((one for one in today if code in _names_of(one)), "")
    hint = f"; did you mean {meant_code}?" if meant_code else ""
    raise ValueError(f"must be the ISO 4217 code of a currency, such as USD, EUR or CNY, not {value!r}{hint}")


def _currencies_of_today() -> list[str]:
    """Those that CLDR has as legal tender of a territory without an end."""
    territories = get_global("territory_currencies").values()
    used = {code for entries in territories for code, _since, until, tender in entries if tender and not until}
    return sorted(used, key=lambda code: (code not in ("USD", "EUR", "CNY"), code))


def _names_of(code: str) -> set[str]:
    return {
        name.upper() for name in (get_currency_name(code, locale="en"), get_currency_symbol(code, locale="en"))
    }


def known_zone(value: str) -> str:
    """`value`, the name of a time zone in the IANA database. Raises ValueError for other texts."""
    try:
        return str(ZoneInfo(value.strip()))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{value!r} is not a time zone, such as Europe/Berlin") from None


def known_zone_of_setting(value: str) -> str:
    """`known_zone`, whose error names the nearest zone of a place: abbreviations are alike
    and hours apart. Reads the list of zones from the disk for that."""
    try:
        return known_zone(value)
    except ValueError as error:
        places = {name for name in available_timezones() if "/" in name and not name.startswith("Etc/")}
        raise ValueError(f"{error}{meant(value.strip(), places | {'UTC'})}") from None
