"""A model wrapper that removes secrets from deltas."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Protocol

from core.errors import ModelError
from core.ports.model import Request
from core.redaction import RedactedStream, Secrets
from core.values.deltas import Delta, Ended
from core.values.parts import Text


class Closable(Protocol):
    """A model with connections to close."""

    def stream(self, request: Request) -> AsyncGenerator[Delta, None]: ...

    async def close(self) -> None: ...


class RedactedModel:
    """Passes on the deltas of `model` without secrets. Text that may begin a secret is held back until the next
    delta or the end."""

    def __init__(self, model: Closable, secrets: Secrets) -> None:
        self._model = model
        self._secrets = secrets

    async def close(self) -> None:
        await self._model.close()

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        """Raises ModelError after all text before it was yielded."""
        words = RedactedStream(self._secrets)
        failed: ModelError | None = None
        try:
            async with aclosing(self._model.stream(request)) as deltas:
                async for delta in deltas:
                    text = words.feed(delta.text) if isinstance(delta, Text) else ""
                    if isinstance(delta, Ended):
                        text = words.end()
                    if text:
                        yield Text(text)
                    if not isinstance(delta, Text):
                        yield delta
        except ModelError as error:
            failed = error
        if failed is None:
            return
        if rest := words.end():
            yield Text(rest)
        raise failed
