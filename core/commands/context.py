"""A command with all that its handler needs."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.commands import SCOPES
from core.commands.parser import Values
from core.i18n import phrase
from core.ports.store.settings import StoredSettings
from core.settings.channel import ChannelSettings
from core.settings.environment import CoreSettings
from core.values.events import Command
from core.values.places import Person, Place
from core.values.platform import PlatformTraits


@dataclass(frozen=True, slots=True)
class CommandContext:
    """`stored` are the texts that were set; `settings` the values that apply. `models`: those that may be
    chosen, or empty where any may. `values`: the options as values."""

    command: Command
    core: CoreSettings
    models: tuple[str, ...]
    traits: PlatformTraits
    stored: StoredSettings
    settings: ChannelSettings
    language: str
    values: Values = field(default_factory=dict)

    @property
    def place(self) -> Place:
        return self.command.place

    @property
    def author(self) -> Person:
        return self.command.author

    @property
    def scope(self) -> str:
        """The scope of a change: the channel, unless another is chosen or there is none."""
        return str(self.values.get("scope") or SCOPES[0 if self.place.channel else 1])

    def option(self, name: str, default: str = "") -> str:
        """The value of a text or choice."""
        return str(self.values.get(name, default))

    def phrase(self, key: str, **values: str | int | float) -> str:
        return phrase(key, self.language, **values)
