"""Error bodies of every shape, and when they say to come back."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.llm.error_bodies import SAID_LENGTH, body_to_said, looks_like_error, one_line, value_to_said
from core.llm.wait_hints import wait_in_headers, wait_in_words

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "no", "code": "x"}},
        [{"error": {"message": "no", "code": "x"}}],
        {"error": [{"message": "no", "code": "x"}]},
        {"errors": [{"message": "no", "code": "x"}], "success": False},
        {"Response": {"Error": {"Code": "X", "Message": "no"}}},
        {"ResponseMetadata": {"Error": {"Code": "X", "Message": "no"}}},
        {"header": {"code": "x", "message": "no"}},
        {"error_code": "X", "error_msg": "no"},
        {"errorCode": "x", "errorMessage": "no"},
        {"error": {"metadata": {"raw": '{"error":{"code":"x","message":"no"}}'}}},
        {"error": {"message": 'litellm.BadRequestError: {"error":{"code":"x","message":"no"}}'}},
        {"detail": {"type": "x", "msg": "no"}},
        {"__type": "x", "message": "no"},
    ],
    ids=str,
)
def test_codes_and_words_are_found_in_every_shape(body: Any) -> None:
    said = value_to_said(body)
    assert "x" in said.names
    assert "no" in said.words


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ({"choices": None, "base_resp": {"status_code": 1004, "status_msg": "login fail"}}, True),
        ({"choices": [], "base_resp": {"status_code": 1002}}, True),
        ({"choices": [{"delta": {}}], "base_resp": {"status_code": 0, "status_msg": ""}}, False),
        ({"choices": [], "usage": {"prompt_tokens": 3}, "base_resp": {"status_code": 0}}, False),
        ({"choices": [], "usage": {"prompt_tokens": 3}}, False),
        ({"errors": [{"message": "no"}], "success": False}, True),
        ({"error": None, "choices": []}, False),
        ({"Response": {"Error": {"Code": "AuthFailure"}}}, True),
        ({"header": {"code": 10013, "message": "no"}}, True),
        ({"header": {"code": 0}}, False),
        ({"error_code": 17, "error_msg": "daily limit"}, True),
        ({"id": "x", "object": "chat.completion.chunk"}, False),
    ],
    ids=str,
)
def test_an_error_under_200_is_told_from_a_part_of_an_answer(value: dict[str, Any], error: bool) -> None:
    assert looks_like_error(value) is error


def test_a_body_of_no_known_fields_is_read_all_the_same() -> None:
    assert value_to_said({"oops": {"why": "no credits"}}).words == "no credits"
    assert body_to_said("plain words").words == "plain words"


@given(JSON)
def test_any_json_is_read_within_bounds(value: Any) -> None:
    said = body_to_said(json.dumps({"error": value}))
    assert len(said.words) <= SAID_LENGTH
    if isinstance(value, dict):
        looks_like_error(value)


def test_deep_and_long_bodies_are_read_within_bounds() -> None:
    assert len(body_to_said("[" * 100_000).words) <= SAID_LENGTH
    deep: Any = "no"
    for _ in range(500):
        deep = {"error": deep}
    assert value_to_said(deep).words == ""
    assert len(body_to_said(json.dumps({"error": "x" * 10**6})).words) == SAID_LENGTH


def test_a_page_is_read_without_its_tags() -> None:
    assert one_line("\ufeff <html><style>p{}</style><b>Bad</b>\n<i>gateway</i></html>") == "Bad gateway"


@pytest.mark.parametrize(
    ("headers", "expected_s"),
    [
        ({"retry-after": "7200"}, 7200),
        ({"retry-after": "Sun, 22 Nov 2026 15:00:00 GMT"}, 18_000),
        ({"retry-after": "1795345200"}, 3600),
        ({"retry-after": "1795345200000"}, 3600),
        ({"retry-after": "1595345200"}, 0),
        ({"retry-after": "2h"}, 7200),
    ],
)
def test_a_long_wait_in_a_header_is_read(headers: dict[str, str], expected_s: float) -> None:
    assert wait_in_headers(headers, NOW) == expected_s


@pytest.mark.parametrize(
    ("said", "expected_s"),
    [
        ("please try again in 3h2m24s.", 10_944),
        ("please try again in 2 days", 172_800),
        ("resets in 5 hours and 30 minutes", 19_800),
        ("quota will be replenished in 04:03:12", 14_592),
        ("please wait 12345 seconds before retrying", 12_345),
        ("请 3 小时后再试", 10_800),
        ("请在 2 天后重试", 172_800),
        ("剩余等待时间：2小时", 7200),
        ("请求过多，请等待 30 分钟", 1800),
        ("come back: your limit resets in an hour", 3600),
        ("还需审核，共 2 天", None),
        ("try again in a while", None),
        ("available models: 3 m", None),
    ],
)
def test_a_long_wait_in_words_is_read(said: str, expected_s: float | None) -> None:
    assert wait_in_words(said) == expected_s


@pytest.mark.parametrize(
    ("field", "expected_s"),
    [
        ({"retryDelay": "38s"}, 38),
        ({"retry_after": 20}, 20),
        ({"retry_after_seconds": "7.5"}, 7.5),
        ({"retry_after": {}}, None),
    ],
)
def test_a_wait_in_a_field_is_read(field: dict[str, Any], expected_s: float | None) -> None:
    assert value_to_said({"error": {"message": "busy", "details": [field]}}).wait_s == expected_s
