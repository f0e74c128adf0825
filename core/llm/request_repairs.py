"""Recognises the part of a request that an endpoint refuses, by the words of its refusal. Pure.

`core.llm.request_body` sends the request without that part, or in another form; `core.llm.client` remembers repairs
that helped.

Sources: the chat templates of Mistral, Gemma and Llama as llama.cpp and vLLM apply them (their `raise_exception` texts
come under 400 and 500), https://api-docs.deepseek.com, https://docs.mistral.ai,
https://docs.anthropic.com/en/api/errors, https://platform.openai.com/docs/guides/error-codes.
"""

from __future__ import annotations

import re
from functools import cache

STREAM, ROLES, SYSTEM = "stream", "roles", "system"
"""Repairs that are not field names: the answer is requested without streaming, neighbours of one role are joined,
and the system text moves into the first user message."""

TOOLS, TOOL_CHOICE, TOOL_SCHEMA = "tools", "tool_choice", "tool_schema"
"""Repairs that are refusals of tools (`core.llm.tool_refusals`). TOOLS: the model takes none. TOOL_CHOICE: the field
`tool_choice` is refused. TOOL_SCHEMA: some of the tools are refused."""
SIGNATURE, REASONING, OPAQUE = "thought_signature", "reasoning_content", "opaque"
"""Refusals of the answers before tool results. SIGNATURE: they lack signatures, so their calls can't be sent as calls.
REASONING: they lack reasoning, which may be empty. OPAQUE: fields that the endpoint has sent are refused by it."""

FURTHER: dict[str, str] = {ROLES: SYSTEM, TOOL_CHOICE: TOOLS}
"""The second repair if the first is not enough or changes nothing: templates without a system role may ask for
alternation, and a refusal of `tool_choice` may come without one."""
UNREMEMBERED = frozenset({TOOL_SCHEMA, SIGNATURE})
"""Repairs of one request: the tools offered for the next question, and the answer to it, may be others."""

_FORM_STATUSES = frozenset({0, 400, 404, 406, 415, 422, 424, 500, 501})
"""0 means an error under status 200. llama.cpp and LM Studio answer 500 if a chat template raises."""
_FIELD_STATUSES = frozenset({400, 422})

_ROLE = r"\b(user|assistant|human|role)s?\b"
_MUST = r"\b(must|should|has to|have to|needs? to|expected?|required?)\b"
_NOT = r"(\bnot\b|n't\b|\bcannot\b|\bno longer\b|\bunsupported\b|\bdisabled\b|\binvalid\b)"
_NO_USE = r"(support|allow|permit|accept|enabl|available|implement|valid)"
_SYSTEM_TEXT = (
    r"(\b(system|developer)\W{0,2} ?(role|message|prompt|instruction)s?\b|['\"`](system|developer)['\"`])"
)
_STREAMING = r"(?<!non-)(?<!non )\bstream(ing|ed)?\b"

