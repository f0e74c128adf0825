"""The models that the endpoints list, kept for some minutes: for names that people choose, and those that are set.

A list is asked for once at the start for each account, then when a person chooses a model, and not waited for long.
Some endpoints have no list, and some serve names that theirs lacks: a list that can't be had refuses nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

import structlog

from core.clock import Clock
from core.errors import Code, ModelError, SettingsError
from core.llm.catalog import ModelCatalog, Route
from core.llm.model_list import served_models
from core.ports.model import ModelLookup, ModelObserver

FRESH_S = 300.0
"""Seconds for which a list is used, or known not to be there."""
FAILED_S = 30.0
"""Seconds after which an endpoint that could not be reached is asked again."""
WAIT_S = 2.0
"""Seconds for which the choice of a model waits for a list."""
_NEAR, _ALIKE = 3, 0.5
_PREFIX = "models/"
"""Before the names in the list of https://ai.google.dev/gemini-api/docs/openai, which takes them without it."""
_NO_LIST = frozenset(
    {
        *(Code.WRONG_URL, Code.GARBLED, Code.NO_MODEL, Code.BAD_REQUEST, Code.FORBIDDEN, Code.BAD_KEY),
        Code.SETTINGS,
    }
)
"""Refusals that asking again would not change: the endpoint has no list, or the next question raises an alert."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _List:
    """The names of a list, None where it could not be had, until a monotonic time. `lasts`: it can't be had at all."""

    names: frozenset[str] | None
    until_s: float
    lasts: bool = False


class ListedModels:
    """The lists of the accounts of `catalog`. `offered`: further models that people may choose. `environment` names
    proxies and certificates."""

    def __init__(
        self,
        catalog: ModelCatalog,
        clock: Clock,
        observer: ModelObserver,
        offered: Iterable[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._catalog = catalog
        self._clock = clock
        self._observer = observer
        self._offered = tuple(offered)
        self._environment = environment
        self._lists: dict[str, _List] = {}
        self._changed = asyncio.Event()
        self._reloads = 0
        self._asking: dict[str, asyncio.Task[frozenset[str] | None]] = {}
        self._running: set[asyncio.Task[frozenset[str] | None]] = set()

    async def find(self, name: str) -> ModelLookup:
        """Look a name up in the list of the account that would be asked for it. Waits `WAIT_S` at most."""
        names = await self._names_soon(self._catalog.routes[0]) if self._catalog.routes else None
        if not names:
            return ModelLookup(None)
        return ModelLookup(True) if lists(names, name) else ModelLookup(False, near(name, names))

    async def run(self) -> None:
        """Check the models that are set, once for each configuration. Until cancelled."""
        while True:
            while not await self.check():
                await self._clock.sleep(FAILED_S)
            await self._changed.wait()
            self._changed.clear()

    async def check(self) -> bool:
        """Warn of models that are set and that the lists of their accounts lack. Such a warning ends with a list that
        has the model. False where an account could not be asked now."""
        told = True
        for account in {route.account.name: route for route in reversed(self._catalog.routes)}.values():
            names = await self._names(account)
            for route in self._set_for(account) if names else ():
                self._report(route, names or frozenset())
            known = self._lists.get(account.account.name)
            told = told and (names is not None or known is None or known.lasts)
        return told

    def reload(self, catalog: ModelCatalog, offered: Iterable[str]) -> None:
        """The configuration has changed: `run` checks it anew."""
        self._catalog, self._offered = catalog, tuple(offered)
        self._reloads += 1
        self._lists.clear()
        self._asking.clear()
        self._changed.set()

    async def close(self) -> None:
        """End the requests that are under way."""
        asking = list(self._running)
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    def _set_for(self, account: Route) -> list[Route]:
        """The routes of an account; of the first one also those of models that are offered without a route."""
        routes = [route for route in self._catalog.routes if route.account == account.account]
        if account.account != self._catalog.routes[0].account:
            return routes
        return [*routes, *self._catalog.offered_routes(self._offered)]

    def _report(self, route: Route, names: frozenset[str]) -> None:
        subject = f"listing {route.offer}"
        if lists(names, route.model_there):
            self._observer.report_recovery(subject)
            return
        like = ", ".join(near(route.model_there, names))
        detail = f"{route.model_there} ({route.model_at}) is not among the {len(names)} models of its endpoint"
        log.warning("model_not_listed", model=route.model_there, setting=route.model_at, near=like)
        error = ModelError(Code.NOT_LISTED, f"{detail}; near: {like}" if like else detail)
        self._observer.report_failure(subject, error, route.places)

    async def _names_soon(self, route: Route) -> frozenset[str] | None:
        asking = asyncio.ensure_future(self._names(route))
        waiting = asyncio.ensure_future(self._clock.sleep(WAIT_S))
        try:
            await asyncio.wait({asking, waiting}, return_when=asyncio.FIRST_COMPLETED)
            return asking.result() if asking.done() else None
        finally:
            for task in (asking, waiting):
                task.cancel()
            await asyncio.gather(asking, waiting, return_exceptions=True)

    async def _names(self, route: Route) -> frozenset[str] | None:
        """The list of an account, None where it can't be had. A request that is given up goes on for the next one."""
        account, now = route.account.name, self._clock.monotonic()
        known = self._lists.get(account)
        if known is not None and now < known.until_s:
            return known.names
        if account not in self._asking:
            self._asking[account] = task = asyncio.create_task(self._ask(route))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return await asyncio.shield(self._asking[account])

    async def _ask(self, route: Route) -> frozenset[str] | None:
        names, lasts, reloads = None, True, self._reloads
        try:
            names = await served_models(route, self._clock, self._environment)
        except (ModelError, SettingsError) as error:
            lasts = error.code in _NO_LIST
            log.info("models_not_listed", account=route.account.name, **error.log_keys)
        except Exception:  # a list is of no such use that it may end the program
            log.exception("models_not_listed", account=route.account.name)
        if reloads == self._reloads:  # else the account may be another one by now
            until_s = self._clock.monotonic() + (FRESH_S if lasts else FAILED_S)
            self._lists[route.account.name] = _List(names, until_s, lasts)
            self._asking.pop(route.account.name, None)
        return names


def lists(names: frozenset[str], name: str) -> bool:
    """True if `names`, the list of an endpoint, has the model `name`."""
    return name in names or f"{_PREFIX}{name}" in names


def near(name: str, names: Iterable[str]) -> tuple[str, ...]:
    """The names that are most like `name`, the nearest first. Case and a path before a name do not count."""
    by_form = {one.lower().rpartition("/")[2]: one.removeprefix(_PREFIX) for one in sorted(names)}
    found = get_close_matches(name.lower().rpartition("/")[2], by_form, _NEAR, _ALIKE)
    return tuple(by_form[form] for form in found)
