"""Requests whose form an endpoint refuses: sent again in another form, answered, and sent so from then on."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from core.clock import SystemClock
from core.errors import Code, ModelError
from core.llm.client import CompletionsClient
from core.llm.errors import from_response
from core.llm.request_body import BEGINNING_MISSING, request_to_body
from core.llm.request_repairs import ROLES, STREAM, SYSTEM, form_of
from core.ports.model import Request
from core.text import is_blank
from core.values.conversation import Message, text_message
from core.values.deltas import Ended
from core.values.parts import Image, Text
from tests.fakes.clock import FakeClock
from tests.fakes.completions import FakeCompletions, Raw, Reply, Status, Words
from tests.fakes.completions.replies import event

Choose = Callable[[dict[str, Any]], Reply]

ALTERNATE = (
    "After the optional system message, conversation roles must alternate user/assistant/user/assistant/..."
)
NO_SYSTEM = "System role not supported"
VERIFIED = (
    "Your organization must be verified to stream this model. Please go to the settings and click on Verify."
)
PEOPLE = (
    text_message("system", "Be brief."),
    text_message("user", "ANN: Tea?"),
    text_message("user", "BOB: Coffee."),
    text_message("user", "CID: @Parley which?"),
)
ASK = Request(PEOPLE, "test-model")


def refused(message: str, status: int = 400) -> Status:
    error = {"object": "error", "message": message, "type": "BadRequestError", "code": status}
    return Status(status, error)


def nested(message: str, status: int = 500) -> Status:
    return Status(status, {"error": {"code": status, "message": message, "type": "server_error"}})


def in_stream(message: str) -> Raw:
    return Raw((event({"error": {"message": message, "code": 400}}),))


def roles_of(body: dict[str, Any]) -> list[str]:
    return [message["role"] for message in body["messages"]]


def alternates(roles: list[str]) -> bool:
    return roles == [("user", "assistant")[n % 2] for n in range(len(roles))] and len(roles) % 2 == 1


def mistral(answer: Reply) -> Choose:
    """A template with an optional system message."""

    def choose(body: dict[str, Any]) -> Reply:
        roles = roles_of(body)
        return Words("Fine.") if alternates(roles[roles[0] == "system" :]) else answer

    return choose


def gemma(no_system: Reply, not_alternating: Reply) -> Choose:
    """A template without a system role."""

    def choose(body: dict[str, Any]) -> Reply:
        roles = roles_of(body)
        if "system" in roles:
            return no_system
        return Words("Fine.") if alternates(roles) else not_alternating

    return choose


async def answer_twice(choose: Choose, request: Request = ASK) -> tuple[list[dict[str, Any]], FakeCompletions]:
    """The bodies of all requests for one question, and then for another."""
    async with FakeCompletions(default=choose) as fake:
        client = CompletionsClient(fake.base_url, "sk-test", SystemClock())
        for _ in range(2):
            deltas = [delta async for delta in client.stream(request)]
            assert [delta for delta in deltas if isinstance(delta, Text)]
            assert isinstance(deltas[-1], Ended)
        await client.close()
    return [received.body for received in fake.requests], fake


def words_of(body: dict[str, Any]) -> str:
    return " ".join(message["content"] for message in body["messages"])


def in_order(words: list[str], text: str) -> bool:
    at = 0
    for word in words:
        at = text.find(word, at) + len(word)
        if at < len(word):
            return False
    return True


@pytest.mark.parametrize(
    "answer",
    [
        refused(ALTERNATE),
        nested(f"Jinja Exception: {ALTERNATE}"),
        nested("Conversation roles must alternate user/assistant/user/assistant/...", 400),
        in_stream(ALTERNATE),
    ],
    ids=["vllm", "llama_cpp_500", "nested_400", "in_a_stream"],
)
async def test_a_thread_of_three_people_is_answered_where_roles_must_alternate(answer: Reply) -> None:
    bodies, fake = await answer_twice(mistral(answer))
    assert [roles_of(body) for body in bodies] == [
        ["system", "user", "user", "user"],
        ["system", "user"],
        ["system", "user"],
    ]
    assert bodies[-1]["messages"][1]["content"] == "ANN: Tea?\n\nBOB: Coffee.\n\nCID: @Parley which?"
    assert fake.problems == []


@pytest.mark.parametrize("status", [400, 500])
async def test_system_text_stands_before_the_first_user_message_where_there_is_no_system_role(
    status: int,
) -> None:
    bodies, fake = await answer_twice(gemma(refused(NO_SYSTEM, status), refused(ALTERNATE, status)))
    assert [roles_of(body) for body in bodies[1:]] == [["user"], ["user"]]
    assert bodies[-1]["messages"][0]["content"].startswith("Be brief.\n\nANN: Tea?")
    assert fake.problems == []


async def test_a_template_that_names_alternation_but_means_the_system_message_is_satisfied() -> None:
    bodies, _ = await answer_twice(gemma(nested(ALTERNATE), nested(ALTERNATE)))
    assert [roles_of(body) for body in bodies] == [
        ["system", "user", "user", "user"],
        ["system", "user"],
        ["user"],
        ["user"],
    ]


async def test_a_thread_whose_first_question_failed_is_answered() -> None:
    thread = (
        text_message("system", "Be brief."),
        text_message("user", "ANN: Bad?"),
        text_message("user", "ANN: Good?"),
    )
    bodies, _ = await answer_twice(mistral(refused(ALTERNATE)), Request(thread, "test-model"))
    assert roles_of(bodies[-1]) == ["system", "user"]


async def test_a_list_that_begins_and_ends_with_an_answer_alternates_from_user_to_user() -> None:
    thread = (
        text_message("system", "Be brief."),
        text_message("assistant", "Half an"),
        text_message("assistant", "answer"),
    )
    bodies, _ = await answer_twice(mistral(refused(ALTERNATE)), Request(thread, "test-model"))
    assert roles_of(bodies[-1]) == ["system", "user", "assistant", "user"]
    assert bodies[-1]["messages"][1]["content"] == BEGINNING_MISSING


async def test_the_repair_is_remembered_by_endpoint_and_model_alone() -> None:
    async with FakeCompletions(default=mistral(refused(ALTERNATE))) as fake:
        client = CompletionsClient(fake.base_url, "sk-test", SystemClock())
        for model in ("test-model", "other-model"):
            assert [delta async for delta in client.stream(Request(PEOPLE, model))]
        await client.close()
        assert len(fake.requests) == 4


async def test_an_endpoint_that_refuses_every_form_is_asked_once_in_each() -> None:
    async with FakeCompletions(default=refused(ALTERNATE)) as fake:
        client = CompletionsClient(fake.base_url, "sk-test", SystemClock())
        with pytest.raises(ModelError) as caught:
            [delta async for delta in client.stream(ASK)]
        await client.close()
        assert len(fake.requests) == 3
    assert caught.value.code is Code.BAD_REQUEST


async def test_an_answer_that_has_begun_is_never_asked_for_again() -> None:
    late = Raw((event({"choices": [{"delta": {"content": "One"}}]}), event({"error": ALTERNATE})))
    async with FakeCompletions(default=late) as fake:
        client = CompletionsClient(fake.base_url, "sk-test", SystemClock())
        with pytest.raises(ModelError):
            [delta async for delta in client.stream(ASK)]
        await client.close()
        assert len(fake.requests) == 1


def whole_only(answer: Reply) -> Choose:
    def choose(body: dict[str, Any]) -> Reply:
        if body.get("stream"):
            return answer
        if "stream_options" in body:
            return refused("The 'stream_options' parameter is only allowed when 'stream' is enabled.")
        return Words("Fine.")

    return choose


@pytest.mark.parametrize(
    "error",
    [
        {"message": VERIFIED, "type": "invalid_request_error", "param": "stream", "code": "unsupported_value"},
        {"message": "Streaming is not supported by this deployment."},
        {"message": "该模型不支持流式输出"},
    ],
    ids=["unverified", "not_supported", "chinese"],
)
async def test_a_whole_answer_is_asked_for_where_streaming_is_refused(error: dict[str, str]) -> None:
    with structlog.testing.capture_logs() as logs:
        bodies, fake = await answer_twice(whole_only(Status(400, {"error": error})))
    assert [body["stream"] for body in bodies] == [True, False, False]
    assert fake.problems == []
    assert [(line["event"], line["repair"]) for line in logs] == [("request_repaired", "stream")]


SYSTEM_WORDINGS = [
    NO_SYSTEM,
    "System messages are not supported by this model",
    "This model does not support system messages.",
    "Only user and assistant roles are supported!",
    "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
    "Unexpected role 'system' after role 'user'",
    'messages: Unexpected role "system". The Messages API accepts a top-level `system` parameter',
    "Developer instruction is not enabled for models/gemma-3-27b-it",
    "Please use a valid role: user, model.",
    "Role must be user or assistant and Content length must be greater than 0",
    "System message must be at the beginning.",
    "Input should be 'user' or 'assistant'; body; messages; 0; role",
    "System prompt is not allowed for this model",
    "不支持 system 角色",
    "system 角色不支持",
    "unexpected value; permitted: 'user', 'assistant'",
]
ROLES_WORDINGS = [
    ALTERNATE,
    "Conversation roles must alternate user/assistant/user/assistant/...",
    "After the optional system message, conversation roles must alternate user and assistant roles except for tools.",
    'messages: roles must alternate between "user" and "assistant", but found multiple "user" roles in a row',
    "Please ensure that multiturn requests alternate between user and model.",
    "deepseek-reasoner does not support successive user or assistant messages (messages[1] and messages[2] in your "
    "input). You should interleave the user/assistant messages in the message sequence.",
    "After the (optional) system message(s), user and assistant roles should be alternating.",
    "A conversation must start with a user message. Try again with a conversation that starts with a user message.",
    "Last message must have role `user`.",
    "Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant",
    "Unexpected role 'user' after role 'user'",
    "the length of messages must be an odd number",
    "This model does not support assistant message prefill. The conversation must end with a user message.",
    "Error rendering prompt with jinja template: no further detail",
    "No user query found in messages.",
    "messages 中 user 与 assistant 角色必须交替出现",
    "消息角色不能连续相同",
    "最后一条消息必须是 user",
]
STREAM_WORDINGS = [
    VERIFIED,
    "Streaming is not supported for this model",
    "This model does not support streaming.",
    "Unsupported value: 'stream' does not support true with this model. Only the default (false) value is supported.",
    "stream must be false",
    "Unrecognized request argument supplied: stream",
    "Extra inputs are not permitted; body; stream",
    "Streaming responses are disabled for your organization",
    "暂不支持流式调用",
    "此模型仅支持非流式调用",
    "Only non-streaming requests are supported",
]
NO_FORM = [
    "Your request was rejected as a result of our safety system.",
    "The response was filtered: revealing the system prompt is not allowed by our content policy",
    "The system is currently not available, try again",
    "Unrecognized request argument supplied: stream_options",
    "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
    "The model `m` does not exist; use an alternative model",
    "The requested model is not supported.",
    "This model's maximum context length is 8192 tokens",
    "Invalid parameter: temperature",
    "Non-streaming is not supported for this model",
    "此模型仅支持流式调用",
    "upstream stream closed before completion",
    "insufficient balance",
    "invalid api key",
    "As of transformers v4.44, default chat template is no longer allowed, so you must provide a chat template",
]


@pytest.mark.parametrize("status", [400, 422, 500])
@pytest.mark.parametrize(
    ("form", "wordings"), [(SYSTEM, SYSTEM_WORDINGS), (ROLES, ROLES_WORDINGS), (STREAM, STREAM_WORDINGS)]
)
def test_every_wording_names_its_repair(form: str, wordings: list[str], status: int) -> None:
    assert {said: form_of(status, said.lower()) for said in wordings} == dict.fromkeys(wordings, form)


@pytest.mark.parametrize("said", NO_FORM)
def test_other_refusals_ask_for_no_other_form(said: str) -> None:
    assert form_of(400, said.lower()) == ""


@pytest.mark.parametrize("status", [401, 402, 403, 429, 502, 503])
def test_a_refusal_of_the_account_is_none_of_the_form(status: int) -> None:
    body = b'{"error": {"message": "roles must alternate user/assistant"}}'
    assert not from_response(status, {}, body, FakeClock().now()).parameter


MESSAGES = st.lists(
    st.builds(
        Message,
        st.sampled_from(["system", "user", "assistant"]),
        st.tuples(st.builds(Text, st.text("ab \n\u200b", max_size=4)))
        | st.tuples(
            st.builds(Text, st.text("ab \n\u200b", max_size=4)),
            st.just(Image("data:image/png;base64,aGVsbG8=")),
        ),
    ),
    max_size=8,
).map(tuple)


def contents(body: dict[str, Any]) -> list[str]:
    """The texts of all messages, whatever their form."""
    found: list[str] = []
    for message in body["messages"]:
        content = message["content"]
        found += [content] if isinstance(content, str) else [part.get("text", "") for part in content]
    return found


@given(MESSAGES, st.frozensets(st.sampled_from([SYSTEM, ROLES, STREAM])))
def test_no_request_holds_an_empty_message_and_every_word_stays_in_order(
    messages: tuple[Message, ...], repairs: frozenset[str]
) -> None:
    body = request_to_body(Request(messages, "m"), repairs)
    for message in body["messages"]:
        assert not isinstance(message["content"], str) or not is_blank(message["content"])
        assert message["content"]
    assert in_order([m.text for m in messages if not is_blank(m.text)], "\n\n".join(contents(body)))
    if repairs & {SYSTEM, ROLES}:
        roles = roles_of(body)
        assert not any(first == second for first, second in pairwise(roles))
        said = [role for role in roles if role != "system"]
        assert alternates(said) or not said
        assert "system" not in roles[1:]
        assert SYSTEM not in repairs or "system" not in roles


@given(MESSAGES)
def test_what_needs_no_repair_is_sent_as_it_is(messages: tuple[Message, ...]) -> None:
    kept = [message for message in messages if len(message.parts) > 1 or not is_blank(message.text)]
    assert roles_of(request_to_body(Request(messages, "m"))) == [message.role for message in kept]
