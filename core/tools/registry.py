"""`Toolbox`: offers the tools of all sources to a model, and runs its calls."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace

import structlog

from core.clock import Clock
from core.conversation.file_content import ContentReader
from core.ports.store.settings import Change
from core.ports.store.tools import ToolStore
from core.ports.tools import DecidesByCall, ListsLater, ToolError, ToolOutput, ToolSource
from core.text import shortened
from core.tools.find_tool import FIND_TOOL, choose, found_to_text
from core.tools.names import tool_name
from core.tools.policy import CallPlan, approval, decide, read_calls, round_state
from core.tools.results import failed_result, output_to_result, refused_result
from core.tools.schemas import LONGEST_DESCRIPTION, clean
from core.tracing import SpanKind, Value, span
from core.values.conversation import Turn
from core.values.parts import ToolResult
from core.values.places import Place
from core.values.steps import ApprovalAsked, Step, ToolResults, ToolsBegun, pending_calls
from core.values.tasks import AnswerQuestion, ContinueAnswer
from core.values.tools import Tool, ToolOffer, ToolRule, ToolSettings

log = structlog.get_logger()

MOST_TOOLS = 32
"""Tools that are offered for a turn where the operator sets nothing else. Models choose worse among many."""
AT_ONCE = 8
"""Calls of a turn that run at a time."""
CALL_S = 300.0
"""The longest that a call may take, in seconds, should its source not end it. It may wait there for others' calls."""


class Toolbox:
    """The `Tools` port. It holds no state of a turn, which is in the steps of the turn."""

    def __init__(
        self,
        sources: Sequence[ToolSource],
        store: ToolStore,
        clock: Clock,
        content: ContentReader,
        most: int = MOST_TOOLS,
    ) -> None:
        self._sources = {source.name: source for source in sources}
        self._store = store
        self._clock = clock
        self._content = content
        self._most = most

    async def offer(self, turn: Turn, settings: ToolSettings, steps: Sequence[Step]) -> ToolOffer:
        """The tools of a turn. A summary has none: the messages of a channel are material, not instructions."""
        if not settings.on or not isinstance(turn.ask.task, AnswerQuestion | ContinueAnswer):
            return ToolOffer()
        catalog = self._catalog(turn.ask.place, settings)
        if any(call.name not in catalog for call in pending_calls(steps)):
            later = [source for source in self._sources.values() if isinstance(source, ListsLater)]
            await asyncio.gather(*(source.listed() for source in later))
            catalog = self._catalog(turn.ask.place, settings)
        tools = choose(list(catalog.values()), steps, self._most)
        reached = {tool.server for tool in catalog.values()}
        away = self.absent(turn.ask.place, settings)
        return ToolOffer(tools, tuple(name for name in away if name not in reached))

    def _catalog(self, place: Place, settings: ToolSettings) -> dict[str, Tool]:
        """The tools of all sources in a place, by the names that models read."""
        catalog: dict[str, Tool] = {}
        for source in self._sources.values():
            for tool in source.tools(place, settings):
                if tool.rule is not ToolRule.NEVER:
                    offered = _to_offered(source, tool)
                    catalog.setdefault(offered.name, offered)
        return catalog

    def absent(self, place: Place, settings: ToolSettings) -> tuple[str, ...]:
        """The names of the servers whose tools would be offered in a place, but can't be reached now."""
        if not settings.on:
            return ()
        return tuple(source.name for source in self._sources.values() if source.absent(place, settings))

    async def run(
        self, turn: Turn, offer: ToolOffer, steps: Sequence[Step]
    ) -> AsyncGenerator[ToolsBegun | ToolResults | ApprovalAsked, None]:
        state = round_state(steps)
        plans = read_calls(state.pending, offer)
        readable = any(not plan.refusal for plan in plans)
        grants = await self._store.tool_grants(turn.ask.place) if readable else []
        plans, asking = decide(plans, state, turn.ask.author, grants, self._rule)
        if asking:
            yield approval(asking, self._clock.now())
            return
        if state.begun is None:
            yield ToolsBegun(tuple(plan.call.id for plan in plans if plan.may_change))
        if refused := tuple(refused_result(plan.call.id, plan.refusal) for plan in plans if plan.refusal):
            yield ToolResults(refused)
        running = [plan for plan in plans if not plan.refusal]
        for plan in running:
            if plan.may_change:
                await self._store.record(_to_change(turn, plan, self._clock))
        async with contextlib.aclosing(self._results(turn, offer, running)) as ended:
            async for results in ended:
                yield results

    async def _results(
        self, turn: Turn, offer: ToolOffer, plans: Sequence[CallPlan]
    ) -> AsyncGenerator[ToolResults, None]:
        """The results as the calls end. Closed, it ends the calls."""
        free = asyncio.Semaphore(AT_ONCE)
        tasks = [asyncio.create_task(self._call(turn, offer, plan, free)) for plan in plans]
        waiting = set(tasks)
        try:
            while waiting:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                yield ToolResults(tuple(task.result() for task in tasks if task in done))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _call(self, turn: Turn, offer: ToolOffer, plan: CallPlan, free: asyncio.Semaphore) -> ToolResult:
        """The result of one call. Raises nothing."""
        call_id, name = plan.call.id, plan.call.name
        async with free:
            try:
                async with asyncio.timeout(CALL_S):
                    with span(f"execute_tool {name}", _about(plan), SpanKind.INTERNAL):
                        output = await self._output(turn, offer, plan)
                    return await output_to_result(call_id, name, output, self._content)
            except ToolError as error:
                return failed_result(call_id, name, str(error))
            except TimeoutError:
                log.warning("tool_timed_out", tool=name)
                return refused_result(call_id, f"The tool gave no result within {CALL_S:g} seconds.")
            except Exception as error:  # a mistake of ours: the model learns of it, and the answer goes on
                log.exception("tool_crashed", tool=name)
                return refused_result(call_id, f"The tool failed ({type(error).__name__}).")

    async def _output(self, turn: Turn, offer: ToolOffer, plan: CallPlan) -> ToolOutput:
        """Raises ToolError."""
        assert plan.tool is not None
        if not plan.tool.server and plan.tool.title == FIND_TOOL:
            return ToolOutput(found_to_text(offer.tools, str(plan.arguments.get("query", ""))))
        return await self._sources[plan.tool.server].call(turn, plan.tool, plan.arguments)

    def _rule(self, plan: CallPlan, tool: Tool) -> ToolRule:
        source = self._sources.get(tool.server)
        return source.rule(tool, plan.arguments) if isinstance(source, DecidesByCall) else tool.rule


def _about(plan: CallPlan) -> dict[str, Value]:
    """https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/#execute-tool-span: no arguments, no result."""
    return {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": plan.call.name,
        "gen_ai.tool.call.id": plan.call.id,
        "parley.tool.server": plan.tool.server if plan.tool is not None else "",
    }


def _to_offered(source: ToolSource, tool: Tool) -> Tool:
    """The tool as models take it: its name, its schema, the length of its description."""
    title = tool.title or tool.name
    schema = clean(tool.parameters)
    return replace(
        tool,
        name=tool_name(source.name, title),
        title=title,
        server=source.name,
        description=shortened(tool.description, LONGEST_DESCRIPTION),
        parameters=schema.parameters,
        renamed=schema.renamed,
    )


def _to_change(turn: Turn, plan: CallPlan, clock: Clock) -> Change:
    """The entry of the audit for a call that may change something, before it runs."""
    place = replace(turn.ask.place, thread="")
    return Change(place, f"tool:{plan.call.name}", None, f"called {plan.digest}", turn.ask.author, clock.now())
