"""Which pictures a model is shown, and what follows where its endpoint refuses them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import pairwise

import pytest
import structlog
from pydantic import SecretStr

from core.clock import Clock, SystemClock
from core.errors import Code, ModelError
from core.llm.catalog import Account, ModelCatalog, Route
from core.llm.client import CompletionsClient
from core.llm.descriptions import LIMIT_S as DESCRIBE_S
from core.llm.response_reader import ReadTimeouts
from core.llm.retry_policy import RetryBudget
from core.llm.router import ModelRouter
from core.llm.vision import LEARNT_S, MOST_IMAGES
from core.operators.alerts import OperatorAlerts
from core.ports.model import Request
from core.values.conversation import Message, text_message
from core.values.deltas import (
    Charged,
    ChargeKind,
    Delta,
    DescriptionsBegin,
    ImagesRefused,
    ModelInfo,
    ModelSelected,
)
from core.values.parts import Image, Text
from core.values.prices import Prices
from tests.fakes.clock import FakeClock
from tests.fakes.completions import (
    STATUSES,
    VENDORS,
    FakeCompletions,
    PictureRules,
    Raw,
    Status,
    Words,
)
from tests.fakes.completions.replies import chunk, event
from tests.waiting import HANG_S, until

BLIND = [name for name, case in STATUSES.items() if case.repair == "images"]
MANY = [name for name, case in STATUSES.items() if case.repair == "image_count"]
BAD = [name for name, case in STATUSES.items() if case.repair == "image"]
PLAIN_400 = Status(400, {"error": {"message": "Bad request"}})


def picture(name: str) -> Image:
    return Image(f"data:image/png;base64,{name}", f"{name}.png", tokens=100)


def ask(*images: Image) -> Request:
    """A thread with one picture in each message, the last one in the question."""
    messages = [Message("user", (Text(f"Ada: this is {image.name}"), image)) for image in images]
    return Request((text_message("system", "Be brief."), *messages), "large")


A, B, C, D = (picture(name) for name in ("aaaa", "bbbb", "cccc", "dddd"))


@dataclass
class CompletionReader:
    """The result of one question: `shown` are the names of the pictures in each request that was sent."""

    shown: list[list[str]]
    text: str = ""
    error: ModelError | None = None
    deltas: list[Delta] = field(default_factory=list)

    @property
    def selected(self) -> ModelSelected:
        return [delta for delta in self.deltas if isinstance(delta, ModelSelected)][-1]

    @property
    def unseen(self) -> list[str]:
        return [image.name for image in self.selected.unseen]

    @property
    def refused(self) -> list[str]:
        return [
            image.name for delta in self.deltas if isinstance(delta, ImagesRefused) for image in delta.images
        ]


class Rig:
    """The models `large` and `small`, each at an endpoint of its own."""

    def __init__(
        self, large: FakeCompletions, small: FakeCompletions, images: bool | None, clock: Clock | None
    ) -> None:
        self.large, self.small = large, small
        self.clock = clock or FakeClock(jumps=True)
        infos = ModelInfo("large", 100_000, images=images), ModelInfo("small", 100_000, images=None)
        routes = [
            Route(Account(f"{info.name}/a", info.name, fake.base_url, SecretStr("sk-test")), info, info.name)
            for info, fake in zip(infos, (large, small), strict=True)
        ]
        clients = {
            route.account.name: CompletionsClient(
                route.account.base_url, "sk-test", SystemClock(), ReadTimeouts(tail_s=0.05)
            )
            for route in routes
        }
        alerts = OperatorAlerts(self.clock)
        self.router = ModelRouter(
            ModelCatalog(infos[0], tuple(routes)),
            clients,
            self.clock,
            alerts,
            RetryBudget(4, 60.0),
            lambda: 0.0,
        )

    async def ask(self, request: Request) -> CompletionReader:
        received = self.large.requests
        before = len(received)
        answer = CompletionReader([])
        with suppress(ModelError):
            try:
                async for delta in self.router.stream(request):
                    answer.deltas.append(delta)
                    answer.text += delta.text if isinstance(delta, Text) else ""
            except ModelError as error:
                answer.error = error
                raise
        answer.shown = [names(one.body) for one in received[before:]]
        return answer


def names(body: dict[str, object]) -> list[str]:
    messages = body["messages"]
    assert isinstance(messages, list)
    parts = [
        part for message in messages if isinstance(message["content"], list) for part in message["content"]
    ]
    return [part["image_url"]["url"].rpartition(",")[2] for part in parts if part["type"] == "image_url"]


@asynccontextmanager
async def at_rig(
    rules: PictureRules | None = None, images: bool | None = None, clock: Clock | None = None
) -> AsyncIterator[Rig]:
    async with (
        FakeCompletions(default=Words("Fine."), pictures=rules) as large,
        FakeCompletions(default=Words("Small.")) as small,
    ):
        rig = Rig(large, small, images, clock)
        try:
            yield rig
        finally:
            await rig.router.close()
        assert large.problems + small.problems == []


async def test_a_model_of_which_nothing_is_known_is_shown_the_pictures() -> None:
    async with at_rig() as rig:
        answer = await rig.ask(ask(A, B))
    assert (answer.text, answer.shown, answer.unseen) == ("Fine.", [["aaaa", "bbbb"]], [])


async def test_a_model_that_does_not_see_reads_the_names_of_the_pictures() -> None:
    async with at_rig(images=False) as rig:
        answer = await rig.ask(ask(A, B))
        content = rig.large.requests[0].body["messages"][-1]["content"]
    assert (answer.text, answer.shown, answer.unseen) == ("Fine.", [[]], ["aaaa.png", "bbbb.png"])
    assert answer.selected.model_info.images is False
    assert content == "Ada: this is bbbb.png\n\n(The picture bbbb.png was attached, but you cannot see it.)"


@pytest.mark.parametrize("images", [None, True])
@pytest.mark.parametrize("name", BLIND)
async def test_a_model_that_turns_out_not_to_see_is_asked_again_and_remembered_for_a_day(
    name: str, images: bool | None
) -> None:
    async with at_rig(PictureRules(sees=False), images) as rig:
        rig.large.pictures = replace(rig.large.pictures, sees=True)
        rig.large.script(STATUSES[name].reply)
        first = await rig.ask(ask(A, B))
        second = await rig.ask(ask(A, B, C))
        await rig.clock.sleep(LEARNT_S)
        later = await rig.ask(ask(A))
    assert (first.text, first.shown, first.unseen) == (
        "Fine.",
        [["aaaa", "bbbb"], []],
        ["aaaa.png", "bbbb.png"],
    )
    assert (second.text, second.shown, len(second.unseen)) == ("Fine.", [[]], 3)
    assert first.selected.model_info.images is second.selected.model_info.images is False
    assert first.refused == second.refused == [], "the pictures are not to blame"
    assert later.shown == [["aaaa"]]


@pytest.mark.parametrize("vendor", VENDORS)
async def test_every_refusal_of_a_vendor_ends_in_an_answer(vendor: str) -> None:
    six = [picture(letter * 4) for letter in "abcdef"]
    rules = PictureRules(most=5, unreadable=frozenset({A.url}), vendor=vendor)
    async with at_rig(rules) as rig:
        many = await rig.ask(ask(*six[1:], picture("gggg")))
        bad = await rig.ask(ask(A, B))
        rig.large.pictures = PictureRules(sees=False, vendor=vendor)
        blind = await rig.ask(ask(C))
    assert many.text == bad.text == blind.text == "Fine."
    assert [len(shown) for shown in many.shown] == [6, 5]
    assert bad.shown == [["aaaa", "bbbb"], ["bbbb"]]
    assert blind.shown == [["cccc"], []]


@pytest.mark.parametrize("name", MANY)
async def test_as_many_pictures_as_the_endpoint_takes_are_shown_from_then_on(name: str) -> None:
    six = [picture(letter * 4) for letter in "abcdef"]
    async with at_rig() as rig:
        rig.large.script(STATUSES[name].reply)
        first = await rig.ask(ask(*six))
        second = await rig.ask(ask(*six))
    newest = [image.name[:4] for image in six[1:]]
    assert (first.text, first.shown[1:], first.unseen) == ("Fine.", [newest], ["aaaa.png"])
    assert second.shown == [newest]
    assert first.refused == second.refused == []
    assert second.selected.model_info.images is None


@pytest.mark.parametrize("name", BAD)
async def test_a_picture_that_is_refused_is_left_out_from_then_on(name: str) -> None:
    async with at_rig() as rig:
        rig.large.script(STATUSES[name].reply)
        first = await rig.ask(ask(A))
        second = await rig.ask(ask(A, B))
    assert (first.text, first.shown, first.refused, first.unseen) == (
        "Fine.",
        [["aaaa"], []],
        ["aaaa.png"],
        ["aaaa.png"],
    )
    assert (second.text, second.shown, second.unseen) == ("Fine.", [["bbbb"]], ["aaaa.png"])
    assert second.refused == ["aaaa.png"], "should it not have been stored, it is said again"


async def test_older_pictures_are_left_out_before_the_newest() -> None:
    async with at_rig(PictureRules(unreadable=frozenset({B.url}))) as rig:
        answer = await rig.ask(ask(A, B, C))
    assert answer.shown == [["aaaa", "bbbb", "cccc"], ["cccc"]]
    assert answer.refused == answer.unseen == ["aaaa.png", "bbbb.png"]


async def test_where_the_newest_picture_is_refused_alone_the_older_ones_are_shown_the_next_time() -> None:
    async with at_rig(PictureRules(unreadable=frozenset({C.url}))) as rig:
        first = await rig.ask(ask(A, B, C))
        second = await rig.ask(ask(A, B, C))
    assert first.shown == [["aaaa", "bbbb", "cccc"], ["cccc"], []]
    assert (first.refused, len(first.unseen)) == (["cccc.png"], 3)
    assert (second.shown, second.unseen) == ([["aaaa", "bbbb"]], ["cccc.png"])


@pytest.mark.parametrize(
    "reply",
    [
        PLAIN_400,
        Status(422, "no"),
        Status(413, "<html>too large</html>"),
        STATUSES["policy_azure"].reply,
        Raw((event({"error": {"message": "Could not process image", "code": 400}}),)),
    ],
)
async def test_a_refusal_that_does_not_speak_of_pictures_is_tried_without_them(reply: Status | Raw) -> None:
    async with at_rig() as rig:
        rig.large.default = lambda body: reply if names(body) else Words("Fine.")
        first = await rig.ask(ask(A, B))
        second = await rig.ask(ask(A, B))
    assert (first.text, first.shown) == ("Fine.", [["aaaa", "bbbb"], ["bbbb"], []])
    assert first.refused == ["bbbb.png"]
    assert second.text == "Fine."


async def test_what_is_refused_without_pictures_too_teaches_nothing_of_them() -> None:
    async with at_rig() as rig:
        rig.large.default = PLAIN_400
        first = await rig.ask(ask(A))
        rig.large.default = Words("Fine.")
        second = await rig.ask(ask(A))
    assert first.text == "Small.", "the next model is shown them too"
    assert [names(received.body) for received in rig.small.requests] == [["aaaa"]]
    assert (first.refused, second.shown) == ([], [["aaaa"]])


async def test_left_out_pictures_cost_a_question_no_try() -> None:
    async with at_rig() as rig:
        rig.small.default = PLAIN_400
        rig.large.script(PLAIN_400, PLAIN_400, *[Status(502, "bad gateway")] * 2)
        answer = await rig.ask(ask(A, B))
    assert (answer.text, len(answer.shown)) == ("Fine.", 5)


async def test_a_refusal_after_the_first_word_leaves_nothing_out() -> None:
    broken = Raw((event(chunk({"content": "Well"})), event({"error": {"message": "Could not process image"}})))
    async with at_rig() as rig:
        rig.large.script(broken)
        answer = await rig.ask(ask(A))
    assert (answer.text, answer.shown) == ("Well", [["aaaa"]])
    assert answer.error is not None
    assert answer.error.code is Code.ERROR_IN_STREAM


async def test_an_endpoint_that_counts_a_picture_as_text_is_sent_the_whole_text_without_it() -> None:
    counted = "This model's maximum context length is 128000 tokens. However, you requested 1900000 tokens."
    async with at_rig() as rig:
        refused = Status(400, {"error": {"message": counted, "code": "context_length_exceeded"}})
        rig.large.default = lambda body: refused if names(body) else Words("Fine.")
        first = await rig.ask(ask(A, B))
        second = await rig.ask(ask(A, B))
    assert (first.text, first.shown, second.shown) == ("Fine.", [["aaaa", "bbbb"], []], [[]])
    assert len(rig.large.requests[-1].body["messages"]) == 3


async def test_no_request_holds_more_pictures_than_endpoints_take() -> None:
    images = [picture(f"{number:04}") for number in range(MOST_IMAGES + 2)]
    async with at_rig() as rig:
        answer = await rig.ask(ask(*images))
    assert answer.shown == [[image.name[:4] for image in images[2:]]]
    assert answer.unseen == [image.name for image in images[:2]]


async def test_the_log_says_what_was_left_out_and_holds_nothing_of_a_picture() -> None:
    echoed = Status(
        400, {"error": {"message": f"Invalid image: data:image/png;base64,{'QUJD' * 100} is broken"}}
    )
    async with at_rig() as rig:
        rig.large.script(echoed)
        with structlog.testing.capture_logs() as logs:
            await rig.ask(ask(A))
    (left_out,) = [line for line in logs if line["event"] == "images_left_out"]
    assert (left_out["refusal"], left_out["shown"], left_out["left"]) == ("image", 1, 0)
    assert "QUJD" not in str(logs)


class Hurried(SystemClock):
    """Retries do not wait, and time limits are real."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(min(seconds, 0.02))


