"""The steps of a turn as a model reads them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from core.values.conversation import Message
from core.values.parts import ToolResult
from core.values.steps import ModelRound, Step, ToolResults


def steps_to_messages(steps: Sequence[Step]) -> tuple[Message, ...]:
    """The steps as the model reads them, behind the question. Approvals are in the results of their calls."""
    messages: list[Message] = []
    results: list[ToolResult] = []
    for step in steps:
        match step:
            case ModelRound(parts):
                messages += [*_results_to_messages(results), Message("assistant", parts)]
                results.clear()
            case ToolResults(some):
                results += some
    return (*messages, *_results_to_messages(results))


def _results_to_messages(results: Sequence[ToolResult]) -> list[Message]:
    """The results of one round, and their pictures behind them: strict endpoints take pictures from users alone."""
    images = tuple(result.image for result in results if result.image is not None)
    said = [Message("tool", tuple(replace(result, image=None) for result in results))] if results else []
    return [*said, Message("user", images)] if images else said
