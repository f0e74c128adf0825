"""The HTTP end: reads requests, checks tokens and limits, performs scripted failures, records every call."""

from __future__ import annotations

import asyncio
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from . import blocks as block_kit
from .methods import METHODS, Method
from .payloads import BOT, BOT_USER
from .workspace import KINDS, TYPES, File, Message, SlackError, View, Workspace

Json = dict[str, Any]

# Arguments that arrive as JSON text where the request is form-encoded.
STRUCTURED = {"attachments", "blocks", "chunks", "files", "loading_messages", "metadata", "prompts", "view"}
# What the app's manifest asks for.
SCOPES = (
    "app_mentions:read,assistant:write,channels:history,channels:read,chat:write,commands,files:read,files:write,"
    "groups:history,groups:read,im:history,im:write,mpim:history,mpim:read,search:read.public,users:read"
)
CLIENT_ERRORS = (
    *(
        "invalid_arguments",
        "invalid_blocks",
        "invalid_chunks",
        "invalid_metadata_format",
        "msg_blocks_too_long",
    ),
    *("unknown_method", "view_too_large"),
)
BODY_MAX_BYTES = 64 * 1024 * 1024


@dataclass(slots=True)
class Call:
    """A call of the Web API; times are monotonic seconds. `outcome` is "ok", an error, or "dropped"."""

    method: str
    args: Json
    at: float
    outcome: str = "pending"
    ended_at: float | None = None
    answer: Json = field(default_factory=dict)
    host: str = ""  # the address by which the caller knows this server


@dataclass(slots=True)
class Failure:
    """A failure of the next calls of a method that contain `containing`; `times` None means until `mend`."""

    method: str
    times: int | None
    skip: int
    error: str | None
    status: int
    retry_after: int | None
    drop: str | None
    delay_s: float
    detail: Json
    containing: str = ""


