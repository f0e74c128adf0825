"""Classifies finish reasons. Pure.

Endpoints pass on vendor-specific reasons in any case, and new ones appear with every vendor, so they are classified by
the words in them. Sources: https://platform.openai.com/docs/api-reference/chat/object,
https://docs.anthropic.com/en/api/handling-stop-reasons, https://ai.google.dev/api/generate-content#FinishReason,
https://api-docs.deepseek.com/api/create-chat-completion, https://docs.bigmodel.cn.
"""

from __future__ import annotations

import re

from core.errors import Code
from core.values.deltas import EndReason

Meaning = EndReason | Code

_STOPS = frozenset({"stop", "end_turn", "eos", "eos_token", "stop_sequence", "load"})
_WORDS: tuple[tuple[Meaning, re.Pattern[str]], ...] = (
    (
        Code.ERROR_IN_STREAM,
        re.compile("error|fail|malformed|insufficient|overload|unavailable|unexpected|rate_limit"),
    ),
    (Code.CUT, re.compile("abort|cancel|interrupt|time_?d?_?out|incomplete|disconnect|preempt|shut_?down")),
    (
        EndReason.POLICY,
        re.compile(
            "filter|safety|polic|moderat|sensitiv|prohibit|block|recitation|spii|refus|guardrail|violat|flagged"
        ),
    ),
    (EndReason.TOOLS, re.compile("tool|function")),
    (EndReason.STOP, re.compile("stop|^eos|^end_|complete|^done$")),
    (EndReason.LENGTH, re.compile("length|max_|token|context|window|limit|budget|pause")),
)
"""The first match counts. An aborted answer is incomplete; one that reached any limit can be continued."""


def meaning_of(finish: str) -> Meaning | None:
    """The end of the answer, or the error that makes it incomplete; None for an unknown reason."""
    finish = finish.lower()
    if finish in _STOPS:
        return EndReason.STOP
    return next((meaning for meaning, words in _WORDS if words.search(finish)), None)
