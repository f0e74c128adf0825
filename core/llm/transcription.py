"""Transcribes voice clips with the endpoints' /audio/transcriptions.

Format and the limit of 25 MB: https://platform.openai.com/docs/api-reference/audio/createTranscription
"""

from __future__ import annotations

import json
from functools import partial

import httpx
import structlog

from core.errors import Code, ModelError
from core.llm.catalog import Route
from core.llm.connection import bearer
from core.llm.error_bodies import is_page, looks_like_error
from core.llm.errors import fault, from_chunk
from core.llm.model_spans import requesting
from core.llm.retry_policy import key_of, keys_of, rule_for
from core.llm.single_response import SingleResponseModel, key_text, lacks_path, read_response
from core.llm.sounds import MEDIA_TYPES, extension_of
from core.llm.tokens import estimate
from core.llm.usage_fields import sound_usage_of
from core.ports.files import FileError, Transcript
from core.settings.urls import transcriptions_url
from core.values.deltas import Usage
from core.values.parts import FileProblem

MAX_BYTES = 25 * 1024 * 1024
LIMIT_S = 120.0
"""Seconds for one clip at one endpoint, including its upload."""
LEARNT_S = 86_400.0
"""Seconds for which an endpoint without transcription is skipped."""
_ANSWER_BYTES = 1024 * 1024

_PROBLEMS = {
    Code.BAD_REQUEST: FileProblem.DAMAGED,
    Code.TOO_LARGE: FileProblem.TOO_LARGE,
    Code.STALLED: FileProblem.TOO_SLOW,
    Code.GATEWAY_TIMEOUT: FileProblem.TOO_SLOW,
    **dict.fromkeys(
        (Code.BAD_KEY, Code.NO_MONEY, Code.FORBIDDEN, Code.NO_MODEL, Code.POLICY),
        FileProblem.UNHEARD,
    ),
}
"""The problem that a person is shown. All other codes mean that the endpoint is unavailable."""

log = structlog.get_logger()


class EndpointTranscriber(SingleResponseModel):
    """A `Transcriber`. Tries the accounts of `routes` in order, each once, until one answers."""

    limit_s = LIMIT_S

    async def transcribe(self, name: str, media_type: str, data: bytes) -> Transcript:
        """The words of audio of at most `MAX_BYTES`. Raises only FileError."""
        extension = extension_of(name, media_type, data)
        if not extension:
            raise FileError(FileProblem.UNKNOWN_TYPE, media_type)
        if len(data) > MAX_BYTES:
            raise FileError(FileProblem.TOO_LARGE, f"{len(data)} bytes")
        problem = FileError(FileProblem.UNHEARD, "no endpoint takes sounds")
        for route, client in self._clients:
            if self._clock.monotonic() < self._not_before.get(route.offer, 0.0):
                continue
            try:
                transcript = await self._ask(route, client, extension, data)
            except ModelError as error:
                problem = FileError(_problem(error), str(error))
                problem.__cause__ = error
                self._note(route, error)
            else:
                self._observer.report_recovery(*keys_of(route))
                return transcript
        raise problem

    async def _ask(self, route: Route, client: httpx.AsyncClient, extension: str, data: bytes) -> Transcript:
        """The words of one response. Raises ModelError."""
        build = partial(_request, route, client, extension, data)
        with requesting("transcription", route) as note:
            body = await read_response(route, client, build, self._clock, LIMIT_S, _ANSWER_BYTES)
            text, usage = _said(body, key_text(route))
            note(usage)
        words = Usage(completion_tokens=estimate(text) if text else 0, estimated=True)
        return Transcript(text, route.model_info, usage or words)

    def _note(self, route: Route, error: ModelError) -> None:
        """Log a failure, and remember or report a permanent one."""
        rule, missing = rule_for(error), lacks_path(error)
        if missing:
            self._not_before[route.offer] = self._clock.monotonic() + LEARNT_S
        elif rule.alerts and rule.blames is not None:
            self._observer.report_failure(key_of(route, rule.blames), error, route.places)
        log.warning(
            "transcription_failed",
            account=route.account.name,
            model=route.model_there,
            status=error.status,
            for_a_day=missing,
            **error.log_keys,
        )


def _problem(error: ModelError) -> FileProblem:
    if lacks_path(error):
        return FileProblem.UNHEARD
    return _PROBLEMS.get(error.code, FileProblem.UNAVAILABLE)


def _request(route: Route, client: httpx.AsyncClient, extension: str, data: bytes) -> httpx.Request:
    """The multipart request. The person's file name is not sent: only its extension matters."""
    file = (f"sound.{extension}", data, MEDIA_TYPES[extension])
    url = httpx.URL(transcriptions_url(route.account.base_url))
    fields, headers = {"model": route.model_there}, bearer(key_text(route))
    return client.build_request("POST", url, data=fields, files={"file": file}, headers=headers)


def _said(body: bytes, key: str) -> tuple[str, Usage | None]:
    """The words in a body under 200, JSON with `text`, and the usage. Raises ModelError."""
    said = body.decode("utf-8", "replace").strip()
    if is_page(said):
        raise fault(Code.WRONG_URL, "an HTML page came instead of a text", status=200)
    try:
        value = json.loads(said)
    except (ValueError, RecursionError):
        raise fault(Code.GARBLED, "no JSON", status=200) from None
    match value:
        case {"text": str(text)}:
            return text.strip(), sound_usage_of(value)
        case dict() if looks_like_error(value):
            raise from_chunk(value, key)
    raise fault(Code.GARBLED, "no text in the answer", status=200)
