"""The tool calls that a growing message shows beside its text. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet

from core.values.outgoing import Limits, TaskState, ToolTask, page_length

_FRAME = 80
"""Bytes of a task beside its title, as JSON. The titles of all tasks and the text of a message count together:
https://github.com/openclaw/openclaw/pull/143882"""
_SHARE = 0.5
"""The part of a message that tasks may take."""


def changed_tasks(tasks: Iterable[ToolTask], shown: Sequence[ToolTask]) -> tuple[ToolTask, ...]:
    """The tasks of `tasks` that `shown` lacks, or has in another state."""
    return tuple(task for task in tasks if task not in shown)


def merged_tasks(shown: Iterable[ToolTask], changed: Iterable[ToolTask]) -> tuple[ToolTask, ...]:
    """`shown` with the changes."""
    return tuple(({task.id: task for task in shown} | {task.id: task for task in changed}).values())


def begun_tasks(
    tasks: Iterable[ToolTask], begun: AbstractSet[str], taken: int, room: int, size: int, limits: Limits
) -> tuple[ToolTask, ...]:
    """The tasks that begin to be shown in a message: those that run, are not shown in any message (`begun`), and fit.
    `taken`: the length of other tasks, of the `size` of the message. `room`: the length that they and its text leave.
    """
    added: list[ToolTask] = []
    for task in tasks:
        cost = 2 * task_length(task, limits)
        fits = taken + cost <= size * _SHARE and cost <= room
        if task.state is TaskState.RUNNING and task.id not in begun and fits:
            added.append(task)
            taken, room = taken + cost, room - cost
    return tuple(added)


def task_length(task: ToolTask, limits: Limits) -> int:
    """The length of one update of a task in a message, in the page's unit."""
    return _FRAME + page_length(task.id + task.title, limits.page_unit)