_FORMS: dict[str, tuple[str, ...]] = {
    SYSTEM: (
        rf"{_SYSTEM_TEXT}.{{0,60}}{_NOT}",
        rf"{_NOT}.{{0,10}}{_NO_USE}\w*\W+.{{0,40}}{_SYSTEM_TEXT}",
        r"\b(unexpected|unknown|unsupported|unrecognized|invalid|illegal)\b.{0,12}\brole\b\W{0,4}(system|developer)\b",
        r"unknown variant .(system|developer)\b",
        r"\bonly\W+user\W+(and|or)\W+(assistant|model)\b",
        r"\brole\b.{0,30}\b(must|should)\b.{0,20}\buser\W+(and |or )?\W?(assistant|model)\b",
        r"\bshould be\W+user\W+or\W+(assistant|model)\b",
        r"\bpermitted:\W{1,3}user\W{1,4}assistant\b",
        r"\bvalid roles?\b\W+user\W+(and |or )?\W?(assistant|model)\b",
        r"\bsystem (message|role|prompt)s?\b.{0,30}\b(beginning|first|start)\b",
        r"(不支持|不允许|不接受|无效|非法|未启用).{0,12}(system|系统).{0,4}(角色|消息|提示|指令|role)",
        r"(system|系统).{0,4}(角色|消息|提示|指令|role).{0,12}(不支持|不被支持|不允许|无效|非法|未启用)",
    ),
    ROLES: (
        rf"{_ROLE}.{{0,80}}\balternat",
        rf"\balternat\w*.{{0,60}}{_ROLE}",
        r"\binterleav",
        rf"\b(successive|consecutive|multiple|adjacent)\b.{{0,30}}{_ROLE}",
        rf"{_ROLE}.{{0,30}}\b(in a row|in succession|consecutive)",
        rf"\b(last|final|first|next|second)\b.{{0,16}}\b(message|role|turn)\b.{{0,40}}{_MUST}.{{0,40}}{_ROLE}",
        rf"{_MUST}.{{0,8}}\b(last|final|first|next)\b.{{0,16}}\b(message|role|turn)\b",
        rf"\b(conversation|messages?|dialog(ue)?|history|prompt)\b.{{0,40}}{_MUST}.{{0,20}}"
        rf"\b(start|begin|end|finish)s?\b.{{0,20}}{_ROLE}",
        r"\bunexpected role\b",
        r"\bafter role\b",
        r"\bmessages?\b.{0,40}\b(odd|even) (number|index|length)|\b(odd|even) (number|index)\b.{0,40}\bmessages?\b",
        r"\bprefill\b",
        r"\bno user (query|message|turn)\b",
        r"\bjinja|\braise_exception\b|\btemplateerror\b|\b(apply|render)\w* (the )?(chat |prompt )?template",
        r"(角色|role|消息|messages?|对话).{0,40}(交替|轮流|相邻|连续|奇数)",
        r"(交替|轮流|连续).{0,20}(角色|role|user|assistant|消息)",
        r"(最后|首|第)一?[条个轮].{0,12}(消息|messages?|角色|role).{0,20}(必须|应|需).{0,20}(user|用户|assistant)",
    ),
    STREAM: (
        r"\bverified to stream\b",
        rf"{_STREAMING}(?!\w).{{0,40}}(\bnot\b|n't\b).{{0,20}}{_NO_USE}",
        rf"{_STREAMING}.{{0,30}}\b(unsupported|unavailable|disabled)\b",
        rf"{_STREAMING}.{{0,30}}\b(must|should|has to|needs? to)\b.{{0,20}}\b(false|off|disabled)\b",
        rf"(\bnot\b|n't\b).{{0,12}}{_NO_USE}\w*.{{0,40}}{_STREAMING}",
        rf"\b(unsupported|unrecognized|unknown|unexpected|invalid|extra)\b.{{0,60}}{_STREAMING}",
        r"\bonly\W+(supports? |accepts? )?(non.?stream|whole)|(仅|只)(支持|能|允许).{0,6}非流式",
        r"(不支持|不允许|未开通|无法使用).{0,10}(流式|\bstream\b)",
        r"(流式|\bstream\b).{0,15}(不支持|不允许|不可用|未开通)",
    ),
}

_FIELDS: dict[str, str] = {
    "stream_options": r"\bstream_options\b",
    "max_completion_tokens": r"\bmax_completion_tokens\b",
    "max_tokens": r"\bmax_tokens\b",
    "temperature": r"\btemperature\b",
}
"""Optional fields that an endpoint may not know, by patterns of their refusals."""

_CONTENT = re.compile(
    r"content.?(filter|policy|management|moderation)|\bsafety\b|jailbreak|inappropriate|敏感|违规|must provide a chat"
)
"""Words of refusals about the content or the server's own configuration."""

_FIELD_PATTERNS = {name: re.compile(pattern) for name, pattern in _FIELDS.items()}


@cache
def form_patterns() -> dict[str, re.Pattern[str]]:
    """A regular expression for each repair of the form."""
    return {name: re.compile("|".join(patterns)) for name, patterns in _FORMS.items()}


def form_of(status: int, said: str) -> str:
    """The repair of the request's form that a refusal asks for: ROLES, SYSTEM, STREAM or empty.

    `status` is 0 for an error under 200; `said` is in lower case. Such refusals are worded so specifically that they
    take precedence over other meanings.
    """
    if status not in _FORM_STATUSES or _CONTENT.search(said) or "stream_options" in said:
        return ""
    return next((name for name, pattern in form_patterns().items() if pattern.search(said)), "")


def field_of(status: int, said: str) -> str:
    """The refused field that is named first, or empty. A field named after it is the suggested replacement. `said`
    is in lower case."""
    if status not in _FIELD_STATUSES:
        return ""
    return _first(_FIELD_PATTERNS, said)


def _first(patterns: dict[str, re.Pattern[str]], said: str) -> str:
    found = {name: match.start() for name, pattern in patterns.items() if (match := pattern.search(said))}
    return min(found, key=lambda name: found[name], default="")
