"""Refusals of the tools in a request, by their words. Pure.

Sources: https://openrouter.ai/docs/api/reference/errors-and-debugging (404 "No endpoints found that support tool
use"), https://github.com/ollama/ollama, https://docs.vllm.ai (`--enable-auto-tool-choice`),
https://github.com/ggml-org/llama.cpp (`--jinja`), https://console.groq.com/docs/errors, https://docs.mistral.ai,
https://api-docs.deepseek.com (thinking mode), https://ai.google.dev/gemini-api/docs/thought-signatures.
"""

from __future__ import annotations

import re
from functools import cache

from core.llm.request_repairs import OPAQUE, REASONING, SIGNATURE, TOOL_CHOICE, TOOL_SCHEMA, TOOLS

_STATUSES = frozenset({0, 400, 404, 405, 406, 415, 422, 424, 500, 501})
"""0 means an error under status 200. llama.cpp answers 500."""

_NOT = r"(?:\bnot\b|n't\b|\bcannot\b|\bno longer\b)"
_TOOLS = (
    r"(?:\btools?\b(?![_-]choice)(?:[ _-](?:use|usage|call\w*|param\w*))?"
    r"|\bfunction[ _-]?call\w*\b|\bfunctions\b(?= (?:is|are|param)))"
)
_REASONING = r"\breasoning(?:_content|_details)?\b"
_UNKNOWN = (
    r"(?:\bunsupported\b|\bunknown\b|\bunexpected\b|\bunrecognized\b|\bextra\b|\bnot (?:supported|permitted|allowed)\b"
    r"|\badditional propert)"
)

_WORDINGS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (SIGNATURE, (r"\bthought[ _]?signatures?\b",)),
    (
        OPAQUE,
        (
            rf"(?:\breasoning_(?:content|details)\b|['\"`]reasoning['\"`]).{{0,60}}{_UNKNOWN}",
            rf"{_UNKNOWN}.{{0,60}}(?:\breasoning_(?:content|details)\b|['\"`]reasoning['\"`]|\bextra_content\b)",
            rf"\bextra_content\b.{{0,60}}{_UNKNOWN}",
        ),
    ),
    (REASONING, (r"\breasoning_content\b",)),
    (
        TOOL_SCHEMA,
        (
            r"\binvalid (?:json )?(?:schema|parameters?) for (?:function|tool)",
            r"\btools?[\[.]\d+[\].]|\bfunction_declarations\[",
            r"\btoo many (?:tools|functions)\b|\btools?\W{1,3}array too long",
        ),
    ),
    (TOOL_CHOICE, (r"['\"`]?\btool_choice\b",)),
    (
        TOOLS,
        (
            rf"{_NOT}.{{0,24}}\b(?:support|accept|allow|enable|implement|capable of|have)\w*\W.{{0,20}}{_TOOLS}",
            rf"{_TOOLS}['\"`]?.{{0,30}}{_NOT} (?:\w+ ){{0,2}}(?:support|enabl|allow|available|accept|permit|implement)",
            rf"{_TOOLS}['\"`]? (?:is |are )?(?:unsupported|disabled|unavailable)",
            rf"\b(?:unsupported|unknown|unrecognized|unexpected)\b.{{0,30}}{_TOOLS}",
            rf"\bno (?:\w+ ){{0,3}}(?:that|which) (?:can )?support.{{0,12}}{_TOOLS}",
            rf"{_TOOLS}.{{0,10}}\bextra inputs are not permitted",
            r"\btool-call-parser\b|\benable-auto-tool-choice\b|\btools param requires\b",
            r"(?:不支持|不具备|未开通|未启用|无法使用|不允许).{0,8}(?:工具|函数|\btools?\b|function)",
            r"(?:工具|函数|\btools?\b|function.?call\w*)(?:调用|使用|功能|参数)?.{0,4}(?:暂?不支持|不被支持|不可用|未开通|未启用)",
        ),
    ),
)
"""Wordings in order: the first that matches counts."""
_STREAMING = re.compile(r"\bstream|流式")
"""Bedrock takes tools of some models in whole answers only: `core.llm.request_repairs` names the streaming."""
_POLICY = re.compile(r"content.?(filter|policy|management|moderation)|敏感|违规")


@cache
def patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """A regular expression for the wordings of each repair."""
    return tuple((name, re.compile("|".join(wordings))) for name, wordings in _WORDINGS)


def tool_refusal(status: int, said: str) -> str:
    """The repair of `core.llm.request_repairs` that a refusal of tools asks for, or empty. `said` is in lower case;
    `status` is 0 for an error under 200."""
    if status not in _STATUSES or _STREAMING.search(said) or _POLICY.search(said):
        return ""
    return next((name for name, pattern in patterns() if pattern.search(said)), "")
