"""What the core must know of a platform, as data. Each platform defines one `PlatformTraits`; the app hands it over."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Feature(StrEnum):
    """What a setting, or one of its values, may need a platform to have."""

    FORUMS = "forums"
    """Channels that consist of posts, each a thread of its own."""

    GUESTS = "guests"
    """Guest accounts."""

    SHARED_CHANNELS = "shared_channels"
    """People of other teams in a channel."""


@dataclass(frozen=True, slots=True)
class PlatformTraits:
    """`typed_prefix` precedes the name of a command in a message to the bot, in a thread too."""

    features: frozenset[Feature] = frozenset()
    typed_prefix: str = "/"


UNKNOWN_PLATFORM = PlatformTraits()
"""Traits of a platform that defines none: no features."""
