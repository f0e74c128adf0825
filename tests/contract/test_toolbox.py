"""A turn that uses the real `Toolbox`, on every store, with a crash between any two of its steps."""

from __future__ import annotations

from typing import cast

import pytest

from core.conversation.file_content import ContentReader
from core.conversation.prompt import ABSENT, TOOLS
from core.ports.store import Store
from core.tools.policy import OUTCOME_UNKNOWN
from core.tools.registry import Toolbox
from core.values.conversation import TurnState
from core.values.parts import Text, ToolCall
from core.values.steps import ToolResults
from tests.contract import test_steps as steps
from tests.core.tools.rig import PLACE, Gallery, Source
from tests.fakes.clock import FakeClock
from tests.fakes.memory import MemoryStore

LOOK = ToolCall("call_1", "mail__look_up", '{"name": "Ben"}')
SEND = ToolCall("call_2", "mail__send_mail", '{"to": "Ben"}')


def journey_with(store: Store, *sources: Source) -> steps.Journey:
    journey = steps.Journey(store)
    journey.model.rounds = [(Text("Let me look."), LOOK), (Text("I found him."), SEND), (Text("It is sent."),)]
    toolbox = Toolbox(sources, store, FakeClock(), ContentReader(Gallery()))
    journey.tools = cast("steps.Toolbox", toolbox)
    return journey


@pytest.mark.parametrize("lives", [(), *[(n,) for n in range(steps.STEPS)], (1,) * steps.STEPS], ids=str)
async def test_a_crash_between_any_two_steps_runs_no_call_twice_that_may_write(
    store: Store, lives: tuple[int, ...]
) -> None:
    source = Source()
    journey = journey_with(store, source)
    turn_id = await journey.accept()
    await journey.answer(turn_id, *lives)
    results = [
        one for step in await store.steps(turn_id) if isinstance(step, ToolResults) for one in step.results
    ]
    unknown = results[-1].text == OUTCOME_UNKNOWN
    assert [title for title, _ in source.ran].count("send_mail") == (0 if unknown else 1)
    assert unknown is (lives == (1,) * steps.STEPS)
    assert [page.text for page in journey.pages] == [steps.WHOLE]
    recorded = [change.name for change in await store.audit(PLACE)]
    assert recorded == ([] if unknown else ["tool:mail__send_mail"])


async def test_a_model_is_told_of_its_tools_and_of_servers_that_are_away() -> None:
    away = Source("jira")
    away.away = True
    journey = journey_with(MemoryStore(), Source(), away)
    assert await journey.run(await journey.accept()) is TurnState.ASKING
    system = journey.model.requests[0].messages[0].text
    assert system.endswith(f"\n\n{TOOLS}\n\n{ABSENT.format(servers='jira')}")


async def test_without_tools_nothing_is_said_of_them() -> None:
    journey = journey_with(MemoryStore())
    journey.model.rounds = [(Text("Because."),)]
    assert await journey.run(await journey.accept()) is TurnState.DONE
    (request,) = journey.model.requests
    assert request.tools == ()
    assert TOOLS not in request.messages[0].text
