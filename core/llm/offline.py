"""The built-in offline model, which answers without a key, so that a new installation can be tried.

It says that it knows nothing, repeats the question and shows Markdown, so that the rendering can be checked.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from dataclasses import replace
from decimal import Decimal

from core.clock import Clock
from core.llm.images import images_of
from core.llm.prompt_fitting import estimate_messages, fit
from core.ports.model import Request
from core.values.deltas import Delta, Ended, EndReason, ModelInfo, ModelSelected, Usage
from core.values.parts import Text
from core.values.prices import Prices

WORDS_PER_S = 40
_QUOTE_LENGTH = 300
_FREE = (Prices(input=Decimal(), output=Decimal()),)
_WIDE = "\u2e80-\u9fff\uac00-\ud7af\uff00-\uffef"

_ENGLISH = """\
I am Parley's built-in offline model, not a real one: I can show you how answers look, but I know nothing. \
For a real model set `OPENAI_API_KEY` together with `OPENAI_BASE_URL`, the endpoint that the key is for, and \
`OPENAI_MODEL`, and start again.

You asked:

{quote}

{count} This is how a real answer could be laid out:

1. **Words in bold**, *in italics*, and a [link](https://example.com)
2. Some `code` within a line
3. And more code in a block:

```python
def greet(name: str) -> str:
    return f"Hello, {{name}}!"
```

| Setting | What it is |
|---|---|
| `OPENAI_BASE_URL` | where the endpoint is |
| `OPENAI_API_KEY` | its key |
| `OPENAI_MODEL` | the model to ask |
"""

_CHINESE = """\
我是 Parley 内置的离线模型，不是真正的模型：我只能演示回答的样子，并不具备任何知识。\
要使用真正的模型，请同时设置 `OPENAI_API_KEY`、`OPENAI_BASE_URL`（该密钥所属的端点）和 `OPENAI_MODEL`，然后重新启动。

你的问题是：

{quote}

{count}真正的回答可能是这样排版的：

1. **粗体**、*斜体*，以及一个[链接](https://example.com)
2. 行内的 `代码`
3. 还有代码块：

```python
def greet(name: str) -> str:
    return f"你好，{{name}}！"
```

| 设置 | 含义 |
|---|---|
| `OPENAI_BASE_URL` | 接口地址 |
| `OPENAI_API_KEY` | 密钥 |
| `OPENAI_MODEL` | 要使用的模型 |
"""


class OfflineModel:
    """A `Model` without network access. It never fails."""

    name = "offline"

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def close(self) -> None:
        """Do nothing: the offline model has no connection."""

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        model_info = ModelInfo(request.model, prices=_FREE, images=False)
        unseen = tuple(images_of(request.messages))
        request = replace(request, messages=fit(request, model_info))
        yield ModelSelected(model_info, estimate_messages(request.messages), unseen)
        words = re.findall(rf"[{_WIDE}]\s*|[^\s{_WIDE}]+\s*|\s+", compose(request))
        for word in words:
            await self._clock.sleep(1 / WORDS_PER_S)
            yield Text(word)
        prompt_length = sum(len(message.text) for message in request.messages)
        usage = Usage(prompt_tokens=prompt_length // 4 + 1, completion_tokens=len(words), estimated=True)
        yield Ended(EndReason.STOP, usage, self.name)


def compose(request: Request) -> str:
    """The whole answer, in Chinese for a mostly Chinese question, else in English."""
    said = [message.text.strip() for message in request.messages if message.role == "user"]
    question = said[-1] if said else ""
    chinese = _mostly_chinese(question)
    quote = question if len(question) <= _QUOTE_LENGTH else question[:_QUOTE_LENGTH].rstrip() + " …"
    lines = "\n".join(f"> {line}".rstrip() for line in quote.splitlines() or ["…"])
    earlier = len(said) - 1
    if chinese:
        count = f"在此之前，这段对话里还有 {earlier} 条消息。" if earlier > 0 else ""
        return _CHINESE.format(quote=lines, count=count)
    count = f"Before it, this thread held {earlier} other message{'s' * (earlier != 1)}." if earlier > 0 else ""
    return _ENGLISH.format(quote=lines, count=count).replace("\n\n This", "\n\nThis")


def _mostly_chinese(text: str) -> bool:
    letters = [char for char in text if char.isalpha()]
    return 2 * sum("\u4e00" <= char <= "\u9fff" for char in letters) > len(letters)
