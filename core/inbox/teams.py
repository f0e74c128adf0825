"""The team of what was stored before, or is stored without an event: known once the platform has said it."""

from __future__ import annotations

from dataclasses import replace

from core.ports.connector import Installation
from core.ports.store.threads import ThreadStore
from core.values.places import Place


async def adopt(store: ThreadStore, installation: Installation) -> None:
    """Give what earlier versions stored its team, once that is known. Raises StoreError."""
    if installation.id:
        await store.adopt(installation.name, installation.id, installation.traits.former_ids)


async def addressed(store: ThreadStore, installation: Installation, place: Place) -> Place | None:
    """A channel that the operator named, with the installation's id as its team. None while that is unknown.

    What earlier versions posted there without a team counts too. Raises StoreError.
    """
    await adopt(store, installation)
    return replace(place, team=installation.id) if installation.id else None