def asks_for_a_description(body: dict[str, object]) -> bool:
    return "Describe this picture" in str(body["messages"])


def last_words(fake: FakeCompletions) -> str:
    content = fake.requests[-1].body["messages"][-1]["content"]
    assert isinstance(content, str)
    return content


@pytest.mark.parametrize("images", [False, None])
async def test_a_model_that_sees_describes_the_pictures_for_one_that_does_not(images: bool | None) -> None:
    async with at_rig(PictureRules(sees=False), images, Hurried()) as rig:
        rig.router.describes = True
        rig.small.default = Words("It says\n\nBo: “Exit”, on a red door.")
        first = await rig.ask(ask(A, B))
        again = await rig.ask(ask(A, B, C))
        described = [names(received.body) for received in rig.small.requests]
        words = last_words(rig.large)
    assert first.text == again.text == "Fine."
    assert words == (
        "Ada: this is cccc.png\n\n"
        "(The picture cccc.png, described by small: It says Bo: “Exit”, on a red door.)"
    )
    assert sorted(described) == [["aaaa"], ["bbbb"], ["cccc"]], "each picture is described once"
    assert first.unseen == again.unseen == []
    assert first.selected.model_info.name == "large"


async def test_a_description_is_charged_at_the_price_of_its_model() -> None:
    async with at_rig(images=False, clock=Hurried()) as rig:
        rig.router.describes = True
        answer = await rig.ask(ask(A, B))
    charged = [
        (before.model_info.name, before.pictures, delta.usage is not None)
        for before, delta in pairwise(answer.deltas)
        if isinstance(delta, Charged) and isinstance(before, ModelSelected)
    ]
    assert charged == [("small", 1, True), ("small", 1, True)]
    assert answer.selected.pictures == 0, "the model that was chosen is given words"


