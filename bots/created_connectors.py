"""The platforms that are set up."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from bots import discord, slack, web
from bots.config import Config
from core.clock import Clock
from core.conversation.file_content import ContentReader
from core.operators.metrics import Metrics
from core.ports.connector import Connector, TimesAcknowledgements
from core.ports.store import Store


def create_connectors(
    config: Config,
    clock: Clock,
    store: Store,
    content: ContentReader,
    metrics: Metrics,
    tell: Callable[[str], None],
) -> list[Connector]:
    """The connectors of the platforms that are on. `tell` gets a line for each that is off, with the reason."""
    why_not = config.platforms()
    for name, why in why_not.items():
        if why:
            tell(f"{name:<8} off: {why}")
    created: list[Connector | None] = [
        slack.create(config.slack, clock, store, config.core.parley_language),
        discord.create(config.discord, clock),
        None if why_not["web"] else web.create(config.web, clock, store, content),
    ]
    connectors = [connector for connector in created if connector is not None]
    for connector in connectors:
        if isinstance(connector, TimesAcknowledgements):
            connector.on_acknowledged = partial(
                metrics.observe, "parley_acknowledgement_seconds", connector.name
            )
    return connectors
