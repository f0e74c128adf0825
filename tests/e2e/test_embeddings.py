"""Questions that were answered before in other words: found by their meaning, where a model makes vectors."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.conftest import model_settings, talk_on
from tests.e2e.program import Program
from tests.e2e.sides import Side, Talk
from tests.e2e.test_asked_before import offered
from tests.fakes.completions import FakeCompletions, Raw, Words, call_tools, hashed
from tests.waiting import until

QUESTION = "How do I reset my password?"
PARAPHRASE = "I forgot the login credentials"
"""No word of the question is in it."""
ANSWER = "Ask Ben for a new one."
TRIES = 5
EMBEDDED = {"PARLEY_EMBEDDING_MODEL": "small", "PARLEY_PRICE_EMBEDDING_INPUT": "2"}


async def answered(side: Talk, endpoint: FakeCompletions, question: str, answer: str) -> None:
    endpoint.script(Words(answer))
    await side.ask(question)
    await side.answered(answer[:10])
    await until(lambda: len(side.answers()[-1].buttons) > 1)


async def offered_first(side: Side, endpoint: FakeCompletions, question: str, answer: str) -> Side:
    """Ask a question in new threads until the first one is offered with it: an answer waits for no slow search."""
    for _ in range(TRIES):
        later = side.elsewhere()
        await answered(later, endpoint, question, answer)
        if QUESTION in [one["question"] for one in offered(endpoint)]:
            return later
    raise AssertionError("the first question was never offered")


async def test_a_paraphrase_without_a_common_word_is_offered_and_each_question_is_embedded_once(
    tmp_path: Path, side: Side, endpoint: FakeCompletions
) -> None:
    endpoint.embeddings = hashed
    async with Program(tmp_path, **side.settings, **model_settings(endpoint), **EMBEDDED):
        await answered(side, endpoint, QUESTION, ANSWER)
        await offered_first(side, endpoint, PARAPHRASE, "Ben has a new one.")
    assert endpoint.embedded[:2] == [QUESTION, PARAPHRASE]
    asked = [one for one in endpoint.requests if one.path.endswith("/completions")]
    assert len(endpoint.embedded) == len(asked), "each question once"


@pytest.mark.parametrize(("language", "found"), [("en", "Asked before, about"), ("zh", "以前问过")])
@pytest.mark.parametrize("platform", ["slack", "discord", "web"])
async def test_a_search_by_a_person_finds_a_paraphrase(
    tmp_path: Path, platform: str, language: str, found: str, endpoint: FakeCompletions
) -> None:
    endpoint.embeddings = hashed
    async with (
        talk_on(platform, language) as talk,
        Program(tmp_path, **talk.settings, **model_settings(endpoint), **EMBEDDED),
    ):
        await answered(talk, endpoint, QUESTION, ANSWER)
        told = await talk.elsewhere().search_told(PARAPHRASE)
    # a command of Discord says the reader's language
    assert ("Asked before, about" if platform == "discord" else found) in told
    assert QUESTION in told
    assert endpoint.embedded == [QUESTION, PARAPHRASE]


async def test_a_search_by_the_model_finds_a_paraphrase(
    tmp_path: Path, side: Side, endpoint: FakeCompletions
) -> None:
    endpoint.embeddings = hashed
    on = {"PARLEY_BUILTIN_TOOLS": "true"}
    async with Program(tmp_path, **side.settings, **model_settings(endpoint), **EMBEDDED, **on):
        await answered(side, endpoint, QUESTION, ANSWER)
        later = side.elsewhere()
        tool = [("search_earlier_threads", {"query": PARAPHRASE})]
        endpoint.reply_by(call_tools(tool, answer="Ben has one [1]."))
        await later.ask("What can I do now?")
        answer = await later.answered("Asked before:")
    assert QUESTION in answer.text
    assert PARAPHRASE in endpoint.embedded


async def test_answers_from_before_get_their_vectors_in_the_background(
    tmp_path: Path, side: Side, endpoint: FakeCompletions
) -> None:
    async with Program(tmp_path, **side.settings, **model_settings(endpoint)):
        await answered(side, endpoint, QUESTION, ANSWER)
    assert endpoint.embedded == []
    endpoint.embeddings = hashed
    async with Program(tmp_path, **side.settings, **model_settings(endpoint), **EMBEDDED):
        await until(lambda: endpoint.embedded == [QUESTION])
        await offered_first(side, endpoint, PARAPHRASE, "Ben has a new one.")


async def test_an_endpoint_that_makes_no_vectors_holds_no_answer_up(
    tmp_path: Path, side: Side, endpoint: FakeCompletions
) -> None:
    endpoint.embeddings = Raw((b'{"data": [',), end="hang")
    async with Program(tmp_path, **side.settings, **model_settings(endpoint), **EMBEDDED):
        await answered(side, endpoint, QUESTION, ANSWER)
        await offered_first(side, endpoint, "Is my password safe?", "Yes, it is.")
