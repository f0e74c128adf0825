"""The offline model: honest in its first sentence, and good to look at."""

from core.clock import Clock
from core.llm import create_model
from core.llm.catalog import environment_to_catalog
from core.llm.offline import OfflineModel, compose
from core.operators.alerts import OperatorAlerts
from core.ports.model import Request
from core.settings.environment import CoreSettings
from core.values.conversation import text_message
from core.values.deltas import Ended, EndReason
from core.values.parts import Text
from tests.fakes.clock import FakeClock


def request(*said: str) -> Request:
    return Request(
        (text_message("system", "Be brief."), *(text_message("user", text) for text in said)), "GPT-5.5"
    )


def offline(clock: Clock) -> OfflineModel:
    settings = CoreSettings(_env_file=None, openai_api_key=None)
    model = create_model(settings, environment_to_catalog(settings), clock, OperatorAlerts(clock))
    assert isinstance(model, OfflineModel)
    return model


async def test_without_a_key_the_offline_model_answers_word_by_word() -> None:
    clock = FakeClock(jumps=True)
    model = offline(clock)
    deltas = [delta async for delta in model.stream(request("What is a thread?"))]
    await model.close()
    texts = [delta.text for delta in deltas if isinstance(delta, Text)]
    assert "".join(texts) == compose(request("What is a thread?"))
    assert 35 < len(texts) / clock.monotonic() < 45
    end = deltas[-1]
    assert isinstance(end, Ended)
    assert (end.reason, end.model) == (EndReason.STOP, "offline")
    assert end.usage is not None
    assert end.usage.estimated
    assert end.usage.completion_tokens == len(texts)


def test_first_sentence_says_what_it_is_and_what_to_set() -> None:
    first = compose(request("Hi")).partition("\n")[0]
    assert "built-in offline model, not a real one" in first
    assert all(name in first for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL"))


def test_chinese_is_answered_in_chinese() -> None:
    first = compose(request("Slack 里的话题是什么？")).partition("\n")[0]
    assert "内置的离线模型" in first
    assert "OPENAI_API_KEY" in first
    assert "offline" in compose(request("What does 你好 mean?"))


def test_question_is_repeated_as_a_quote() -> None:
    assert "\n> one\n> two {x}\n" in compose(request("one\ntwo {x}"))
    assert len(compose(request("x" * 10_000))) < 2000
    assert "this thread held 1 other message." in compose(request("a", "b"))
    assert "还有 2 条消息" in compose(request("a", "b", "你好吗"))


def test_page_can_be_judged() -> None:
    for question in ("Hi", "你好"):
        text = compose(request(question))
        assert text.count("```") == 2
        assert "|---|---|" in text
        assert "1. **" in text


def test_nobody_asked_anything_is_no_crash() -> None:
    assert compose(Request((), "x"))
