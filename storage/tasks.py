"""Tasks as two columns of their turn: `task` is the kind, `arguments` the fields of the value."""

from __future__ import annotations

from typing import Any

from core.values.tasks import (
    Alert,
    AnswerQuestion,
    BudgetReached,
    ContinueAnswer,
    RemoveQuote,
    ReportOperation,
    ReportUsage,
    Summarize,
    Task,
    UpdateAlert,
)
from storage.tagged_union import TaggedUnion

ANNOUNCEMENTS = ("usage", "alert", "budget", "remove_quote", "update_alert", "operation")
"""The tasks of `Ask.announces`."""
TASKS: TaggedUnion[Task] = TaggedUnion(
    {
        "answer": AnswerQuestion,
        "continue": ContinueAnswer,
        "summary": Summarize,
        "usage": ReportUsage,
        "alert": Alert,
        "budget": BudgetReached,
        "remove_quote": RemoveQuote,
        "update_alert": UpdateAlert,
        "operation": ReportOperation,
    }
)


def task_to_columns(task: Task) -> dict[str, Any]:
    """The columns of a turn that hold `task`: its kind, and its arguments as JSON."""
    return dict(zip(("task", "arguments"), TASKS.dump(task), strict=True))