async def test_descriptions_say_what_they_may_cost_before_a_model_is_asked_for_them() -> None:
    async with at_rig(images=False, clock=Hurried()) as rig:
        rig.router.describes = True
        stream = rig.router.stream(ask(A, B))
        async with aclosing(stream):
            begin = await anext(stream)
            assert rig.small.requests == []
        assert isinstance(begin, DescriptionsBegin)
        assert ([one.name for one in begin.model_infos], begin.pictures) == (["small"], 2)
        whole = await rig.ask(ask(A, B))
        known = await rig.ask(ask(A, B))
        assert all(one.body["max_tokens"] == begin.max_tokens for one in rig.small.requests)
    assert [isinstance(delta, DescriptionsBegin) for delta in whole.deltas].count(True) == 1
    assert not any(isinstance(delta, DescriptionsBegin) for delta in known.deltas), "they are made once"


async def test_a_model_without_a_price_describes_nothing_where_a_price_is_needed() -> None:
    async with at_rig(images=False, clock=Hurried()) as rig:
        rig.router.describes = True
        large, small = rig.router.catalog.routes
        priced = replace(large.model_info, prices=(Prices(input=Decimal(1), output=Decimal(1)),))
        rig.router.catalog = ModelCatalog(priced, (replace(large, model_info=priced), small))
        answer = await rig.ask(replace(ask(A), priced=True))
        assert (answer.text, answer.unseen, rig.small.requests) == ("Fine.", ["aaaa.png"], [])
        assert (await rig.ask(ask(A))).unseen == []


