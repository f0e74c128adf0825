"""Values of settings that standards define: languages, currencies and time zones. Pure."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from babel.numbers import list_currencies

from core.i18n import LANGUAGES, language_of
from core.settings.nearest import meant


def known_language(value: str) -> str:
    """The code of the language that the BCP 47 tag `value` asks for. Raises ValueError for one that Parley does not
    speak."""
    code = language_of(value.strip(), "")
    if not code:
        raise ValueError(f"must be a language that Parley speaks ({', '.join(LANGUAGES)}), not {value!r}")
    return code


def known_currency(value: str) -> str:
    """`value`, an ISO 4217 code, in capitals. Raises ValueError for others."""
    code = value.strip().upper()
    if code not in list_currencies():
        raise ValueError(f"must be the ISO 4217 code of a currency, such as USD, EUR or CNY, not {value!r}")
    return code


def known_zone(value: str) -> str:
    """`value`, the name of a time zone in the IANA database. Raises ValueError for other texts."""
    try:
        return str(ZoneInfo(value.strip()))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{value!r} is not a time zone, such as Europe/Berlin") from None


def known_zone_of_setting(value: str) -> str:
    """`known_zone`, whose error names the nearest zone. Reads the list of zones from the disk for that."""
    try:
        return known_zone(value)
    except ValueError as error:
        raise ValueError(f"{error}{meant(value.strip(), available_timezones())}") from None
