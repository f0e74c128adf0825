"""Tasks as two columns: `task` is the kind, `arguments` the fields of the value."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from core.values.tasks import Alert, AnswerQuestion, ContinueAnswer, ReportUsage, Summarize, Task

ANNOUNCEMENTS = ("usage", "alert")
_TYPES: dict[str, type[Task]] = {
    "answer": AnswerQuestion,
    "continue": ContinueAnswer,
    "summary": Summarize,
    "usage": ReportUsage,
    "alert": Alert,
}
_KINDS = {task_type: kind for kind, task_type in _TYPES.items()}
_ADAPTERS: dict[str, TypeAdapter[Task]] = {kind: TypeAdapter(task_type) for kind, task_type in _TYPES.items()}


def task_to_columns(task: Task) -> dict[str, Any]:
    kind = _KINDS[type(task)]
    return {"task": kind, "arguments": _ADAPTERS[kind].dump_python(task, mode="json")}


def columns_to_task(kind: str, arguments: dict[str, Any]) -> Task:
    return _ADAPTERS[kind].validate_python(arguments)
