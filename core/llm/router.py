"""The retry loop of a turn over all accounts and models, with one budget of tries and seconds.

`core.llm.retry_policy` decides the step after a failure. Routes with open breakers come last, but are tried
once if no other is left, so that a recovery is noticed. SDKs and clients below never retry.
"""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import partial

import structlog

from core.clock import Clock
from core.errors import Code, FailedRequest, ModelError
from core.i18n import advise
from core.llm.catalog import ModelCatalog, Route
from core.llm.circuit_breaker import Breakers
from core.llm.client import CompletionsClient
from core.llm.concurrency import ConcurrencyLimiter
from core.llm.context_windows import TOO_LONG, ContextWindows, RejectedRequest
from core.llm.descriptions import Descriptions
from core.llm.errors import fault
from core.llm.image_refusals import ImageRefusal
from core.llm.images import images_of, missing_images, newest_images
from core.llm.model_spans import traced
from core.llm.prompt_fitting import estimate_messages, estimate_tools, fit
from core.llm.retry_policy import (
    FailedAttempt,
    FailureAction,
    RetryBudget,
    RetrySameRoute,
    decide,
    key_of,
    keys_of,
    remaining_routes,
    rule_for,
)
from core.llm.vision import MOST_IMAGES, ImageCut, Vision, cut_after, show_newest
from core.ports.model import ModelObserver, Request
from core.values.conversation import Message
from core.values.deltas import Charged, Delta, Ended, EndReason, ImagesRefused, ModelSelected, Queued
from core.values.parts import Image, Text

_BROKE_OFF = frozenset({Code.CUT, Code.STALLED, Code.ERROR_IN_STREAM})

log = structlog.get_logger()


@dataclass(slots=True)
class _Turn:
    """The state of one question: the remaining routes and the spent budget. `began`: monotonic seconds."""

    request: Request
    left: list[Route]
    began: float
    shown: Request = field(init=False)
    """The request with the images that the route may receive."""
    messages: tuple[Message, ...] = ()
    """The messages of `shown` that fit into `window` tokens."""
    window: int = 0
    cuts: list[ImageCut] = field(default_factory=list)
    """The images left out since the route last answered."""
    tries: int = 0
    route_tries: int = 0
    known: frozenset[Code | None] = frozenset()
    visible: bool = False
    disobeyed: bool = False
    """The model has called tools although it must not. It is not offered any again."""
    lost: dict[str, tuple[ModelError, Route]] = field(default_factory=dict)
    """Errors to report to operators if the question fails, by the name of the breaker."""

    @property
    def asker(self) -> str:
        return self.request.asker or self.request.fair_key


