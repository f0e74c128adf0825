"""The language and the time zone of this machine, which `parley init` suggests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from core.i18n import language_of
from core.settings.standards import known_zone

LOCALTIME = Path("/etc/localtime")
_ZONES = "zoneinfo/"


def machine_language(environment: Mapping[str, str]) -> str:
    """The language that the locale asks for; empty where Parley does not speak it.

    https://pubs.opengroup.org/onlinepubs/9799919799/basedefs/V1_chap08.html#tag_08_02
    """
    named = next((value for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := environment.get(name))), "")
    return language_of(named.partition(".")[0].replace("_", "-"), "")


def machine_zone(environment: Mapping[str, str], localtime: Path = LOCALTIME) -> str:
    """The name of the time zone, by TZ or the link at `localtime`; empty where neither names one."""
    named = environment.get("TZ", "").removeprefix(":") or str(localtime.resolve()).partition(_ZONES)[2]
    try:
        return known_zone(named) if named else ""
    except ValueError:
        return ""
