"""Converts the options of `/summarize` to its task. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from core.commands.parser import Values, time_of
from core.values.tasks import Summarize

MOST_LINES = 500
_CHANNEL_LINES = 100


def values_to_task(values: Values, at: datetime) -> Summarize:
    """The task of a command given at `at`. `of` is one of its values."""
    channel = values["of"] == "channel"
    since = time_of(str(values.get("since", "")))
    if "hours" in values:
        since = at - timedelta(hours=float(values["hours"]))
    bounded = "last" in values or since is not None or not channel
    return Summarize(channel, int(values.get("last", MOST_LINES if bounded else _CHANNEL_LINES)), since)
