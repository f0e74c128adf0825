"""Names of variables that are no settings: those that begin as Parley's own do, and near misses. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from core.settings.nearest import is_near_miss, nearest

OWN = "PARLEY_"
_OF_ORCHESTRATORS = re.compile(
    r"PARLEY(_\w+)?_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)=.*"
    r"|PARLEY(_\w+)?_PORT=(tcp|udp|sctp)://.*"
)
"""Variables that Kubernetes makes for each Service whose name begins with parley, in every container beside it.
https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables"""
_FROM_ENVIRONMENT = "env:"
_QUOTED = re.compile(r"""["'](?:env:)?\s*([A-Za-z_]\w*)\s*["']""", re.ASCII)


def unknown_names(given: Mapping[str, str], known: Collection[str]) -> list[str]:
    """A line for each name of `given` that begins as Parley's own and is none of `known`, with the nearest."""
    upper = {name.upper(): value for name, value in given.items()}
    return [
        f"{name}: is no setting of Parley{_hint(name, known)}"
        for name, value in upper.items()
        if name.startswith(OWN) and name not in known and not _OF_ORCHESTRATORS.fullmatch(f"{name}={value}")
    ]


def near_misses(given: Mapping[str, str], known: Collection[str], aliases: Mapping[str, str]) -> list[str]:
    """A line for each other name that is a setting but for a slip, while that setting has no value: names of the
    environment that are like none are other programs'. `aliases`: settings by the names that other programs have for
    the same."""
    names = dict.fromkeys(name.upper() for name, value in given.items() if value)
    others = (name for name in names if name not in known and not name.startswith(OWN))
    right = {name: aliases.get(name) or _right(name, known) for name in others}
    return [
        f"{name}: is not read; did you mean {meant_name}?"
        for name, meant_name in right.items()
        if meant_name and meant_name not in names
    ]


def names_in(values: Mapping[str, Any]) -> set[str]:
    """The variables that a file names, by `key_env` or by `env:NAME`; of those that begin as Parley's own any text,
    since a key may be misspelt."""
    return set(_named(values))


def quoted_names(text: str) -> set[str]:
    """The names in quotes that a text may mean variables by."""
    return set(_QUOTED.findall(text))


def _named(value: Any, key: str = "") -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _named(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _named(inner)
    elif isinstance(value, str):
        if key == "key_env" or value.strip().startswith(OWN):
            yield value.strip()
        elif value.strip().startswith(_FROM_ENVIRONMENT):
            yield value.strip().removeprefix(_FROM_ENVIRONMENT).strip()


def _hint(name: str, known: Collection[str]) -> str:
    tails = {one.removeprefix(OWN): one for one in known if one.startswith(OWN)}
    near = nearest(name.removeprefix(OWN), tails)
    return f"; did you mean {tails[near]}?" if near else "; `parley settings` lists them all"


def _right(name: str, known: Collection[str]) -> str:
    slip = next((one for one in known if is_near_miss(name, one)), "")
    return slip or next((one for one in known if _has_words_between(name, one)), "")


def _has_words_between(name: str, right: str) -> bool:
    """True for `right` with more words in it, such as SLACK_BOT_USER_TOKEN for SLACK_BOT_TOKEN. What follows its last
    word tells several of a kind apart, such as OPENAI_API_KEY_TWO."""
    words, wanted = name.split("_"), right.split("_")
    left = iter(words)
    return (words[0], words[-1]) == (wanted[0], wanted[-1]) and all(word in left for word in wanted)
