"""The models of workspaces with model accounts of their own. Each has a router, with connections of its own.

The key and the base URL are read together each time that an account has changed, so that no key goes to another
address. An account is asked only for the requests of its own workspace.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Protocol

import httpx
import structlog
from pydantic import SecretStr

from core.addresses import Resolve, is_listed, is_public, resolve
from core.clock import Clock
from core.errors import BotError, Code, ModelError, StoreError
from core.llm import create_router
from core.llm.catalog import Account, ModelCatalog, Route
from core.llm.checked_transport import CheckedTransport
from core.llm.client import CompletionsClient
from core.llm.errors import fault
from core.llm.redacting_model import RedactedModel
from core.llm.response_reader import ReadTimeouts
from core.llm.router import ModelRouter
from core.ports.model import ModelObserver, Request, SilentObserver
from core.ports.store.accounts import ModelAccountStore
from core.redaction import Secrets
from core.settings.environment import CoreSettings
from core.settings.layers import own_model
from core.settings.urls import hosts_of
from core.values.conversation import text_message
from core.values.deltas import Delta
from core.values.model_accounts import OF_WORKSPACES, ModelAccount

KEPT = 500
"""The most routers that are kept."""
FOLLOWED_EVERY_S = 60.0
VERIFY_S = 60.0
"""Seconds for which the answer to the check of an account is waited for."""
_WORDS_OF_CHECK = "Reply with the word ready."
_TOKENS_OF_CHECK = 16

log = structlog.get_logger()


class Answering(Protocol):
    """A model with connections to close."""

    def stream(self, request: Request) -> AsyncGenerator[Delta, None]: ...

    async def close(self) -> None: ...


class _Observer(SilentObserver):
    """Counts tries without the names of models, and tells the operators of no failure: accounts are not theirs."""

    def __init__(self, counts: ModelObserver) -> None:
        self._counts = counts

    def count(self, name: str, **labels: str) -> None:
        self._counts.count(name, **{**labels, "account": OF_WORKSPACES, "model": OF_WORKSPACES})


@dataclass(eq=False, slots=True)
class _Kept:
    account: ModelAccount
    router: ModelRouter
    model: RedactedModel
    users: int = 0
    replaced: bool = False


@dataclass(slots=True)
class WorkspaceModels:
    """`core`: limits of answers and of connections. `allows`: an address that may be connected to."""

    store: ModelAccountStore
    core: CoreSettings
    clock: Clock
    observer: ModelObserver
    resolve: Resolve = resolve
    allows: Callable[[str], bool] = is_public
    _kept: OrderedDict[tuple[str, str], _Kept] = field(default_factory=OrderedDict, init=False)
    _closing: set[asyncio.Task[None]] = field(default_factory=set, init=False)

    async def stream(self, account: ModelAccount, request: Request) -> AsyncGenerator[Delta, None]:
        """The answer of a workspace's own account to its request. Raises ModelError: SETTINGS where its address is
        refused, CHANGED where the account was removed meanwhile."""
        kept = await self._current(account)
        kept.users += 1
        try:
            asked = replace(request, account=None, model=kept.account.model_for(request.model))
            async with aclosing(kept.model.stream(asked)) as deltas:
                async for delta in deltas:
                    yield delta
        except ModelError as error:
            error.own_account = True
            raise
        finally:
            kept.users -= 1
            self._close_unused(kept)

    async def verify(self, account: ModelAccount, key: str) -> None:
        """Ask the first model of an account for a word. Raises ModelError: SETTINGS where its address is refused."""
        patience = ReadTimeouts(VERIFY_S, VERIFY_S, VERIFY_S)
        client = CompletionsClient(account.base_url, key, self.clock, patience, guard=self._guard)
        message = text_message("user", _WORDS_OF_CHECK)
        request = Request((message,), account.default_model, max_tokens=_TOKENS_OF_CHECK)
        try:
            async with aclosing(client.stream(request)) as deltas:
                async for _ in deltas:
                    pass
        except ModelError as error:
            if error.code is Code.EMPTY:  # it answers, and has spent its few tokens on reasoning
                return
            raise
        finally:
            await client.close()

    def drop_expired(self) -> None:
        """Remove from memory what the routers keep past its lifetime."""
        for kept in self._kept.values():
            kept.router.drop_expired()

    async def run(self) -> None:
        """Drop the keys of accounts that were changed or removed, here or by another process, every minute. Until
        cancelled."""
        while True:
            await self.clock.sleep(FOLLOWED_EVERY_S)
            try:
                await self.drop_outdated()
            except StoreError as error:
                log.warning("model_accounts_not_followed", **error.log_keys)

    async def drop_outdated(self) -> None:
        """Drop those keys now; an answer that is being written goes on. Raises StoreError."""
        for whose, kept in list(self._kept.items()):
            now = await self.store.model_account(*whose)
            if (now is None or now.version != kept.account.version) and self._kept.get(whose) is kept:
                self._replace(whose)

    def forget(self, platform: str, team: str) -> None:
        """Drop the key of a team that has ended its installation."""
        self._replace((platform, team))

    def reload(self) -> None:
        """The operator's settings have changed: make the routers anew."""
        while self._kept:
            self._replace(next(iter(self._kept)))

    async def close(self) -> None:
        self.reload()
        await asyncio.gather(*self._closing)

    async def _current(self, account: ModelAccount) -> _Kept:
        """The router of a workspace's account, as that is now."""
        whose = account.platform, account.team
        kept = self._kept.get(whose)
        if kept is None or kept.account.version != account.version:
            kept = await self._read(whose)
        self._kept.move_to_end(whose)
        return kept

    async def _read(self, whose: tuple[str, str]) -> _Kept:
        try:
            found = await self.store.model_account_key(*whose)
        except BotError as error:
            log.error("model_account_not_read", platform=whose[0], team=whose[1], **error.log_keys)
            raise _own(fault(Code.SERVER_ERROR, "the key of the workspace's account can't be read")) from error
        if found is None:
            self._replace(whose)
            raise _own(fault(Code.CHANGED, "the workspace's account was removed"))
        now, key = found
        kept = self._kept.get(whose)
        if kept is not None and kept.account.version == now.version:
            return kept
        self._replace(whose)
        router = self._create(now, key, self.core)
        kept = self._kept[whose] = _Kept(now, router, RedactedModel(router, Secrets([key])))
        while len(self._kept) > KEPT:
            self._replace(next(iter(self._kept)))
        return kept

    def _create(self, account: ModelAccount, key: str, core: CoreSettings) -> ModelRouter:
        catalog = account_to_catalog(account, key, core)
        return create_router(core, catalog, self.clock, _Observer(self.observer), self._guard)

    def _guard(
        self, direct: httpx.AsyncBaseTransport, usual: httpx.AsyncBaseTransport
    ) -> httpx.AsyncBaseTransport:
        return CheckedTransport(direct, usual, self._trusts, self.resolve, self.allows)

    def _trusts(self, host: str) -> bool:
        return is_listed(host, hosts_of(self.core.parley_account_hosts))

    def _replace(self, whose: tuple[str, str]) -> None:
        former = self._kept.pop(whose, None)
        if former is not None:
            former.replaced = True
            self._close_unused(former)

    def _close_unused(self, kept: _Kept) -> None:
        if kept.replaced and not kept.users:
            task = asyncio.create_task(kept.model.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)


class AccountModel:
    """A model that has requests with an account answered by that alone, and all others by `operators`. It closes the
    latter."""

    def __init__(self, operators: Answering, workspaces: WorkspaceModels) -> None:
        self._operators = operators
        self._workspaces = workspaces

    def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        """Raises ModelError."""
        if request.account is None:
            return self._operators.stream(request)
        return self._workspaces.stream(request.account, request)

    async def close(self) -> None:
        await self._operators.close()


def account_to_catalog(account: ModelAccount, key: str, core: CoreSettings) -> ModelCatalog:
    """The models of a workspace's account. Advice names the account and its command, and no setting of the
    operator's."""
    name = f"{account.platform}:{account.team}"
    at = f"the model account of {name} (parley workspaces account {name})"
    one = Account(name, name, account.base_url, SecretStr(key), key_at=at, url_at=at)
    routes = (Route(one, own_model(model, core), model, at, at) for model in account.models)
    return ModelCatalog(own_model(account.default_model, core), tuple(routes), name)


def _own(error: ModelError) -> ModelError:
    error.own_account = True
    return error
