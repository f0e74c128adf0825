"""Failures and their references, and failed turns that are asked again, on every store."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from core.errors import Code, ModelError
from core.ports.store import Store
from core.values.conversation import Turn, TurnState, announcement
from core.values.failures import Failure, FailureKind, RetryRefusal, error_to_failure
from core.values.places import Place
from core.values.tasks import ANSWER, Alert, ContinueAnswer, Summarize, Task
from core.values.turn_ends import Finish
from storage import SqlStore
from tests.contract.stored import ANN, NOON, PLACE, accepted, answered, ask

FAILURE = Failure(
    "ABC234",
    Code.NO_MONEY,
    "insufficient_quota: 猫",
    "ClientError",
    "main",
    "m",
    402,
    "req-7",
    3,
    {"key": "OPENAI_API_KEY", "host": "host"},
)


async def failed(
    store: Store, id: str = "m1", failure: Failure = FAILURE, task: Task = ANSWER, place: Place = PLACE
) -> Turn:
    turn = await store.begin((await accepted(store, replace(ask(id, place=place), task=task))).id)
    end = Finish(turn, TurnState.FAILED, error=str(failure.code), ref=failure.ref, failure=failure)
    assert await store.finish(end)
    found = await store.turn(turn.id)
    assert found is not None
    return found


class TestReferences:
    async def test_the_whole_cause_of_a_failed_turn_comes_back_by_its_reference(self, store: Store) -> None:
        turn = await failed(store)
        for written in ("ABC234", " abc234 "):
            (found,) = await store.failures_of(written)
            assert found.failure == FAILURE
            assert found.turn == turn
            assert (found.retry, found.place) == (None, None)
        assert await store.failures_of("ABC235") == []

    async def test_the_newest_come_first_and_the_others_page_by_page(self, store: Store) -> None:
        for number in range(5):
            await failed(store, f"m{number}", replace(FAILURE, ref=f"REF{number}"))
        page = await store.failures(2)
        assert [one.failure.ref for one in page] == ["REF4", "REF3"]
        rest = await store.failures(20, page[-1].id)
        assert [one.failure.ref for one in rest] == ["REF2", "REF1", "REF0"]

    async def test_those_of_one_kind_are_found_behind_any_number_of_others(self, store: Store) -> None:
        aside = replace(FAILURE, code=Code.SET_ASIDE)
        for number in range(3):
            await failed(store, f"aside{number}", replace(aside, ref=f"ASIDE{number}"))
            turn = await failed(store, f"again{number}", replace(FAILURE, ref=f"AGAIN{number}"))
            await store.retry_failed(turn.id)
        for number in range(30):
            await failed(store, f"other{number}", replace(FAILURE, ref=f"OTHER{number}"))
        for kind, name in ((FailureKind.SET_ASIDE, "ASIDE"), (FailureKind.RETRIED, "AGAIN")):
            page = await store.failures(2, only=kind)
            assert [one.failure.ref for one in page] == [f"{name}2", f"{name}1"]
            rest = await store.failures(2, page[-1].id, kind)
            assert [one.failure.ref for one in rest] == [f"{name}0"]

    async def test_a_turn_that_ended_well_has_none(self, store: Store) -> None:
        await answered(store, ask())
        assert await store.failures() == []

    async def test_an_alert_and_the_failure_of_a_command_have_no_turn(self, store: Store) -> None:
        await store.record_failure(replace(FAILURE, what="account main"), NOON)
        await store.record_failure(Failure("COMMND", Code.STORE), NOON + timedelta(seconds=1), PLACE)
        command, alert = await store.failures()
        assert (alert.failure.what, alert.turn, alert.place, alert.at) == ("account main", None, None, NOON)
        assert command.place == replace(PLACE, thread="")

    async def test_one_reference_finds_the_turn_and_the_alert_of_its_cause(self, store: Store) -> None:
        await store.record_failure(replace(FAILURE, what="account main"), NOON)
        turn = await failed(store)
        assert [one.turn for one in await store.failures_of(FAILURE.ref)] == [turn, None]

    async def test_those_without_a_turn_go_after_a_hundred_days_and_those_of_turns_do_not(
        self, store: Store
    ) -> None:
        turn = await failed(store)
        for days in (0, 50, 101):
            await store.record_failure(Failure(f"DAY{days}", Code.STORE), NOON + timedelta(days=days))
        found = await store.failures()
        assert [one.failure.ref for one in found] == ["DAY101", "DAY50", FAILURE.ref]
        assert found[-1].turn == turn


class TestPrivacy:
    """A cause may quote the question."""

    async def test_a_failure_goes_with_the_words_of_its_question(self, store: Store) -> None:
        await failed(store, "m1", replace(FAILURE, ref="OLD234"))
        await failed(store, "m2", replace(FAILURE, ref="ELSE22"), place=replace(PLACE, channel="C2"))
        while await store.expire_channel(PLACE, NOON + timedelta(days=1)):
            pass
        assert [one.failure.ref for one in await store.failures()] == ["ELSE22"]

    async def test_it_is_gone_once_its_asker_or_its_thread_is_forgotten(self, store: Store) -> None:
        await failed(store)
        await store.forget_thread(PLACE, NOON + timedelta(days=1))
        assert await store.failures() == []
        await failed(store, "m2")
        await store.forget_person("slack", "T1", ANN.id, NOON + timedelta(days=1))
        assert await store.failures() == []


async def test_no_token_that_an_error_quotes_is_stored(sql_store: SqlStore) -> None:
    quoting = replace(FAILURE, detail="401 for Bearer abcdef123 at https://me:hunter2@host/?key=sk-123456")
    await sql_store.record_failure(quoting, NOON)
    [stored] = await sql_store.failures()
    assert stored.failure.detail.startswith("401 for Bearer [redacted] at https://me:[redacted]@host/")
    assert not any(word in stored.failure.detail for word in ("abcdef123", "hunter2", "123456"))


class TestRetry:
    async def test_a_failed_turn_waits_again_and_is_asked_once(self, store: Store) -> None:
        turn = await failed(store)
        again = await store.retry_failed(turn.id)
        assert isinstance(again, Turn)
        assert (again.again_of, again.state, again.ask.text) == (turn.id, TurnState.WAITING, turn.ask.text)
        assert again.payer == ANN
        assert await store.open_turns() == [again]
        assert await store.retry_failed(turn.id) is RetryRefusal.RETRIED
        assert [one.retry for one in await store.failures_of(FAILURE.ref)] == [again.id]

    async def test_one_that_fails_again_is_asked_again_itself(self, store: Store) -> None:
        first = await failed(store)
        again = await store.retry_failed(first.id)
        assert isinstance(again, Turn)
        end = Finish(await store.begin(again.id), TurnState.FAILED, failure=replace(FAILURE, ref="NEXT22"))
        await store.finish(end)
        assert isinstance(await store.retry_failed(again.id), Turn)

    @pytest.mark.parametrize(
        ("task", "then"),
        [(Summarize(True, 5), Summarize(True, 5)), (ContinueAnswer(), ANSWER), (ANSWER, ANSWER)],
    )
    async def test_the_same_is_done_as_by_the_button(self, store: Store, task: Task, then: Task) -> None:
        again = await store.retry_failed((await failed(store, task=task)).id)
        assert isinstance(again, Turn)
        assert again.ask.task == then

    async def test_what_has_not_failed_is_refused_with_the_reason(self, store: Store) -> None:
        whole, waiting = await answered(store, ask("m1")), await accepted(store, ask("m2"))
        assert await store.retry_failed(whole.id) is RetryRefusal.NOT_FAILED
        assert await store.retry_failed(waiting.id) is RetryRefusal.NOT_FAILED
        assert await store.retry_failed(waiting.id + 7) is RetryRefusal.UNKNOWN

    async def test_an_alert_is_no_question_and_a_forgotten_one_is_none_any_more(self, store: Store) -> None:
        told = announcement("alert:1", replace(PLACE, thread=""), Alert("database", Code.STORE), NOON, "broken")
        alert = await store.begin((await accepted(store, told)).id)
        await store.finish(Finish(alert, TurnState.FAILED, failure=FAILURE))
        assert await store.retry_failed(alert.id) is RetryRefusal.NO_QUESTION
        turn = await failed(store)
        await store.forget_thread(PLACE, NOON + timedelta(days=1))
        assert await store.retry_failed(turn.id) is RetryRefusal.FORGOTTEN


def test_a_cause_names_the_last_request_of_the_question() -> None:
    error = ModelError(Code.SERVER_ERROR, "overloaded", status=503, request_id="r1")
    assert error_to_failure(error).tries == 0
    assert (error_to_failure(error).status, error_to_failure(error).ref) == (503, error.ref)