@dataclass(slots=True)
class ModelRouter:
    """A `Model` over the accounts and models of a catalog. `clients` are keyed by account name."""

    catalog: ModelCatalog
    clients: Mapping[str, CompletionsClient]
    clock: Clock
    observer: ModelObserver
    allowance: RetryBudget = field(default_factory=RetryBudget)
    jitter: Callable[[], float] = random.random
    describes: bool = False
    """True if a vision model describes images for a model without vision."""
    breakers: Breakers = field(default_factory=Breakers)
    limiters: dict[str, ConcurrencyLimiter] = field(init=False)
    _windows: ContextWindows = field(default_factory=ContextWindows, init=False)
    _vision: Vision = field(default_factory=Vision, init=False)
    _descriptions: Descriptions = field(init=False)

    def __post_init__(self) -> None:
        accounts = [route.account for route in self.catalog.routes]
        self._descriptions = Descriptions(self.clock)
        self.limiters = {account.name: ConcurrencyLimiter(account.concurrency) for account in accounts}

    def drop_expired(self) -> None:
        """Remove descriptions of images that are past their lifetime from memory."""
        self._descriptions.drop_expired()

    async def close(self) -> None:
        for client in self.clients.values():
            await client.close()

    def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        """Raises ModelError; its `reported` says whether an alert has reached the operators."""
        return self._stream(request, describes=self.describes and not request.joined)

    async def _stream(self, request: Request, *, describes: bool) -> AsyncGenerator[Delta, None]:
        routes = self._allowed(routes_for(self.catalog, request.model), request)
        turn = _Turn(request, routes, self.clock.monotonic())
        if not turn.left:
            raise fault(Code.NO_MODEL, "no model has a known price")
        while True:
            route = self._choose(turn)
            turn.cuts, turn.route_tries = [], 0
            self._prepare(turn, route)
            while True:
                if describes and self._sees_none(route):
                    describes = False
                    async for delta in self._describe(turn, route):
                        yield delta
                    self._prepare(turn, route)
                selected_s = self.clock.monotonic()
                yield self._selected(turn, route)
                turn.began += self.clock.monotonic() - selected_s  # for which the caller may have waited
                try:
                    async with aclosing(self._ask(turn, route)) as deltas:
                        async for delta in deltas:
                            turn.visible = turn.visible or isinstance(delta, Text)
                            yield delta
                    return
                except ModelError as error:
                    if self._leave_out_images(error, turn, route):
                        continue
                    step = self._after(error, turn, route)
                    if step is FailureAction.GIVE_UP:
                        self._report(turn)
                        raise self._explained(error, turn, route) from error
                if not isinstance(step, RetrySameRoute):
                    break
                if step.wait_s:
                    await self.clock.sleep(step.wait_s)

    def _allowed(self, routes: Sequence[Route], request: Request) -> list[Route]:
        """The routes whose price is known, where the request asks for that; else all."""
        today = self.clock.now().date()
        return [route for route in routes if not request.priced or route.model_info.is_priced(today)]

    def _choose(self, turn: _Turn) -> Route:
        """The first route with closed breakers, preferably a free one of its model; else the first remaining one."""
        now = self.clock.monotonic()
        well = [route for route in turn.left if self.breakers.allow(keys_of(route), now)]
        model = (well or turn.left)[0].model_info.name
        same = [route for route in well if route.model_info.name == model]
        free = [route for route in same if not self.limiters[route.account.name].full(turn.asker, now)]
        return (free or well or turn.left)[0]

    def _prepare(self, turn: _Turn, route: Route) -> None:
        """Fit the request to the vision and window of the model of `route`."""
        now = self.clock.monotonic()
        model_info = self._windows.model_info(route, now)
        turn.shown = self._vision.show(route, turn.request, now, self._descriptions.words_for)
        if turn.cuts:
            turn.shown = show_newest(turn.shown, turn.cuts[-1].most, self._descriptions.words_for)
        turn.messages, turn.window = fit(turn.shown, model_info), model_info.context_tokens

    def _sees_none(self, route: Route) -> bool:
        """True if the model of `route` is known to have no vision."""
        return self._vision.model_info(route, self.clock.monotonic()).images is False

    def _selected(self, turn: _Turn, route: Route) -> ModelSelected:
        model_info = self._vision.model_info(route, self.clock.monotonic())
        missing = missing_images(turn.request.messages + turn.request.steps, turn.messages)
        unseen = tuple(image for image in missing if not self._descriptions.has(image))
        tokens = estimate_messages(turn.messages) + estimate_tools(turn.request.tools)
        return ModelSelected(model_info, tokens, unseen, len(images_of(turn.messages)))

    def _refused_images(self, turn: _Turn, route: Route) -> tuple[Image, ...]:
        """The images of the request that the endpoint refuses. It has answered without them by now."""
        now = self.clock.monotonic()
        if turn.cuts:
            self._vision.learn(route, turn.cuts, now)
            turn.cuts = []
        return self._vision.refused(route, images_of(turn.request.messages + turn.request.steps), now)

    async def _describe(self, turn: _Turn, blind: Route) -> AsyncGenerator[Delta, None]:
        """Have another model describe the images. The time does not count against the budget."""
        began = self.clock.monotonic()
        allowed = self._allowed(self.catalog.routes, turn.request)
        others = [route for route in allowed if route.offer != blind.offer]
        route = self._vision.first_with_vision(others, began)
        images = images_of(turn.request.messages + turn.request.steps)[-MOST_IMAGES:]
        if route is None or not images:
            return
        ask = partial(self._stream, describes=False)
        seeing = (
            other.model_info for other in allowed if self._vision.model_info(other, began).images is not False
        )
        model_infos = tuple(dict.fromkeys((route.model_info, *seeing)))
        making = self._descriptions.make(ask, turn.request, images, model_infos)
        async with aclosing(making) as deltas:
            async for delta in deltas:
                yield delta
        turn.began += self.clock.monotonic() - began

    async def _ask(self, turn: _Turn, route: Route) -> AsyncGenerator[Delta, None]:
        """Make one attempt, including its time in the queue, and record its outcome."""
        concurrency, keys = self.limiters[route.account.name], keys_of(route)
        if queued := concurrency.full(turn.asker, self.clock.monotonic()):
            yield Queued()
        await self._enter(concurrency, turn)
        turn.tries += 1
        turn.route_tries += 1
        began, under_way = self.clock.monotonic(), concurrency.inside
        turn.known = frozenset(self.breakers[key].why for key in keys if not self.breakers[key].allows(began))
        probes = self.breakers.begin(keys, began)
        tools = () if turn.disobeyed or route.model_info.tools is False else turn.request.tools
        request = replace(turn.request, messages=turn.messages, steps=(), model=route.model_there, tools=tools)
        may_call = bool(tools) and request.may_call
        outcome, answering = "stopped", False
        try:
            if queued:
                yield Queued(over=True)
            asking = traced(self.clients[route.account.name].stream(request), route, request)
            async with aclosing(asking) as deltas:
                async for delta in deltas:
                    if not answering and not isinstance(delta, Charged):
                        answering = True
                        if refused := self._refused_images(turn, route):
                            yield ImagesRefused(refused)
                    if isinstance(delta, Ended) and _only_calls(delta, turn) and not may_call:
                        yield Charged(delta.usage)
                        turn.disobeyed = True
                        raise fault(Code.EMPTY, "nothing but calls of tools, and none may be called")
                    yield delta
            outcome = "answered"
            self._well(route)
        except ModelError as error:
            outcome = str(error.code)
            if error.code is Code.RATE_LIMITED:
                concurrency.limit.halve(self.clock.monotonic(), began, under_way)
            self._blame(error, route, probes)
            raise
        finally:
            self.breakers.drop(probes)
            concurrency.leave(turn.asker, self.clock.monotonic())
            self.observer.count(
                "parley_tries_total", account=route.account.name, model=route.model_info.name, outcome=outcome
            )

    async def _enter(self, concurrency: ConcurrencyLimiter, turn: _Turn) -> None:
        """Wait for a slot without a limit: the person sees that they wait, and each answer before theirs has its own
        limits. The time does not count against the budget."""
        queued_at = self.clock.monotonic()
        await concurrency.enter(turn.asker, turn.request.fair_key, queued_at)
        turn.began += self.clock.monotonic() - queued_at

    def _well(self, route: Route) -> None:
        now = self.clock.monotonic()
        for key in keys_of(route):
            self.breakers[key].succeed(now)
        self.observer.report_recovery(*keys_of(route))

    def _blame(self, error: ModelError, route: Route, probes: frozenset[str]) -> None:
        """Record the failure in the breaker at fault; the others learn nothing. A rate limit that names its own end
        raises no alert."""
        rule, now = rule_for(error), self.clock.monotonic()
        if error.ours or rule.blames is None:
            return
        key = key_of(route, rule.blames)
        rest_s = rule.breaks_s or error.retry_after_s
        too_often = self.breakers[key].fail(now, error.code, rest_s, probe=key in probes)
        limited = error.code is Code.RATE_LIMITED and rest_s is not None
        if rule.alerts or (too_often and not limited):
            self.observer.report_failure(key, error, route.places)

    def _report(self, turn: _Turn) -> None:
        for key, (error, route) in turn.lost.items():
            self.observer.report_failure(key, error, route.places)

    def _after(self, error: ModelError, turn: _Turn, route: Route) -> RetrySameRoute | FailureAction:
        now, rule = self.clock.monotonic(), rule_for(error)
        error.request = FailedRequest(route.account.name, route.model_info.name, turn.tries, route.places)
        if rule.reports and rule.blames is not None and not error.ours:
            turn.lost[key_of(route, rule.blames)] = error, route
        others = remaining_routes(turn.left, route, rule.leaves)
        shorter = self._shorter(error, turn, route)
        failed = FailedAttempt(
            error,
            turn.tries,
            turn.route_tries,
            now - turn.began,
            turn.visible,
            error.code in turn.known,
            elsewhere=any(
                other.model_info.name == route.model_info.name and self.breakers.allow(keys_of(other), now)
                for other in others
            ),
            shorter=shorter != turn.messages,
        )
        step = decide(failed, self.allowance, self.jitter())
        turn.messages = shorter
        if step is FailureAction.OTHER:
            turn.left = others
            step = FailureAction.OTHER if others else FailureAction.GIVE_UP
        log.log(
            rule.level,
            "model_failed" if step is FailureAction.GIVE_UP else "model_retried",
            code=str(error.code),
            status=error.status,
            request_id=error.request_id,
            detail=error.detail,
            advice=advise(error.code, "en", route.places),
            account=route.account.name,
            model=route.model_info.name,
            attempt=turn.tries,
            wait_s=round(step.wait_s, 2) if isinstance(step, RetrySameRoute) else None,
            next=str(step) if isinstance(step, FailureAction) else "same",
            retry_after_s=error.retry_after_s,
            ref=error.ref,
        )
        return step

    def _leave_out_images(self, error: ModelError, turn: _Turn, route: Route) -> bool:
        """Leave out images that may be why the endpoint refused the request. The attempt does not count as a try.

        Returns False, and changes nothing, if no image is at fault.
        """
        shown = images_of(turn.messages)
        cut = None if turn.visible else cut_after(error, shown, estimate_messages(turn.messages))
        if cut is None:
            return False
        if cut.refusal is ImageRefusal.ALL:
            self._vision.learn(route, [cut], self.clock.monotonic())
        turn.cuts.append(cut)
        turn.shown = show_newest(turn.shown, cut.most, self._descriptions.words_for)
        turn.messages = newest_images(turn.messages, cut.most, self._descriptions.words_for)
        turn.tries, turn.route_tries = turn.tries - 1, turn.route_tries - 1
        log.info(
            "images_left_out",
            refusal=str(cut.refusal),
            shown=len(shown),
            left=cut.most,
            account=route.account.name,
            model=route.model_info.name,
            **error.log_keys,
        )
        return True

    def _shorter(self, error: ModelError, turn: _Turn, route: Route) -> tuple[Message, ...]:
        """The messages to send again, cut if they were too long."""
        if error.code not in TOO_LONG:
            return turn.messages
        now = self.clock.monotonic()
        refused = RejectedRequest(turn.shown, turn.messages, turn.window)
        shorter = self._windows.shortened(route, error, refused, now)
        turn.window = self._windows.model_info(route, now).context_tokens
        return shorter

    def _explained(self, error: ModelError, turn: _Turn, route: Route) -> ModelError:
        """The error as a person sees it."""
        if turn.visible and error.code not in _BROKE_OFF:
            return _broken_off(error)
        rule = rule_for(error)
        if not turn.visible and rule.blames is not None:
            error.reported = self.observer.is_reported(key_of(route, rule.blames), error.code)
        return error


def routes_for(catalog: ModelCatalog, model: str) -> list[Route]:
    """The routes of `model`, then the others.

    A model outside the catalog is requested by its name from the endpoint of the first route, at an unknown price.
    """
    wanted = [route for route in catalog.routes if route.model_info.name == model]
    rest = [route for route in catalog.routes if route.model_info.name != model]
    if not wanted and model:
        first, model_info = catalog.routes[0], catalog.model_info(model)
        wanted = [
            replace(route, model_info=model_info, model_there=model, model_at=f"/model {model}")
            for route in rest
            if route.offer == first.offer
        ]
    return wanted + rest


def _only_calls(ended: Ended, turn: _Turn) -> bool:
    return ended.reason is EndReason.TOOLS and not turn.visible


def _broken_off(error: ModelError) -> ModelError:
    """The error of an answer that broke off after it began; the cause goes to the log only."""
    code = Code.CUT if error.code is Code.GARBLED else Code.ERROR_IN_STREAM
    told = fault(code, f"{error.code}: {error.detail}", status=error.status, request_id=error.request_id)
    told.ref, told.request = error.ref, error.request
    return told
