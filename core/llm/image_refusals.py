"""Refusals of the pictures in a request, by their words. Pure.

Sources: https://platform.openai.com/docs/guides/images-vision, https://docs.anthropic.com/en/api/errors,
https://docs.x.ai/docs/guides/image-understanding, https://api-docs.deepseek.com, `limit_mm_per_prompt` of
https://docs.vllm.ai, https://openrouter.ai/docs/api/reference/errors-and-debugging, https://ai.google.dev/gemini-api,
and refusals reported for Ollama, llama.cpp, LM Studio, Copilot and Fireworks.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import cache


class ImageRefusal(StrEnum):
    """The part of the images that an endpoint refuses. The values are those of `ModelError.parameter`."""

    ALL = "images"
    """The model has no vision."""
    COUNT = "image_count"
    """The request has too many images."""
    SOME = "image"
    """One or more of the images, for their format, size or content."""


_STATUSES = frozenset({0, 400, 404, 406, 413, 415, 422, 424, 500, 501})
"""0 means an error under status 200. Ollama and llama.cpp answer 500 for a model without an image projector."""

_NOT = r"(?:\bnot\b|n't\b|\bcannot\b|\bno longer\b|\bunable to\b)"
_SIGHT = r"(?:images?|pictures?|vision|visual|multi-?modal|image_urls?|input_images?)\b"
_ABOUT_ONE = r"(?!\W{0,3}(?:\w+ ){0,2}(?:formats?|types?|mime|media|extension|encod|size|dimension|larger|url))"
_SIGHTED = (
    r"(?:(?:images|vision|multi-?modal)\b"
    r"|(?:image|vision|visual|multi-?modal|picture)s? (?:inputs?|modality|understanding|content|recognition)\b)"
)
_ITEMS = r"(?:images?|pictures?)(?:\(s\))?"

_WORDINGS: dict[ImageRefusal, tuple[str, ...]] = {
    ImageRefusal.ALL: (
        r"\bimage_urls?\b\W{1,4}(?:(?:is|are|type|content|inputs?) ){0,3}(?:only\b|not\b|unsupported|unknown)",
        r"\bunknown variant\W{1,3}image",
        rf"{_NOT}.{{0,24}}\b(?:support|accept|allow|enable|capable of|have)\w*\W.{{0,20}}{_SIGHT}{_ABOUT_ONE}",
        rf"{_NOT}.{{0,12}}\b(?:process|read|handle|see|view|take)\w* (?:\w+ )?(?:images|pictures|image inputs?)\b",
        rf"\b{_SIGHTED}.{{0,24}}(?:\bnot\b|n't\b) (?:\w+ ){{0,2}}(?:support|enabl|allow|available|accept|permit)",
        rf"\b{_SIGHTED} (?:is |are )?(?:unsupported|disabled|unavailable)",
        rf"\bno (?:\w+ ){{0,3}}(?:found |available )?(?:that|which) (?:can )?support.{{0,12}}{_SIGHT}",
        r"\b(?:at most|max(?:imum)?(?: of)?|up to|limit(?: of)?|only) 0 images?\b",
        r"\bmissing data required for image|\bmmproj\b",
        rf"{_NOT} (?:a |an )?(?:vision|multi-?modal|visual)\b|\btext[- ]only\b",
        r"\bonly\W{1,4}text\b.{0,40}(?:support|allow|accept|permit)|(?:supports?|accepts?) only\W{1,4}text\b",
        r"image_url.{0,60}\b(?:supported|expected|allowed|permitted|valid)\b.{0,24}['\"`]text\b(?!.{0,24}image)",
        r"\bunsupported content (?:part )?type\W{1,4}(?:input_)?image",
        r"\bcontent\b.{0,40}\b(?:must|should|has to) be a (?:valid )?string|\binput should be a valid string",
        r"(?:不支持|不具备|未开通|无法处理).{0,6}(?:图片|图像|视觉|多模态|image|vision)(?!.{0,4}(?:格式|类型|大小|尺寸))",
        r"(?:图片|图像|视觉|多模态)(?:输入|理解|识别|能力|内容|消息)?(?:暂)?(?:不支持|不被支持|不可用)",
    ),
    ImageRefusal.COUNT: (
        rf"\btoo (?:many|much) (?:\w+ ){{0,2}}(?:{_ITEMS}|media)\b",
        rf"\b(?:at most|up to|max(?:imum)?(?: of)?|no more than|limit(?: of)?|only) \d+ (?:\w+ )?{_ITEMS}",
        rf"\b\d+ {_ITEMS}\W.{{0,40}}(?:exceed|more than|limit|maximum|at most)",
        rf"\b(?:number|count|amount) of (?:\w+ )?{_ITEMS}",
        rf"\b{_ITEMS} (?:count|limit|number)\b.{{0,30}}(?:exceed|reach|over)",
        r"(?:图片|图像).{0,6}(?:数量|个数|张数|过多|太多)|(?:最多|超过).{0,8}(?:张|个)(?:图片|图像|图)",
    ),
    ImageRefusal.SOME: (
        rf"\b{_SIGHT}.{{0,80}}(?:{_NOT}|\b(?:invalid|unsupported|corrupt|malformed|damaged|exceed|decod|could|fail"
        r"|unable|too (?:large|small|big)|larger|smaller|formats?|dimensions?|pixels|unreadable|truncat|empty))",
        r"\b(?:invalid|unsupported|corrupt\w*|malformed|cannot|can't|couldn't|could not|failed|unable|decod\w+)"
        rf"\b.{{0,60}}\b(?:{_SIGHT}|mime[ _]type|media[ _]type)",
        r"(?:图片|图像).{0,20}(?:格式|无效|错误|失败|损坏|过大|太大|超过|尺寸|无法)",
        r"(?:无效|无法|解析|下载|不支持).{0,8}(?:图片|图像)",
    ),
}
_ABOUT_TOKENS = re.compile(r"\btokens?\b")
_LIMIT = re.compile(
    r"(?:at most|up to|max(?:imum)?|more than|limit|exceed\w*|only|>|最多|超过|不超过)"
    r"(?: (?:is|of|the|allowed|number|images?|are)\b){0,3}[\s:=]{0,3}(\d{1,3})\b"
    r"(?![.\d]*\s?(?:px|pixels|mi?b|kb|bytes))"
)


@cache
def patterns() -> dict[ImageRefusal, re.Pattern[str]]:
    """A regular expression for the wordings of each."""
    return {refusal: re.compile("|".join(wordings)) for refusal, wordings in _WORDINGS.items()}


def image_refusal(status: int, said: str) -> ImageRefusal | None:
    """The part of the images that `said`, in lower case, refuses. `status`: 0 for an error under 200."""
    if status not in _STATUSES:
        return None
    return next((refusal for refusal, pattern in patterns().items() if _says(pattern, refusal, said)), None)


def image_limit(said: str) -> int:
    """The maximum number of images that a refusal in lower case names; 0 if unknown."""
    return min((int(number) for number in _LIMIT.findall(said)), default=0)


def _says(pattern: re.Pattern[str], refusal: ImageRefusal, said: str) -> bool:
    """True if `pattern` matches. A refusal that counts tokens may concern the text instead."""
    if refusal is ImageRefusal.SOME and _ABOUT_TOKENS.search(said):
        return False
    return pattern.search(said) is not None
