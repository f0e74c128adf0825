"""Decides which calls of a round run, which a person has to approve, and which are refused. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from core.tools.schemas import restored
from core.values.parts import ToolCall
from core.values.places import Person
from core.values.steps import (
    ApprovalAnswered,
    ApprovalAsked,
    Decision,
    ModelRound,
    Step,
    ToolsBegun,
    pending_calls,
)
from core.values.tools import Tool, ToolGrant, ToolOffer, ToolRule

APPROVAL_FOR = timedelta(minutes=15)
"""The time in which a person can approve calls."""
MOST_CALLS = 32
"""Calls of one round that may run."""

DEEPEST = 100
"""The most levels of arguments. The JSON writers for servers and people take some hundreds, and fail beyond."""

UNKNOWN = "There is no tool {name}, or it can't be reached now. Nothing was done."
NO_ARGUMENTS = (
    "The arguments are not one complete JSON object, so nothing was done. Call it again with correct ones."
)
TOO_MANY = "There are more than {most} calls in one round, so this one was not run."
NEVER = "This is not allowed here. Nothing was done."
DENIED = "Not approved, so it was not done. Do not call it again unless the person asks for it."
OUTCOME_UNKNOWN = (
    "The program ended while this call ran, so it is not known whether it was done. It is not repeated. Say so, and "
    "find out with other tools where you can."
)


@dataclass(frozen=True, slots=True)
class CallPlan:
    """One call of the model, read. `arguments` have the server's names. `digest` is the SHA-256 digest of the canonical
    arguments in hexadecimal. `refusal`: why it does not run, for the model; empty where it may."""

    call: ToolCall
    tool: Tool | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""
    refusal: str = ""

    @property
    def may_change(self) -> bool:
        """True if it would run, and may change something."""
        return not self.refusal and self.tool is not None and self.tool.writes


@dataclass(frozen=True, slots=True)
class RoundState:
    """The state of the calls of the model's last round, from the steps behind it. `approved`: the calls that a
    person has approved; None where no person was asked. `begun`: the calls that may change something and have
    begun; None where none has begun."""

    pending: tuple[ToolCall, ...]
    approved: frozenset[ToolCall] | None = None
    begun: frozenset[str] | None = None


def round_state(steps: Sequence[Step]) -> RoundState:
    """The state of the last round. Of calls with the same id only the first one counts."""
    state = RoundState(tuple({call.id: call for call in reversed(pending_calls(steps))}.values())[::-1])
    asked: tuple[ToolCall, ...] = ()
    last = max((at for at, step in enumerate(steps) if isinstance(step, ModelRound)), default=0)
    for step in steps[last:]:
        match step:
            case ApprovalAsked(calls):
                asked, state = calls, replace(state, approved=frozenset())
            case ApprovalAnswered(approved, _, Decision.ANSWERED):
                state = replace(state, approved=frozenset(call for call in asked if call.id in approved))
            case ToolsBegun(writing):
                state = replace(state, begun=frozenset(writing))
    return state


def read_calls(calls: Sequence[ToolCall], offer: ToolOffer) -> list[CallPlan]:
    """Calls of unknown tools and with arguments that can't be read are refused: they never run."""
    return [
        _read_call(call, offer.find(call.name))
        if number < MOST_CALLS
        else CallPlan(call, refusal=TOO_MANY.format(most=MOST_CALLS))
        for number, call in enumerate(calls)
    ]


def _read_call(call: ToolCall, tool: Tool | None) -> CallPlan:
    if tool is None:
        return CallPlan(call, refusal=UNKNOWN.format(name=call.name[:100]))
    try:
        said = parse_arguments(call.arguments)
        return CallPlan(call, tool, restored(said, dict(tool.renamed)), arguments_digest(said))
    except (ValueError, RecursionError):
        return CallPlan(call, tool, refusal=NO_ARGUMENTS)


def parse_arguments(text: str) -> dict[str, Any]:
    """The arguments of a call; no text means none. Raises ValueError where they are not one JSON object whose names are
    unique, or can't be sent as JSON in UTF-8, or are deeper than DEEPEST, and RecursionError for very deep ones."""
    arguments = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse) if text.strip() else {}
    if not isinstance(arguments, dict):
        raise ValueError("no object")
    # Half of a surrogate pair has no UTF-8, and 1e999 is read as infinity, which no JSON has.
    json.dumps(arguments, ensure_ascii=False, allow_nan=False).encode()
    _check_depth(arguments, DEEPEST)
    return arguments


def _check_depth(value: object, levels: int) -> None:
    """Raises ValueError where objects and arrays are in more than `levels` others."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if inner and not levels:
        raise ValueError("too deep")
    for one in inner:
        _check_depth(one, levels - 1)


def arguments_digest(arguments: Mapping[str, Any]) -> str:
    """The SHA-256 digest of the arguments as canonical JSON, in hexadecimal."""
    canonical = json.dumps(arguments, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return sha256(canonical.encode()).hexdigest()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A name that is there twice could be approved with one value and run with the other."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is there twice")
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def decide(
    plans: Sequence[CallPlan],
    state: RoundState,
    asker: Person,
    grants: Sequence[ToolGrant],
    rule: Callable[[CallPlan, Tool], ToolRule],
) -> tuple[list[CallPlan], list[CallPlan]]:
    """The plans with the reasons why some don't run, and those of them that a person has to approve first.

    A person is asked at most once about the calls of a round, and not once they have begun.
    """
    decided: list[CallPlan] = []
    asking: list[CallPlan] = []
    for plan in plans:
        if plan.refusal or plan.tool is None:
            decided.append(plan)
            continue
        ruled = rule(plan, plan.tool)
        if ruled is ToolRule.ASK and _is_granted(plan.tool, asker, grants):
            ruled = ToolRule.READ
        if ruled is ToolRule.ASK and state.approved is None and state.begun is None:
            asking.append(plan)
        decided.append(replace(plan, refusal=_refusal(plan.call, plan.tool, ruled, state)))
    return decided, asking


def _refusal(call: ToolCall, tool: Tool, ruled: ToolRule, state: RoundState) -> str:
    """The reason why a call does not run once no person is to be asked any more; empty where it runs."""
    if ruled is ToolRule.NEVER:
        return NEVER
    if state.begun is not None and call.id in state.begun:
        return OUTCOME_UNKNOWN
    if ruled is ToolRule.ASK and call not in (state.approved or ()):
        return DENIED
    return OUTCOME_UNKNOWN if state.begun is not None and tool.writes else ""


def _is_granted(tool: Tool, asker: Person, grants: Sequence[ToolGrant]) -> bool:
    """True if the tool may run unasked in the thread."""
    return tool.grantable and any(one.tool == tool.name and one.person in ("", asker.id) for one in grants)


def approval(asking: Sequence[CallPlan], now: datetime) -> ApprovalAsked:
    """The request to a person. Beside the asker only those who may approve each of the calls may answer."""
    tools = [plan.tool for plan in asking if plan.tool is not None]
    approvers = (
        [one for one in tools[0].approvers if all(one in tool.approvers for tool in tools)] if tools else []
    )
    return ApprovalAsked(
        tuple(plan.call for plan in asking),
        tuple(plan.digest for plan in asking),
        tuple(approvers),
        reading=all(tool.grantable for tool in tools),
        expires_at=now + APPROVAL_FOR,
    )
