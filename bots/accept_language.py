"""The language that a browser asks for. Pure."""

from __future__ import annotations

import re

from core.i18n import language_of

_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")


def accept_language_to_locale(header: str) -> str:
    """The tag that is wanted most of those we speak, else of all, or empty. `fr,zh-CN;q=0.9,en;q=0.8` -> `zh-CN`."""
    best, best_rank = "", (False, 0.0)
    for part in header[:500].split(","):
        tag, _, quality = part.strip().partition(";")
        try:
            weight = float(quality.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        rank = (bool(language_of(tag.strip(), "")), weight)
        if weight > 0 and rank > best_rank and _TAG.fullmatch(tag.strip()):
            best, best_rank = tag.strip(), rank
    return best
