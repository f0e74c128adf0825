"""Makes the model and the tools of a running process, anew at each reload, and closes those that no answer uses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from bots.config import Config
from bots.tool_servers import ToolServers
from core.clock import Clock
from core.llm import create_model, is_same_model
from core.llm.redacting_model import RedactedModel
from core.llm.router import ModelRouter
from core.llm.workspace_models import AccountModel, WorkspaceModels
from core.ports.model import ModelObserver
from core.ports.tools import ToolSource
from core.redaction import Secrets
from core.turns.answer_parts import AbsentTools, AnswerParts, ClosableModel, CurrentParts


class LiveParts:
    """`current` has the parts in use. `create_tools` makes the tools of the operator's servers and the built-in ones.
    `router` is the newest one, None for the offline model. `workspaces`: the models of workspaces with accounts of
    their own, which it closes."""

    def __init__(
        self,
        config: Config,
        clock: Clock,
        observer: ModelObserver,
        servers: ToolServers,
        create_tools: Callable[[Sequence[ToolSource]], AbsentTools],
        workspaces: WorkspaceModels,
    ) -> None:
        self._config = config
        self._clock = clock
        self._observer = observer
        self._servers = servers
        self._create_tools = create_tools
        self._workspaces = workspaces
        self._closing: set[asyncio.Task[None]] = set()
        self.router: ModelRouter | None = None
        self.current = CurrentParts(self._create(config, self._create_model(config)), self._ended)

    def apply(self, config: Config) -> None:
        """Use the models and tools of `config` for answers that begin from now on. A model that is the same stays,
        with what it has learned."""
        former, self._config = self._config, config
        same = is_same_model((former.core, former.catalog), (config.core, config.catalog))
        model = self.current.newest.model if same else self._create_model(config)
        self.current.replace(self._create(config, model))
        self._workspaces.reload()

    def drop_expired(self) -> None:
        """Remove from memory what the router keeps past its lifetime."""
        if self.router is not None:
            self.router.drop_expired()
        self._workspaces.drop_expired()

    async def run(self) -> None:
        """Follow the accounts of workspaces. Until cancelled."""
        await self._workspaces.run()

    async def close(self) -> None:
        """Close the connections to models and tool servers."""
        await asyncio.gather(*self._closing)
        await self._servers.close()
        await self.current.newest.model.close()
        await self._workspaces.close()

    def _create_model(self, config: Config) -> RedactedModel:
        model = create_model(config.core, config.catalog, self._clock, self._observer)
        self.router = model if isinstance(model, ModelRouter) else None
        return RedactedModel(AccountModel(model, self._workspaces), Secrets(config.secrets()))

    def _create(self, config: Config, model: ClosableModel) -> AnswerParts:
        servers = tuple(self._servers.of(config.tool_servers))
        return AnswerParts(model, self._create_tools(servers), servers)

    def _ended(self, parts: AnswerParts) -> None:
        """No answer uses `parts` any more."""
        task = asyncio.create_task(self._close(parts))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _close(self, parts: AnswerParts) -> None:
        used = self.current.in_use
        await self._servers.keep({server for one in used for server in one.servers})
        if all(one.model is not parts.model for one in used):
            await parts.model.close()
