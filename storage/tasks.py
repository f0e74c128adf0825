"""Tasks as two columns of their turn: `task` is the kind, `arguments` the fields of the value."""

from __future__ import annotations

from typing import Any

from core.values.tasks import (
    Alert,
    Announced,
    AnswerQuestion,
    BudgetReached,
    ContinueAnswer,
    EmbedQuestions,
    RelateThreads,
    RemoveQuote,
    RemoveSources,
    ReportOperation,
    ReportUsage,
    ShowAnew,
    Summarize,
    SumUpThread,
    Task,
    UpdateAlert,
)
from storage.tagged_union import TaggedUnion

_TYPES: dict[str, type[Task]] = {
    "answer": AnswerQuestion,
    "continue": ContinueAnswer,
    "summary": Summarize,
    "usage": ReportUsage,
    "alert": Alert,
    "budget": BudgetReached,
    "remove_quote": RemoveQuote,
    "remove_sources": RemoveSources,
    "show_anew": ShowAnew,
    "update_alert": UpdateAlert,
    "operation": ReportOperation,
    "sum_up": SumUpThread,
    "embed": EmbedQuestions,
    "related": RelateThreads,
}
TASKS: TaggedUnion[Task] = TaggedUnion(_TYPES)
ANNOUNCEMENTS = tuple(kind for kind, type_ in _TYPES.items() if issubclass(type_, Announced))
"""The kinds of the tasks of `Ask.announces`."""


def task_to_columns(task: Task) -> dict[str, Any]:
    """The columns of a turn that hold `task`: its kind, and its arguments as JSON."""
    return dict(zip(("task", "arguments"), TASKS.dump(task), strict=True))
