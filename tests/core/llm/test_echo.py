"""A quotation of the request is distinguished from the endpoint's own words, in any form."""

from __future__ import annotations

import html
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.llm.echo import MARK, RUN, SentRequest

QUESTION = 'Why is there "402 payment required"? My balance\nis insufficient, says Grüße & Co.'
SENT = SentRequest("gpt-4o", ("You are Parley.", f"Alice: {QUESTION}"))
CHINESE = SentRequest("m", ("小明: 为什么提示余额不足？请解释",))


@pytest.mark.parametrize(
    "quoted",
    [
        QUESTION,
        QUESTION.upper(),
        QUESTION.casefold(),
        " ".join(QUESTION.split()),
        "".join(QUESTION.split()),
        json.dumps(QUESTION),
        json.dumps(json.dumps(QUESTION)),
        html.escape(QUESTION),
        QUESTION[:40],
        QUESTION[7:60],
        f"Alice: {QUESTION[:30]}",
    ],
)
def test_a_quotation_is_cut_out_however_it_is_written(quoted: str) -> None:
    own = SENT.cut_from(f"Unprocessable input: {quoted} (request id: 7)")
    assert own.startswith("Unprocessable input: ")
    assert own.endswith("(request id: 7)")
    assert not any(word in own.lower() for word in ("payment", "balance", "402"))


@pytest.mark.parametrize("quoted", ["为什么提示余额不足", "提示余额不足", "余额不足\\u8bf7\\u89e3", "余额不足"])
def test_four_chinese_characters_are_a_quotation(quoted: str) -> None:
    assert CHINESE.cut_from(f"输入无效：{quoted}") == f"输入无效：{MARK}"


def test_words_of_the_endpoint_stay() -> None:
    for said in ("insufficient balance (1008)", "Your balance is too low", "model not found", "余额已用完"):
        assert SENT.cut_from(said) == said
        assert CHINESE.cut_from(said) == said


@pytest.mark.parametrize("question", ["fire Bob?", "Alice: fire Bob?", "解雇他"])
def test_a_short_question_is_cut_out_whole(question: str) -> None:
    asked = question.rpartition(": ")[2]
    assert (
        SentRequest("m", ("You are Parley.", question)).cut_from(f"Bad input {asked!r}")
        == f"Bad input '{MARK}'"
    )


def test_a_short_question_leaves_longer_words_alone() -> None:
    assert SentRequest("m", ("ode",)).cut_from("no such model or node") == "no such model or node"


def test_the_name_of_the_model_is_the_endpoints_word() -> None:
    assert (
        SENT.without_model("models/GPT-4o is not found, nor gpt-4o-mini")
        == "model is not found, nor gpt-4o-mini"
    )
    assert SentRequest("large").without_model("entity too large") == "entity too large"


def test_it_is_known_whether_all_of_some_words_were_sent() -> None:
    assert SENT.holds("payment  REQUIRED")
    assert not SENT.holds("payment declined")
    assert not SENT.holds("")


@given(st.text(), st.text(), st.text())
def test_what_was_sent_never_stays_and_what_was_not_is_kept(before: str, question: str, after: str) -> None:
    sent = SentRequest("m", (question,))
    own = sent.cut_from(f"{before}\n{question}\n{after}")
    assert MARK in own or question not in own or len(question) < RUN or not sent.holds(question)
    assert SentRequest("m", ()).cut_from(before) == before


@pytest.mark.parametrize("said", ["a" * 4_000, "aaaaaaaaaaaab" * 300, "\\u0061" * 700, "&amp;" * 800])
def test_the_work_is_linear_in_what_was_sent(said: str) -> None:
    def cost_s(size: int) -> float:
        sent = SentRequest("m", ("a" * size,))
        began = time.process_time()
        sent.cut_from(said)
        return time.process_time() - began

    short, long = (min(cost_s(size) for _ in range(3)) for size in (20_000, 200_000))
    assert long < 40 * short + 0.1
