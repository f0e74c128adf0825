"""Tool calls that a person has to approve, from the press of a button to the end of the turn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.commands.handlers import CommandHandlers
from core.i18n import LANGUAGES, phrase
from core.inbox.approvals import ENDING_S, EXPIRY_S
from core.inbox.inbox import StoringInbox
from core.platform_calls import PlatformCalls
from core.ports.tools import Tools
from core.settings.environment import CoreSettings
from core.turns.approval_view import ALWAYS, APPROVE, ARGUMENTS, DENY, approval_notice, arguments_reply
from core.turns.draft import BETWEEN_ROUNDS
from core.values.conversation import Ask, Turn, TurnState
from core.values.events import ButtonPress, Command, Deleted, Edited, Outcome, PlaceClosed, Receipt
from core.values.outgoing import DeleteMessage, Page
from core.values.parts import File, Text, ToolCall
from core.values.places import Person
from core.values.steps import ApprovalAsked
from core.values.tools import ToolGrant
from tests.contract.test_steps import LOOK, ROUNDS, SEND, WHOLE, RoundByRound, Toolbox
from tests.core.turns.test_runner import ADA, PLACE, Rig
from tests.fakes.clock import FakeClock
from tests.fakes.memory import MemoryStore
from tests.fakes.platform import MemoryPlatform
from tests.waiting import HANG_S, until

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
BEN = Person("U2", "Ben")
EVA = Person("U9", "Eva")
ASKED = f"Let me look.{BETWEEN_ROUNDS}I found him."
DIGEST = "ab" * 32


class Office:
    """An inbox before turns that run: Ada asks, and the model calls a tool that needs an approval."""

    def __init__(
        self,
        store: MemoryStore | None = None,
        platform: MemoryPlatform | None = None,
        model: RoundByRound | None = None,
        tools: Tools | None = None,
        core: CoreSettings | None = None,
    ) -> None:
        self.store, self.platform = store or MemoryStore(), platform or MemoryPlatform()
        self.model, self.tools, self.clock = model or RoundByRound(), Toolbox(), FakeClock(NOON)
        self.rig = Rig(self.platform, self.store, model=self.model, tools=tools or self.tools, core=core)
        self.submit = self.rig.place_queues.submit
        self.tools.terms = ApprovalAsked((), (DIGEST,), expires_at=NOON + timedelta(minutes=15))
        self.handlers = CommandHandlers(
            self.store,
            CoreSettings(_env_file=None, parley_admins="slack:U9"),
            self.clock,
            interrupt=self.rig.live.forget,
            submit=self.submit,
        )
        self.calls = PlatformCalls(self.platform)
        self.inbox = StoringInbox(
            self.store, self.submit, self.rig.live, self.handlers, calls_at=lambda _: self.calls
        )

    async def say(self, number: int, text: str = "why?", author: Person = ADA) -> int:
        at = NOON + timedelta(seconds=number)
        receipt = await self.inbox.receive(Ask(f"m{number}", PLACE, author, text, at, addressed=True))
        assert receipt.turn_id is not None
        return receipt.turn_id

    async def asking(self) -> Turn:
        """A turn whose question to Ada is visible."""
        return await self.until(await self.say(1), TurnState.ASKING)

    async def until(self, turn_id: int, *states: TurnState) -> Turn:
        async def there() -> Turn | None:
            turn = await self.store.turn(turn_id)
            return (
                turn if turn and turn.state in states and turn_id not in self.rig.place_queues.known else None
            )

        async with asyncio.timeout(HANG_S):
            while (turn := await there()) is None:  # noqa: ASYNC110
                await asyncio.sleep(0.002)
        return turn

    async def ended(self, turn_id: int) -> Turn:
        return await self.until(turn_id, TurnState.DONE, TurnState.STOPPED, TurnState.FAILED)

    async def press(self, action: str, by: Person = ADA, turn_id: int = 0) -> Receipt:
        """Press the button with that action under the newest answer that has it."""
        buttons = [one for pages in self.platform.shown.values() for one in pages[-1].buttons]
        button = next(one for one in reversed(buttons) if one.action.partition("-")[0] == action)
        return await self.inbox.receive(ButtonPress(button.action, turn_id or button.turn_id, PLACE, by))

    @property
    def pages(self) -> list[Page]:
        """Each message as it is now."""
        return [pages[-1] for pages in self.platform.shown.values()]

    async def history(self) -> list[tuple[str, str | None, str]]:
        return [(one.name, one.new, one.by.id) for one in await self.store.audit(replace(PLACE, thread=""))]


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    office = Office()
    async with office.rig.delivering():
        yield office


def labels(page: Page) -> list[str]:
    return [button.label for button in page.buttons]


async def test_what_is_asked_is_shown_with_its_buttons(office: Office) -> None:
    await office.asking()
    (page,) = office.pages
    assert page.text == ASKED
    assert (
        page.notice == "Ada, do you approve this? Nothing is done until you do.\n" + '• send_mail (to: "Ben")'
    )
    assert labels(page) == ["Approve", "Deny", "Show arguments"]
    assert office.tools.ran == ["look_up"]


async def test_a_quote_leaves_an_answer_that_waits_for_an_approval_as_its_clips_are_deleted() -> None:
    office = Office()
    office.platform.limits = replace(office.platform.limits, quotes=True)
    async with office.rig.delivering():
        for number in (1, 2):
            clip = File(f"clip{number}.ogg", "audio/ogg", "call me", source=f"F{number}")
            await office.store.note(Ask(f"c{number}", PLACE, BEN, "", NOON, attached=(clip,)))
        turn = await office.asking()
        buttons = office.pages[0].buttons
        assert office.pages[0].text.count("call me") == 2

        await office.inbox.receive(Deleted(PLACE, "c1"))
        await until(lambda: office.pages[0].text == ASKED)
        assert office.pages[0].notice.startswith("Ada, do you approve this?")
        assert office.pages[0].buttons == buttons
        await until(lambda: not office.rig.live.ids)

        await office.press(APPROVE)
        await office.ended(turn.id)
        assert office.pages[0].text.count("call me") == 1
        await office.inbox.receive(Deleted(PLACE, "c2"))
        await until(lambda: office.pages[0].text == WHOLE)
    assert len(office.pages) == 1


async def test_the_asker_approves_and_the_call_runs_once(office: Office) -> None:
    turn = await office.asking()
    first, second = await asyncio.gather(office.press(APPROVE), office.press(APPROVE))
    assert {first.outcome, second.outcome} == {Outcome.NOTED, Outcome.DUPLICATE}
    ended = await office.ended(turn.id)
    assert (ended.state, ended.text, office.tools.ran) == (TurnState.DONE, WHOLE, ["look_up", "send_mail"])
    assert (await office.history()) == [("tool:send_mail", f"approve {DIGEST}", "U1")]


async def test_a_call_that_is_denied_does_not_run_and_the_answer_goes_on(office: Office) -> None:
    turn = await office.asking()
    await office.press(DENY)
    assert (await office.ended(turn.id)).text == WHOLE
    assert office.tools.ran == ["look_up"]
    assert (await office.history()) == [("tool:send_mail", f"deny {DIGEST}", "U1")]


async def test_approving_and_denying_at_once_is_one_of_the_two(office: Office) -> None:
    turn = await office.asking()
    outcomes = [one.outcome for one in await asyncio.gather(office.press(DENY), office.press(APPROVE))]
    assert sorted(outcomes) == sorted((Outcome.NOTED, Outcome.DUPLICATE))
    await office.ended(turn.id)
    assert ("send_mail" in office.tools.ran) is (outcomes[1] is Outcome.NOTED)
    assert len(await office.history()) == 1


@pytest.mark.parametrize("action", [APPROVE, DENY, ARGUMENTS])
async def test_another_person_is_told_privately_who_may_decide(office: Office, action: str) -> None:
    turn = await office.asking()
    receipt = await office.press(action, BEN)
    assert receipt.outcome is Outcome.REFUSED
    assert receipt.reply is not None
    assert (receipt.reply.text, receipt.reply.whisper) == (phrase("not_approver", "en", name="Ada"), True)
    assert (await office.until(turn.id, TurnState.ASKING)).id == turn.id
    assert await office.history() == []


async def test_an_admin_who_did_not_ask_may_not_decide(office: Office) -> None:
    await office.asking()
    assert (await office.press(APPROVE, EVA)).outcome is Outcome.REFUSED


async def test_a_person_whom_the_operators_named_may_decide_too(office: Office) -> None:
    office.tools.terms = replace(office.tools.terms, approvers=("slack:U2", "discord:U9"))
    turn = await office.asking()
    refused = (await office.press(APPROVE, EVA)).reply
    assert refused is not None
    assert refused.text == phrase("not_approver_named", "en", name="Ada")
    assert (await office.press(APPROVE, BEN)).outcome is Outcome.NOTED
    await office.ended(turn.id)
    assert (await office.history()) == [("tool:send_mail", f"approve {DIGEST}", "U2")]


async def test_the_whole_arguments_are_for_the_asker_alone(office: Office) -> None:
    await office.asking()
    reply = (await office.press(ARGUMENTS)).reply
    assert reply is not None
    assert reply.whisper
    assert '```json\n{\n  "to": "Ben"\n}\n```' in reply.text


async def test_a_press_for_an_earlier_request_of_the_turn_approves_no_later_one(office: Office) -> None:
    other = replace(SEND, id="call_3", arguments='{"to": "everybody"}')
    office.model.rounds = [*ROUNDS[:2], (Text("And once more."), other), ROUNDS[2]]
    turn = await office.asking()
    (page,) = office.pages
    late = ButtonPress(page.buttons[0].action, turn.id, PLACE, ADA)
    await office.inbox.receive(late)
    await office.until(turn.id, TurnState.ASKING)
    receipt = await office.inbox.receive(late)
    assert receipt.outcome is Outcome.DUPLICATE
    assert receipt.reply is not None
    assert receipt.reply.text == phrase("approval_over", "en")
    assert office.tools.ran == ["look_up", "send_mail"]


async def test_a_press_right_before_the_request_is_stored_counts(office: Office) -> None:
    turn_id = await office.say(1)
    await until(lambda: any(page.buttons and page.notice for page in office.pages))
    pressing = asyncio.create_task(office.press(APPROVE))
    await until(lambda: pressing.done() or office.clock.sleepers)
    await office.until(turn_id, TurnState.ASKING, TurnState.DONE)
    await office.clock.advance(ENDING_S[0])
    assert (await pressing).outcome is Outcome.NOTED
    assert (await office.ended(turn_id)).text == WHOLE


async def test_after_its_time_nothing_is_approved(office: Office) -> None:
    turn = await office.asking()
    await office.clock.advance(15 * 60)
    receipt = await office.press(APPROVE)
    assert receipt.outcome is Outcome.REFUSED
    ended = await office.ended(turn.id)
    assert (ended.state, ended.text, office.tools.ran) == (TurnState.DONE, ASKED, ["look_up"])
    (page,) = office.pages
    assert (page.notice, labels(page)) == (phrase("approval_expired", "en"), ["Try again"])
    assert (await office.history()) == [("tool:send_mail", f"expired {DIGEST}", "parley")]


async def test_a_request_that_nobody_answers_expires_by_itself_without_asking_the_model(office: Office) -> None:
    watching = asyncio.create_task(office.inbox.approvals.run())
    turn = await office.asking()
    asked = len(office.model.requests)
    await office.clock.advance(15 * 60 - EXPIRY_S)
    assert (await office.until(turn.id, TurnState.ASKING)).id == turn.id
    await office.clock.advance(EXPIRY_S)
    ended = await office.ended(turn.id)
    watching.cancel()
    assert (ended.state, ended.text, len(office.model.requests)) == (TurnState.DONE, ASKED, asked)
    totals = await office.store.usage_totals(NOON - timedelta(days=1), NOON + timedelta(days=1))
    assert (totals.prompt_tokens, totals.completion_tokens) == (20, 10), "nothing is charged twice"


async def test_what_expired_while_the_program_was_down_ends_at_the_start(office: Office) -> None:
    turn = await office.asking()
    later = Office(office.store, office.platform)
    await later.clock.advance(3_600)
    async with later.rig.delivering():
        watching = asyncio.create_task(later.inbox.approvals.run())
        await later.ended(turn.id)
        watching.cancel()
    assert [page.notice for page in office.pages] == [phrase("approval_expired", "en")]


async def test_the_question_can_be_asked_again_after_its_request_expired(office: Office) -> None:
    turn = await office.asking()
    refused = await office.inbox.receive(ButtonPress("again", turn.id, PLACE, ADA))
    assert refused.outcome is Outcome.DUPLICATE, "while it asks there is nothing to try again"
    await office.clock.advance(900)
    await office.inbox.approvals.expire()
    await office.ended(turn.id)
    office.model.rounds = [(Text("Because."),)]
    again = await office.press("again")
    assert again.turn_id is not None
    assert (await office.ended(again.turn_id)).text == "Because."
    assert office.model.requests[-1].steps == ()


async def test_a_new_message_of_the_asker_ends_the_request_and_is_answered(office: Office) -> None:
    turn = await office.asking()
    office.model.rounds = [(Text("Because."),)]
    later = await office.say(2, "never mind")
    assert (await office.ended(later)).text == "Because."
    assert (await office.ended(turn.id)).text == ASKED
    assert [page.notice for page in office.pages] == [phrase("approval_superseded", "en"), ""]
    assert labels(office.pages[0]) == []
    assert [line.text for line in await office.store.lines(PLACE)] == ["why?", ASKED, "never mind", "Because."]
    assert office.tools.ran == ["look_up"]
    assert (await office.history()) == [("tool:send_mail", f"superseded {DIGEST}", "U1")]


async def test_what_others_say_leaves_the_request_as_it_is(office: Office) -> None:
    turn = await office.asking()
    office.model.rounds = [(Text("Because."),)]
    await office.ended(await office.say(2, "and why?", BEN))
    office.model.rounds = ROUNDS
    assert (await office.press(APPROVE)).outcome is Outcome.NOTED
    assert (await office.ended(turn.id)).text == WHOLE


async def test_what_the_asker_says_to_others_leaves_the_request_as_it_is(office: Office) -> None:
    turn = await office.asking()
    at = NOON + timedelta(seconds=2)
    aside = Ask("m2", PLACE, ADA, "Ben, may I?", at, to_others=True)
    assert (await office.inbox.receive(aside)).outcome is Outcome.NOTED
    assert (await office.until(turn.id, TurnState.ASKING)).id == turn.id


async def test_a_press_while_another_answer_is_written_waits_for_it(office: Office) -> None:
    turn = await office.asking()
    office.tools.called = False
    office.model.rounds = [(Text("Wait."), LOOK), (Text("Because."),)]
    office.tools.hanging = True
    other = await office.say(2, "and why?", BEN)
    await until(lambda: office.tools.called)
    assert (await office.press(APPROVE)).outcome is Outcome.NOTED
    await until(lambda: any(page.notice == phrase("waiting", "en") for page in office.pages))
    assert [page.text for page in office.pages if page.notice == phrase("waiting", "en")] == [ASKED]
    assert office.tools.ran == ["look_up"]
    office.rig.live.stop(other)
    office.tools.hanging = False
    office.model.rounds = ROUNDS
    assert (await office.ended(turn.id)).text == WHOLE
    assert office.tools.ran == ["look_up", "send_mail"]


async def test_always_lets_a_reading_tool_run_unasked_in_this_thread_for_the_asker(office: Office) -> None:
    office.tools.terms = replace(office.tools.terms, reading=True)
    turn = await office.asking()
    assert labels(office.pages[0]) == ["Approve", "Deny", "Always in this thread", "Show arguments"]
    assert (await office.press(ALWAYS)).outcome is Outcome.NOTED
    await office.ended(turn.id)
    assert await office.store.tool_grants(PLACE) == [ToolGrant("send_mail", "U1", "U1")]
    assert (await office.history()) == [("tool:send_mail", f"always {DIGEST}", "U1")]


async def test_always_by_an_admin_is_for_everybody(office: Office) -> None:
    office.tools.terms = replace(office.tools.terms, reading=True, approvers=("slack:U9",))
    turn = await office.asking()
    await office.press(ALWAYS, EVA)
    await office.ended(turn.id)
    assert await office.store.tool_grants(PLACE) == [ToolGrant("send_mail", "", "U9")]
    assert (await office.history()) == [("tool:send_mail", f"always_all {DIGEST}", "U9")]


async def test_a_tool_that_may_change_something_is_never_allowed_for_ever(office: Office) -> None:
    turn = await office.asking()
    forged = office.pages[0].buttons[0].action.replace(APPROVE, ALWAYS)
    receipt = await office.inbox.receive(ButtonPress(forged, turn.id, PLACE, ADA))
    assert receipt.outcome is Outcome.DUPLICATE
    assert await office.store.tool_grants(PLACE) == []
    assert (await office.until(turn.id, TurnState.ASKING)).id == turn.id


async def test_a_question_that_is_deleted_takes_its_request_along(office: Office) -> None:
    turn = await office.asking()
    await office.inbox.receive(Deleted(PLACE, "m1"))
    assert (await office.ended(turn.id)).state is TurnState.STOPPED
    assert [(page.notice, labels(page)) for page in office.pages] == [(phrase("withdrawn", "en"), [])]
    assert (await office.history()) == [("tool:send_mail", f"withdrawn {DIGEST}", "parley")]


async def test_a_request_whose_message_is_deleted_ends(office: Office) -> None:
    turn = await office.asking()
    (message,) = turn.posted
    del office.platform.shown[message]
    await office.inbox.receive(Deleted(replace(PLACE, thread=""), message))
    assert (await office.ended(turn.id)).state is TurnState.STOPPED
    assert office.pages == []


async def test_a_place_that_is_closed_ends_its_requests(office: Office) -> None:
    turn = await office.asking()
    office.platform.closed = True
    await office.inbox.receive(PlaceClosed(replace(PLACE, thread="")))
    assert (await office.ended(turn.id)).state is TurnState.STOPPED
    assert office.tools.ran == ["look_up"]


async def test_a_question_that_is_edited_is_answered_anew_in_the_same_message(office: Office) -> None:
    turn = await office.asking()
    office.model.rounds = [(Text("Because."),)]
    await office.inbox.receive(Edited(PLACE, "m1", "why then?"))
    ended = await office.ended(turn.id)
    assert (ended.text, office.model.requests[-1].steps) == ("Because.", ())
    assert [(page.text, page.notice) for page in office.pages] == [("Because.", "")]
    assert "why then?" in office.model.requests[-1].messages[-1].text
    assert (await office.history()) == [("tool:send_mail", f"edited {DIGEST}", "U1")]
    totals = await office.store.usage_totals(NOON - timedelta(days=1), NOON + timedelta(days=1))
    assert totals.prompt_tokens == 30, "the rounds of the first question were paid for too"


@pytest.mark.parametrize("edited", [False, True])
async def test_an_answer_that_waited_for_an_approval_is_refused_where_its_limit_is_reached(
    edited: bool,
) -> None:
    office = Office(core=CoreSettings(_env_file=None, parley_budget="30 tokens a day"))
    async with office.rig.delivering():
        turn = await office.asking()
        (steps, asked) = (await office.store.steps(turn.id), len(office.model.requests))
        if edited:
            await office.inbox.receive(Edited(PLACE, "m1", "why then?"))
        else:
            await office.press(APPROVE)
        ended = await office.ended(turn.id)
    (page,) = office.pages
    assert ended.state is TurnState.FAILED
    assert "is used up: 30 tokens a day." in page.notice
    assert labels(page) == [phrase("again", "en")]
    assert (office.tools.ran, len(office.model.requests)) == (["look_up"], asked)
    if not edited:
        assert page.text == ASKED
        assert (await office.store.steps(turn.id))[: len(steps)] == steps


async def test_edits_while_it_asks_count_as_questions_of_their_author(office: Office) -> None:
    await office.store.change(replace(PLACE, channel="", thread=""), {"rate": "1"}, EVA, NOON)
    turn = await office.asking()
    await office.inbox.receive(Edited(PLACE, "m1", "why then?"))
    running = next(one for one in office.rig.live if one.id == turn.id)
    assert running.wait_s(office.clock.monotonic()) > 30


async def test_a_message_that_we_delete_ourselves_withdraws_no_request(office: Office) -> None:
    turn = await office.asking()
    await office.calls.perform(DeleteMessage(PLACE, turn.posted[0]))
    await office.inbox.receive(Deleted(PLACE, turn.posted[0]))
    assert [one.id for one, _ in await office.store.asking_turns()] == [turn.id]


async def test_stop_ends_a_request_too(office: Office) -> None:
    turn = await office.asking()
    assert (await office.inbox.receive(ButtonPress("stop", turn.id, PLACE, ADA))).outcome is Outcome.NOTED
    assert (await office.ended(turn.id)).state is TurnState.STOPPED
    assert [(page.text, page.notice) for page in office.pages] == [(ASKED, "Stopped.")]
    assert office.tools.ran == ["look_up"]


@pytest.mark.parametrize("what", ["thread", "me"])
async def test_what_is_forgotten_asks_nothing_any_more(office: Office, what: str) -> None:
    turn = await office.asking()
    late = ButtonPress(office.pages[0].buttons[0].action, turn.id, PLACE, ADA)
    options = {"what": what, "confirm": "confirm"}
    await office.inbox.receive(Command("forget", PLACE, ADA, NOON, options=options))
    await until(lambda: office.pages[0].notice == phrase("forgotten", "en"))
    assert (office.pages[0].text, labels(office.pages[0])) == ("", [])
    assert (await office.inbox.receive(late)).outcome is Outcome.UNKNOWN
    assert office.tools.ran == ["look_up"]


async def test_a_decision_while_the_program_stops_is_kept_for_the_next_one(office: Office) -> None:
    turn = await office.asking()
    await office.rig.place_queues.drain(0)
    assert (await office.press(APPROVE)).outcome is Outcome.NOTED
    later = Office(office.store, office.platform)
    async with later.rig.delivering():
        for one in await office.store.open_turns():
            later.submit(one)
        assert (await later.ended(turn.id)).text == WHOLE


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_history_names_decisions_beside_settings(office: Office, language: str) -> None:
    turn = await office.asking()
    await office.press(APPROVE)
    await office.ended(turn.id)
    await office.store.change(replace(PLACE, thread=""), {"language": language}, EVA, NOON)
    command = Command("settings", PLACE, EVA, NOON, options={"name": "history"})
    reply = (await office.inbox.receive(command)).reply
    assert reply is not None
    assert "Ada · `send_mail`" in reply.text
    assert phrase("history_tool_approve", language) in reply.text
    assert DIGEST[:8] in reply.text
    assert phrase("setting_language", language) in reply.text


def test_long_and_many_arguments_are_shortened_and_nothing_passes_for_another_argument() -> None:
    arguments = (
        '{"title": "x\\", to: \\"everybody", "body": "' + "long " * 2_000 + '", "a": 1, "b": [1], "c": 2}'
    )
    calls = tuple(ToolCall(f"c{n}", "jira__create_issue", arguments) for n in range(6))
    turn = Turn(1, Ask("m1", PLACE, ADA, "why?", NOON))
    head, *lines = approval_notice(turn, ApprovalAsked(calls), "en").split("\n")
    assert lines[0].startswith('• jira: create_issue (title: "x\\", to: \\"everybody", body: "long long')
    assert lines[0].endswith("…, a: 1, b: [1], …)")
    assert lines[4:] == ["… and 2 more calls"]
    assert len("\n".join((head, *lines))) < 1_200


def test_marks_that_a_reader_does_not_see_are_shown_as_escapes() -> None:
    call = ToolCall("c1", "send_mail", '{"to": "ada\u202emoc.live\u202c", "x": "a\\nb\\u0000\U000e0041"}')
    turn = Turn(1, Ask("m1", PLACE, ADA, "why?", NOON))
    shown = approval_notice(turn, ApprovalAsked((call,)), "en")
    whole = arguments_reply(ApprovalAsked((call,)), "en").text
    for text in (shown, whole):
        assert "\u202e" not in text
        assert "\\u202emoc" in text
        assert "a\\nb\\u0000" in text


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("\u0430pple.com", "xn--pple-43d.com"),
        ("ex\u0430mple.com:8443", "xn--exmple-4nf.com:8443"),
        ("例子.测试", "xn--fsqu00a.xn--0zwm56d"),
        ("\u0430..com", "\\u0430..com"),
        ("example.com", "example.com"),
    ],
)
def test_a_host_with_letters_that_look_like_others_is_shown_as_it_is_looked_up(host: str, shown: str) -> None:
    call = ToolCall("c1", "read_link", f'{{"url": "https://{host}/д?q=https://{host}"}}')
    asked = ApprovalAsked((call,))
    for text in (
        approval_notice(Turn(1, Ask("m1", PLACE, ADA, "why?", NOON)), asked, "en"),
        arguments_reply(asked, "en").text,
    ):
        assert f"https://{shown}/д" in text
        assert host == shown or host not in text


def test_long_arguments_are_a_file() -> None:
    long = ToolCall("c1", "run", '{"code": "' + "x" * 50_000 + '"}')
    reply = arguments_reply(ApprovalAsked((long,)), "en")
    assert reply.file is not None
    assert len(reply.file.content) > 50_000
    assert len(reply.text) < 200


async def test_a_press_counts_where_the_end_of_the_run_is_stored_between_two_looks(office: Office) -> None:
    turn = await office.asking()
    look = office.store.turn

    async def look_too_early(turn_id: int) -> Turn | None:
        office.store.turn = look  # type: ignore[method-assign]
        return replace(turn, state=TurnState.RUNNING)

    office.store.turn = look_too_early  # type: ignore[method-assign]
    press = ButtonPress(office.pages[0].buttons[0].action, turn.id, PLACE, ADA)
    assert (await office.inbox.approvals.press(press, turn, "en")).outcome is Outcome.NOTED
    assert (await office.ended(turn.id)).text == WHOLE
