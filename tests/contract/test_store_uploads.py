"""Pictures of messages on every store."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.ports.store import Store
from core.values.conversation import Ask, Turn, TurnState
from core.values.events import Deleted
from core.values.outgoing import AnswerPicture
from core.values.parts import File, Image, Text, ToolCall, ToolResult
from core.values.places import Place
from core.values.steps import ModelRound, Step, ToolResults
from core.values.tasks import ANSWER
from core.values.turn_ends import Finish
from tests.contract.stored import ANN, BEN, ELSEWHERE, NOON, PICTURE, PLACE, ask


class TestUploads:
    """Small copies of the pictures of messages."""

    async def uploaded(self, store: Store, question: Ask, *sources: str) -> None:
        content = dict.fromkeys(sources, PICTURE)
        await store.put_uploads(question.place, question.id, question.at, content)
        await store.accept(question)

    async def sources(self, store: Store, message: str, place: Place = PLACE) -> list[str]:
        return [source for source in "abc" if await store.upload(place, message, source)]

    async def test_a_picture_comes_back_as_it_was_stored_first(self, store: Store) -> None:
        await self.uploaded(store, ask(), "a")
        await store.put_uploads(PLACE, "m1", NOON, {"a": replace(PICTURE, data=b"other"), "b": PICTURE})
        await store.put_uploads(PLACE, "m2", NOON, {})
        assert await store.upload(PLACE, "m1", "a") == PICTURE
        assert await store.upload(replace(PLACE, thread=""), "m1", "b") == PICTURE
        assert await self.sources(store, "m2") == []
        assert await self.sources(store, "m1", replace(PLACE, channel="C2")) == []

    async def test_it_goes_with_its_message(self, store: Store) -> None:
        for message in ("m1", "m2"):
            await self.uploaded(store, ask(message), "a", "b")
        await store.delete(Deleted(PLACE, "m1"))
        assert await self.sources(store, "m1") == []
        assert await self.sources(store, "m2") == ["a", "b"]

    async def test_it_is_discarded_only_where_its_message_was_not_taken(self, store: Store) -> None:
        await self.uploaded(store, ask("m1"), "a")
        await store.put_uploads(PLACE, "m2", NOON, {"a": PICTURE})
        for message in ("m1", "m2"):
            await store.discard_uploads(PLACE, message)
        assert [await self.sources(store, message) for message in ("m1", "m2")] == [["a"], []]

    async def test_forgetting_a_thread_or_a_person_removes_theirs_alone(self, store: Store) -> None:
        await self.uploaded(store, ask("m1"), "a")
        await self.uploaded(store, ask("m2", place=ELSEWHERE), "a")
        await self.uploaded(store, ask("m3", place=ELSEWHERE, by=BEN), "a")
        await self.uploaded(store, ask("m4", place=replace(PLACE, team="T2")), "a")
        await store.forget_thread(PLACE, NOON)
        assert [await self.sources(store, message) for message in ("m1", "m2")] == [[], ["a"]]
        await store.forget_person("slack", "T1", ANN.id, NOON)
        assert [await self.sources(store, message) for message in ("m2", "m3")] == [[], ["a"]]
        assert await self.sources(store, "m4", replace(PLACE, team="T2")) == ["a"]

    async def answered(self, store: Store, turn: Turn, message: str) -> None:
        """The turn ends with a picture that was stored before."""
        await store.put_uploads(turn.ask.place, message, NOON, {"a": PICTURE})
        shown = AnswerPicture("a", "Picture from a tool", "image/jpeg", PICTURE.data)
        await store.finish(Finish(turn, TurnState.DONE, "Here.", posted=(message,), pictures=(shown,)))

    async def test_that_of_an_answer_is_named_and_goes_with_it(self, store: Store) -> None:
        for number in (1, 2, 3):
            turn = await store.accept(ask(f"m{number}", place=PLACE if number < 3 else ELSEWHERE))
            assert turn is not None
            await self.answered(store, turn, f"p{number}")
            again = await store.retry_turn(turn.id, ANSWER) if number == 1 else None
            if again is not None:
                await self.answered(store, again, "p1-anew")
        answer = (await store.lines(PLACE))[1]
        assert answer.attached == (File("Picture from a tool", "image/jpeg", size=3, source="a"),)
        kept = {message: await self.sources(store, message) for message in ("p1", "p1-anew", "p2")}
        assert kept == {"p1": [], "p1-anew": ["a"], "p2": ["a"]}, "an answer that was given anew is gone"
        await store.forget_thread(PLACE, NOON)
        assert [await self.sources(store, message) for message in ("p1-anew", "p2", "p3")] == [[], [], ["a"]]
        await store.forget_person("slack", "T1", ANN.id, NOON)
        assert await self.sources(store, "p3", ELSEWHERE) == []

    async def test_that_of_an_answer_which_was_forgotten_meanwhile_is_not_kept(self, store: Store) -> None:
        turn = await store.accept(ask("m1"))
        assert turn is not None
        await store.forget_person("slack", "T1", ANN.id, NOON)
        await self.answered(store, turn, "p1")
        assert await self.sources(store, "p1") == []

    @pytest.mark.parametrize("of", ["thread", "person"])
    async def test_that_of_an_open_answer_goes_when_its_question_is_forgotten_and_none_follows(
        self, store: Store, of: str
    ) -> None:
        turn = await store.accept(ask("m1"))
        other = await store.accept(ask("m2", place=ELSEWHERE, by=BEN))
        assert turn is not None
        assert other is not None
        for one, message in ((turn, "p1"), (other, "p2")):
            await store.begin(one.id)
            await store.checkpoint([(one.id, "Here.", (message,))])
            await store.put_uploads(one.ask.place, message, NOON, {"a": PICTURE}, one.id)
        if of == "thread":
            await store.forget_thread(PLACE, NOON)
        else:
            await store.forget_person("slack", "T1", ANN.id, NOON)
        await store.put_uploads(PLACE, "p1", NOON, {"b": PICTURE}, turn.id)
        assert [await self.sources(store, message) for message in ("p1", "p2")] == [[], ["a"]]

    async def test_a_reset_keeps_it_for_its_readers(self, store: Store) -> None:
        await self.uploaded(store, ask(), "a")
        await store.reset(PLACE, NOON + timedelta(seconds=1))
        assert await self.sources(store, "m1") == ["a"]

    async def test_old_ones_expire(self, store: Store) -> None:
        await self.uploaded(store, ask("m1"), "a", "b")
        await self.uploaded(store, ask("m2", after_s=60), "c")
        assert await store.expire_uploads(NOON + timedelta(seconds=60)) == 2
        assert [await self.sources(store, message) for message in ("m1", "m2")] == [[], ["c"]]
        assert await store.expire_uploads(NOON + timedelta(seconds=60)) == 0

    async def test_old_ones_of_tool_results_expire_and_the_words_stay(self, store: Store) -> None:
        turn = await store.accept(ask("m1"))
        assert turn is not None
        await store.begin(turn.id)
        words = '"image": {"url": "data:image/png"}'
        shown = ToolResult("call_1", words, Image("data:image/png;base64,aGVsbG8="))
        steps: list[Step] = [
            ModelRound((Text(words), ToolCall("call_1", "draw", "{}"), ToolCall("call_2", "draw", "{}"))),
            ToolResults((shown, ToolResult("call_2", words))),
        ]
        await store.put_steps(turn.id, 0, steps)
        assert await store.expire_uploads(NOON - timedelta(days=1)) == 0
        assert await store.steps(turn.id) == steps
        later = datetime(9000, 1, 1, tzinfo=UTC)
        assert await store.expire_uploads(later) == 1
        assert await store.steps(turn.id) == [
            steps[0],
            ToolResults((replace(shown, image=None), ToolResult("call_2", words))),
        ]
        assert await store.expire_uploads(later) == 0

    async def test_a_name_that_no_database_takes_is_stored_without_that(self, store: Store) -> None:
        await store.put_uploads(PLACE, "m1", NOON, {"a": replace(PICTURE, name="a\0b\ud800")})
        found = await store.upload(PLACE, "m1", "a")
        assert found is not None
        assert found.name == "ab?"
