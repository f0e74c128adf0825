"""The team of rows that were stored before, or are stored without an event: known once the platform names
it."""

from __future__ import annotations

from dataclasses import replace

from core.ports.connector import Installation, Revocable
from core.ports.store.threads import ThreadStore
from core.values.places import Place


async def adopt(store: ThreadStore, installation: Installation) -> None:
    """Move rows of earlier versions to their team, once that is known: none are of a team that has made its
    installation itself. Raises StoreError."""
    of_team = isinstance(installation, Revocable) and installation.revocable
    if installation.id and not of_team:
        await store.adopt(installation.name, installation.id, installation.traits.former_ids)


async def addressed(store: ThreadStore, installation: Installation, place: Place) -> Place | None:
    """A channel that the operator named, with the installation's id as its team. None while that is unknown.

    Posts of earlier versions there without a team count too. Raises StoreError.
    """
    await adopt(store, installation)
    return replace(place, team=installation.id) if installation.id else None
