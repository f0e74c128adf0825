"""`ThreadStore` on a `Database`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from core.ports.store.threads import Context, Thread
from core.values.conversation import Ask, History, ThreadMessage
from core.values.events import Deleted, Edited
from core.values.parts import Attached, File
from core.values.places import Place
from storage import heard, people, posts, teams, thread_list, threads, turns
from storage.store.state import StoreState
from storage.tables import to_us


class SqlThreadStore(StoreState):
    """`core.ports.store.threads` documents each method."""

    async def note(self, ask: Ask) -> bool:
        kept = self._remaining(ask.place, ask)
        return kept is not None and await self._database.write(threads.note, kept)

    async def joined(self, place: Place) -> bool:
        return await self._database.read(threads.joined, place)

    async def joined_at(self, place: Place) -> datetime | None:
        return await self._database.read(threads.joined_at, place)

    async def place_of_post(self, place: Place, message_id: str) -> Place | None:
        return await self._database.read(posts.place_of_post, place, message_id)

    async def edit(self, edited: Edited) -> bool:
        changed = await self._database.write(turns.edit, edited, self._forgotten)
        self._vectors.forget_later(edited.place)
        return changed

    async def delete(self, deleted: Deleted) -> bool:
        self._deleted.add(deleted.place, deleted.message_id)
        removed = await self._database.write(turns.remove, deleted)
        self._vectors.forget_later(deleted.place)
        return removed

    async def add_attached(self, place: Place, message_id: str, attached: Sequence[Attached]) -> bool:
        return await self._database.write(turns.add_attached, place, message_id, attached)

    async def put_file(self, place: Place, message_id: str, file: File) -> None:
        await self._database.write(threads.put_file, place, message_id, file)

    async def import_history(self, place: Place, history: History) -> None:
        kept = (self._remaining(place, entry) for entry in history.entries)
        read = replace(history, entries=tuple(entry for entry in kept if entry is not None))
        write = self._database.write if read.entries else self._database.write_one
        await write(threads.import_history, place, read)

    async def filled(self, place: Place) -> bool:
        return await self._database.read(threads.filled, place)

    async def lines(
        self, place: Place, until: Ask | None = None, limit: int = 400, before: datetime | None = None
    ) -> list[ThreadMessage]:
        before_us = None if before is None else to_us(before)
        return await self._database.read(threads.lines, place, until, limit, before_us)

    async def context(self, ask: Ask, model: str, limit: int = 400) -> Context:
        return await self._database.read(turns.context, ask, model, limit)

    async def active_threads(self, platform: str, team: str, since: datetime, limit: int = 500) -> list[Place]:
        return await self._database.read(thread_list.active_threads, platform, team, to_us(since), limit)

    async def watermark(self, platform: str, team: str) -> datetime | None:
        return await self._database.read(heard.until, platform, team)

    async def advance_watermark(self, platform: str, team: str, until: datetime) -> None:
        await self._database.write(heard.move, platform, team, to_us(until))

    async def teams_heard_of(self, platform: str) -> list[str]:
        """The teams of a platform whose events have come in."""
        return await self._database.read(heard.teams, platform)

    async def adopt(self, platform: str, team: str, former: Sequence[str]) -> None:
        await self._database.write(teams.adopt, platform, team, former)
        self._settings.forget()
        self._asking.forget()
        self._vectors.drop()

    async def threads(self, platform: str, team: str, limit: int = 50) -> list[Thread]:
        return await self._database.read(thread_list.threads, platform, team, limit)

    async def reset(self, place: Place, at: datetime) -> None:
        await self._database.write(people.reset, place, to_us(at))
        self._vectors.forget_later(place)
