"""Every value that a section shows has its words."""

from __future__ import annotations

from types import UnionType
from typing import get_args

import pytest

from core.i18n import LANGUAGES
from core.turns.overview import TurnStage
from core.values.budgets import BudgetScope
from core.values.failures import RetryRefusal
from core.values.tasks import Task


def kinds(union: object) -> list[str]:
    """The names of the classes of a union."""
    return [
        name
        for one in get_args(union)
        for name in (kinds(one) if isinstance(one, UnionType) else [one.__name__])
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_task_stage_and_refusal_has_its_words(language: str) -> None:
    keys = [f"operator_task_{name}" for name in kinds(Task)]
    keys += [f"operator_stage_{stage}" for stage in TurnStage]
    keys += [f"operator_retry_{why}" for why in RetryRefusal]
    keys += [f"operator_limit_{scope}" for scope in BudgetScope]
    assert len(keys) > 20
    assert set(keys) <= set(LANGUAGES[language])
