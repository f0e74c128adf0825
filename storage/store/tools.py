"""`ToolStore` on a `Database`."""

from __future__ import annotations

from datetime import datetime

from core.ports.store.settings import Change
from core.values.conversation import Turn
from core.values.places import Place
from core.values.steps import ApprovalAsked
from core.values.tools import ToolGrant
from storage import settings, tools
from storage.store.state import StoreState
from storage.tables import to_us


class SqlToolStore(StoreState):
    """`core.ports.store.tools` documents each method."""

    async def asking_turns(self, place: Place | None = None) -> list[tuple[Turn, ApprovalAsked]]:
        if not self._asking.may_hold(place):
            return []
        version = self._asking.version
        found = await self._database.read(tools.asking_turns)
        self._asking.replace((turn.ask.place for turn, _ in found), version)
        return [one for one in found if place is None or one[0].ask.place.key == place.key]

    async def tool_grants(self, place: Place) -> list[ToolGrant]:
        return await self._database.read(tools.tool_grants, place)

    async def grant_tool(self, place: Place, grant: ToolGrant, at: datetime) -> None:
        await self._database.write(tools.grant_tool, place, grant, to_us(at))

    async def record(self, change: Change) -> None:
        await self._database.write(settings.record, change)
