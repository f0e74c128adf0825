"""The findings of `parley doctor` as lines and as JSON. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

from core.values.checks import CheckStatus, Finding

_WIDTH = max(len(status) for status in CheckStatus)
FAILURE = 1
"""The exit status where a check has failed. Warnings leave it at 0."""


def finding_to_lines(finding: Finding) -> str:
    """`ok       check: detail`, and what to do in a line below it."""
    first = f"{finding.status:<{_WIDTH}}  {finding.check}: {finding.detail}"
    return f"{first}\n{'':<{_WIDTH}}  -> {finding.todo}" if finding.todo else first


def summary(findings: Sequence[Finding]) -> str:
    """The last line: how many checks ended how."""
    counts = Counter(finding.status for finding in findings)
    good, bad, warnings = counts[CheckStatus.OK], counts[CheckStatus.FAILED], counts[CheckStatus.WARNING]
    return f"{good} ok, {warnings} warning{'s' * (warnings != 1)}, {bad} failed"


def findings_to_json(findings: Sequence[Finding]) -> str:
    """An array of `{check, status, detail, todo}`."""
    rows = [
        {"check": one.check, "status": str(one.status), "detail": one.detail, "todo": one.todo}
        for one in findings
    ]
    return json.dumps(rows, indent=2, ensure_ascii=False)


def exit_status(findings: Sequence[Finding]) -> int:
    """0 unless a check has failed."""
    return FAILURE if any(finding.status is CheckStatus.FAILED for finding in findings) else 0