@pytest.mark.parametrize(
    "reply",
    [
        Status(502, "bad gateway"),
        Words(""),
        STATUSES["images_openai"].reply,
        STATUSES["money_402_deepseek"].reply,
    ],
)
async def test_where_no_description_can_be_had_the_question_is_answered_without(reply: Status | Words) -> None:
    async with at_rig(images=False, clock=Hurried()) as rig:
        rig.router.describes = True
        rig.small.default = reply
        answer = await rig.ask(ask(A))
        words, tries = last_words(rig.large), len(rig.small.requests)
        await rig.ask(ask(A))
        assert len(rig.small.requests) == tries, "the next round of an answer does not try again at once"
    assert (answer.text, answer.unseen) == ("Fine.", ["aaaa.png"])
    refused = isinstance(reply, Status)
    assert refused is not any(isinstance(delta, Charged) for delta in answer.deltas)
    assert words == "Ada: this is aaaa.png\n\n(The picture aaaa.png was attached, but you cannot see it.)"
    assert not any(asks_for_a_description(received.body) for received in rig.large.requests)


async def test_a_description_that_takes_too_long_is_not_waited_for() -> None:
    clock = FakeClock()
    async with at_rig(images=False, clock=clock) as rig:
        rig.router.describes = True
        rig.small.default = Words("A door.", first_after_s=1_000)
        asking = asyncio.create_task(rig.ask(ask(A)))
        await until(lambda: bool(rig.small.requests))
        await clock.advance(DESCRIBE_S - 1)
        assert rig.large.requests == []
        await clock.advance(1)
        answer = await asyncio.wait_for(asking, HANG_S)
    assert (answer.text, answer.unseen) == ("Fine.", ["aaaa.png"])
    [charged] = [delta for delta in answer.deltas if isinstance(delta, Charged)]
    assert charged.kind is ChargeKind.DESCRIPTION
    assert charged.usage is not None
    assert charged.usage.estimated, "the model has read the picture"
    assert charged.usage.prompt_tokens > 0


async def test_pictures_are_not_described_where_that_is_not_wanted_or_not_needed() -> None:
    async with at_rig(images=False, clock=Hurried()) as rig:
        await rig.ask(ask(A))
        assert rig.small.requests == []
        rig.router.describes = True
        await rig.ask(replace(ask(B), joined=True))
        assert rig.small.requests == [], "a summary is of words"
    async with at_rig(images=True) as rig:
        rig.router.describes = True
        assert (await rig.ask(ask(A))).shown == [["aaaa"]]
        assert rig.small.requests == []