class Web:
    """Routes under one aiohttp application."""

    def __init__(self, space: Workspace, bot_token: str, app_token: str) -> None:
        self.space = space
        self.tokens = {"bot": bot_token, "app": app_token}
        self.bad_app_token = False
        self.revoked = ""  # the error of every call, such as token_revoked or account_inactive
        self.latency_s = 0.0
        self.scopes = SCOPES
        self.calls: list[Call] = []
        self.client_errors: list[str] = []
        self.responses: list[Json] = []
        self.downloads: list[str] = []
        self.signed_out = False  # every private URL leads to the form to sign in
        self._failures: list[Failure] = []
        self.kinds_of: Callable[[str], list[str]] = self._kinds_of
        """The kinds of a token: bot, app, or none. Raises SlackError for one that is none any more."""

    def _kinds_of(self, token: str) -> list[str]:
        return [kind for kind, known in self.tokens.items() if hmac.compare_digest(known, token)]

    def application(self) -> web.Application:
        app = web.Application(client_max_size=BODY_MAX_BYTES)
        app.router.add_route("*", "/api/{method}", self.call)
        app.router.add_get("/link", self.space.sockets.connect)
        app.router.add_route("*", "/upload/{file}", self.upload)
        app.router.add_get("/files/{file}/{name}", self.download)
        app.router.add_post("/response/{key}", self.respond)
        return app

    def fail(self, failure: Failure) -> None:
        self._failures.append(failure)

    def mend(self, method: str) -> None:
        self._failures = [failure for failure in self._failures if failure.method != method]

    # -- Web API

    async def call(self, request: web.Request) -> web.StreamResponse:
        """One call, from arguments to answer: https://docs.slack.dev/apis/web-api/"""
        name = request.match_info["method"]
        args = await self._arguments(request)
        token = request.headers.get("Authorization", "").removeprefix("Bearer ") or str(args.get("token", ""))
        args.pop("token", None)
        self.space.limiter.person = self.space.searcher(args)
        call = Call(name, args, time.monotonic(), host=request.host)
        self.calls.append(call)
        failure = self._failure(name, args)
        wait_s = 0
        if failure and (failure.error or failure.status != 200 or failure.drop == "before"):
            answer: Json = {"ok": False, "error": failure.error or "internal_error"} | failure.detail
        else:
            wait_s = self.space.limiter.take(name, self.space.team, args)
            answer = {"ok": False, "error": "ratelimited"} if wait_s else self._perform(name, args, token)
        call.answer, call.outcome = answer, "ok" if answer["ok"] else answer["error"]
        if failure and failure.drop:
            call.outcome = "dropped"
        self.space.pulse.beat()
        await asyncio.sleep(self.latency_s + (failure.delay_s if failure else 0))
        call.ended_at = time.monotonic()
        self.space.pulse.beat()
        if failure and failure.drop:
            return _hang_up(request)
        return self._answer(answer, failure, wait_s)

    def _perform(self, name: str, args: Json, token: str) -> Json:
        try:
            method = METHODS.get(name)
            if method is None:
                raise SlackError("unknown_method", req_method=name)
            self._authorise(method, token)
            self._permit(method, args)
            # An empty status is the way to clear it.
            missing = [m for m in method.needs if args.get(m) is None or (args[m] == "" and m != "status")]
            if missing:
                raise SlackError("invalid_arguments", messages=[f"[ERROR] missing field: {m}" for m in missing])
            return {"ok": True} | method.perform(self.space, args)
        except SlackError as e:
            if e.error in CLIENT_ERRORS:
                self.client_errors.append(f"{name}: {e.error} {e.detail}")
            messages = e.detail.pop("messages", None)
            shown = {"response_metadata": {"messages": messages}} if messages else {}
            return {"ok": False, "error": e.error} | e.detail | shown
        except (TypeError, ValueError, KeyError, AttributeError) as e:
            self.client_errors.append(f"{name}: {e!r}")
            return {"ok": False, "error": "fatal_error"}

    def _authorise(self, method: Method, token: str) -> None:
        if self.revoked:
            raise SlackError(self.revoked)
        if not token:
            raise SlackError("not_authed")
        kinds = self.kinds_of(token)
        if not kinds or (kinds == ["app"] and self.bad_app_token):
            raise SlackError("invalid_auth")
        if method.token not in ("any", kinds[0]):
            raise SlackError("not_allowed_token_type")

    def _permit(self, method: Method, args: Json) -> None:
        """https://docs.slack.dev/reference/scopes"""
        channel = self.space.channels.get(str(args.get("channel", "")))
        needed = method.scope.format(kind=KINDS[channel.kind if channel else "channel"])
        types = [TYPES[kind] for kind in str(args.get("types", "")).split(",") if kind in TYPES]
        for one in [method.scope.format(kind=kind) for kind in types] or [needed]:
            if one and one not in self.scopes.split(","):
                raise SlackError("missing_scope", needed=one, provided=self.scopes)

    def _answer(self, answer: Json, failure: Failure | None, wait_s: int) -> web.Response:
        headers = {"X-OAuth-Scopes": self.scopes}
        retry_after = (failure.retry_after if failure else None) or wait_s
        if retry_after:
            headers["Retry-After"] = str(retry_after)
        limited = answer.get("error") == "ratelimited"
        status = failure.status if failure and failure.status != 200 else 429 if limited else 200
        return web.json_response(answer, status=status, headers=headers)

    def _failure(self, method: str, args: Json) -> Failure | None:
        scripted = (f for f in self._failures if f.method == method and f.containing in str(args))
        failure = next(scripted, None)
        if failure is None:
            return None
        if failure.skip:
            failure.skip -= 1
            return None
        if failure.times is not None:
            failure.times -= 1
            if failure.times <= 0:
                self._failures.remove(failure)
        return failure

    async def _arguments(self, request: web.Request) -> Json:
        """Query, form or JSON, in one dictionary; JSON text inside forms is read too."""
        args: Json = dict(request.query)
        try:
            if request.content_type == "application/json":
                args |= await request.json()
            else:
                args |= dict(await request.post())
            for name in STRUCTURED & args.keys():
                args[name] = json.loads(args[name]) if isinstance(args[name], str) else args[name]
        except (ValueError, TypeError) as e:
            self.client_errors.append(f"{request.path}: {e}")
        return args

    # -- files

    async def upload(self, request: web.Request) -> web.Response:
        """Takes the bytes of files.getUploadURLExternal, raw or as a form's first file."""
        file = self.space.files.get(request.match_info["file"])
        if file is None or request.method not in ("POST", "PUT"):
            return web.Response(status=404)
        if request.content_type.startswith("multipart/"):
            parts = [part for part in (await request.post()).values() if isinstance(part, web.FileField)]
            file.content = parts[0].file.read() if parts else b""
        else:
            file.content = await request.read()
        if len(file.content) != file.size:
            file.content = None
            return web.Response(status=400, text="the length is not the announced one")
        return web.Response(text=f"OK - {len(file.content)}")

    async def download(self, request: web.Request) -> web.StreamResponse:
        """A private URL: without the token, or the scope, Slack answers with a form to sign in, status 200."""
        file = self.space.files.get(request.match_info["file"])
        self.downloads.append(request.path)
        if file is None:
            return web.Response(status=404)
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if (
            not self._may_download(token)
            or self.revoked
            or self.signed_out
            or "files:read" not in self.scopes.split(",")
        ):
            return web.Response(text="<html>Sign in to Slack</html>", content_type="text/html")
        if file.status != 200:
            return web.Response(status=file.status)
        if file.redirects:
            return web.Response(status=302, headers={"Location": file.redirects.pop(0)})
        if not file.pause_s:
            return web.Response(body=file.content, content_type=file.mimetype)
        return await _drip(request, file)

    def _may_download(self, token: str) -> bool:
        try:
            return "bot" in self.kinds_of(token)
        except SlackError:
            return False

    # -- response URLs

    async def respond(self, request: web.Request) -> web.Response:
        """https://docs.slack.dev/interactivity/handling-user-interaction/#message_responses"""
        url = self.space.response_urls.get(request.match_info["key"])
        if url is None or url.uses >= 5 or self.space.clock.now() - url.at_s > 30 * 60:
            return web.json_response({"ok": False, "error": "used_url" if url else "expired_url"}, status=404)
        url.uses += 1
        body = await request.json()
        self.responses.append(body)
        error = self.show(url.channel, url.user, url.source_ts, body)
        return (
            web.json_response({"ok": False, "error": error}, status=400) if error else web.Response(text="ok")
        )

    def show(self, channel: str, user: str, source_ts: str | None, body: Json) -> str | None:
        """Carries out an answer to an interaction; the error if it can't be shown."""
        try:
            self._show(channel, user, source_ts, body)
        except SlackError as e:
            self.client_errors.append(f"response: {e.error} {e.detail}")
            return e.error
        return None

    def answer_view(self, view: View, body: Json) -> None:
        """https://docs.slack.dev/surfaces/modals/#updating_response and #displaying_errors"""
        action, found = body.get("response_action"), ["unknown response_action"]
        if action == "update":
            found = list(block_kit.view_problems(body.get("view"), "modal"))
        elif action == "errors":
            inputs = block_kit.state(view.body["blocks"])
            found = [f"no input {name}" for name in body.get("errors") or {"": ""} if name not in inputs]
        if found:
            self.client_errors.append(f"view_submission: {action} {found}")
            return
        view.errors = body.get("errors", {})
        if action == "update":
            view.body = body["view"] | {"blocks": block_kit.completed(body["view"]["blocks"])}
        self.space.pulse.beat()

    def _show(self, channel: str, user: str, source_ts: str | None, body: Json) -> None:
        source = self.space.find(channel, source_ts) if source_ts else None
        sent = body.get("blocks", [])
        # A file of the app in an answer to a response URL: https://github.com/slackapi/java-slack-sdk/issues/1349
        if found := list(block_kit.problems(sent)) or list(block_kit.file_problems(sent, lambda _: False)):
            raise SlackError("invalid_blocks", messages=found)
        if block_kit.too_long(body.get("blocks", [])):
            raise SlackError("msg_blocks_too_long")
        blocks = block_kit.completed(body.get("blocks", []))
        if source and body.get("delete_original"):
            self.space.delete(source)
            return
        if not body.get("text") and not blocks:
            raise SlackError("no_text")
        if source and body.get("replace_original"):

            def alter(message: Message) -> None:
                message.text, message.blocks = body.get("text", ""), blocks

            self.space.change(source, alter)
            return
        message = Message(channel, self.space.new_ts(), BOT_USER, body.get("text", ""), blocks, bot_id=BOT)
        message.thread_ts = body.get("thread_ts") or (source.thread_ts if source else None)
        message.ephemeral_to = None if body.get("response_type") == "in_channel" else user
        self.space.post(message)


async def _drip(request: web.Request, file: File) -> web.StreamResponse:
    response = web.StreamResponse()
    response.content_length = len(file.content or b"")
    await response.prepare(request)
    for byte in file.content or b"":
        await response.write(bytes([byte]))
        await asyncio.sleep(file.pause_s)
    return response


def _hang_up(request: web.Request) -> web.Response:
    """Closes the connection without an answer."""
    if request.transport is not None:
        request.transport.close()
    return web.Response()
