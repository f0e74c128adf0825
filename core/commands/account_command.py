"""`/settings account`: the model account that a workspace has of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from core.access import is_admin
from core.clock import Clock
from core.commands import ACCOUNT
from core.commands.context import CommandContext
from core.commands.parser import CommandError, echo
from core.commands.settings_view import TAKEN_BACK, listed
from core.errors import Code, ModelError
from core.ports.store.accounts import ModelAccountStore
from core.settings.model_accounts import key_of, models_of
from core.settings.urls import base_url
from core.values.model_accounts import ModelAccount, key_end
from core.values.ui import Field, Form, ImmediateReply

Verify = Callable[[ModelAccount, str], Awaitable[None]]
"""Asks the first model of an account for a word. Raises ModelError: SETTINGS where its address is refused."""

_URL, _MODELS, _KEY = "set_account_url", "set_account_models", "set_account_key"
_PHRASES = {
    Code.SETTINGS: ("account_refused_address", _URL),
    Code.WRONG_URL: ("account_wrong_address", _URL),
    Code.GARBLED: ("account_wrong_address", _URL),
    Code.UNREACHABLE: ("account_unreachable", _URL),
    Code.BAD_KEY: ("account_wrong_key", _KEY),
    Code.FORBIDDEN: ("account_wrong_key", _KEY),
    Code.NO_MONEY: ("account_no_money", _KEY),
    Code.NO_MODEL: ("account_wrong_model", _MODELS),
}


class AccountCommand:
    """`verify`: None where no account can be stored."""

    def __init__(self, store: ModelAccountStore, clock: Clock, verify: Verify | None) -> None:
        self._store = store
        self._clock = clock
        self._verify = verify

    async def account(self, given: CommandContext) -> ImmediateReply:
        """Show the account, or set or remove it: admins alone may. Raises CommandError and StoreError."""
        place = given.place
        if not is_admin(given.author, place, given.core):
            raise CommandError("settings_by_admin")
        if not place.team:
            raise CommandError("account_elsewhere")
        if self._verify is None:
            raise CommandError("account_off")
        former = given.stored.account
        if _URL in given.values:
            return await self._submitted(given, former, self._verify)
        if text := given.option("value"):
            if text.strip().lower() not in TAKEN_BACK:
                raise CommandError("account_by_form")
            return await self._remove(given)
        return ImmediateReply(_shown(given, former), form=_form(given, former))

    def hint(self, given: CommandContext) -> str:
        """The line under the settings that leads admins here; empty for others."""
        if self._verify is None or not given.place.team or not is_admin(given.author, given.place, given.core):
            return ""
        account = given.stored.account
        which = listed(account.models) if account else given.phrase("origin_default")
        return given.phrase("account_line", models=which, prefix=given.command.prefix)

    async def _submitted(
        self, given: CommandContext, former: ModelAccount | None, verify: Verify
    ) -> ImmediateReply:
        written = given.option(_URL).strip()
        if not written:
            return await self._remove(given)
        url, models = _address(written), _models(given.option(_MODELS))
        key = await self._key(given, former, url)
        place = given.place
        account = ModelAccount(place.platform, place.team, url, models, key_end(key))
        try:
            await verify(account, key)
        except ModelError as error:
            phrase, about = _PHRASES.get(error.code, ("account_no_answer", _URL))
            values = {"model": account.default_model, "url": url}
            raise CommandError(phrase, about, **values) from None
        stored = await self._store.put_model_account(account, key, given.author, self._clock.now())
        return ImmediateReply(f"{given.phrase('account_stored')}\n{_shown(given, stored)}")

    async def _key(self, given: CommandContext, former: ModelAccount | None, url: str) -> str:
        """The key of the form; where that is empty, the stored one, which goes to its own address alone."""
        if written := given.option(_KEY).strip():
            try:
                return key_of(written)
            except ValueError:
                raise CommandError("account_bad_key", _KEY) from None
        if former is None or former.base_url != url:
            raise CommandError("account_key_missing", _KEY)
        found = await self._store.model_account_key(former.platform, former.team)
        if found is None or found[0].base_url != url:
            raise CommandError("account_key_missing", _KEY)
        return found[1]

    async def _remove(self, given: CommandContext) -> ImmediateReply:
        place = given.place
        now = self._clock.now()
        removed = await self._store.remove_model_account(place.platform, place.team, given.author, now)
        return ImmediateReply(given.phrase("account_removed" if removed else "account_none"))


def _address(written: str) -> str:
    try:
        return base_url(written)
    except ValueError:
        raise CommandError("account_bad_address", _URL, url=echo(written)) from None


def _models(written: str) -> tuple[str, ...]:
    try:
        return models_of(written)
    except ValueError:
        raise CommandError("account_bad_models", _MODELS) from None


def _shown(given: CommandContext, account: ModelAccount | None) -> str:
    """An account as admins see it: of the key its last characters."""
    if account is None:
        return given.phrase("account_none")
    key = given.phrase("account_key_end", end=account.key_end) if account.key_end else ""
    values = {"models": listed(account.models), "url": account.base_url, "which": key}
    return f"{given.phrase('account_now', **values)}\n{given.phrase('account_means')}"


def _form(given: CommandContext, account: ModelAccount | None) -> Form:
    kept = "account_key_kept" if account else "account_key_hint"
    fields = (
        Field(
            _URL, given.phrase("account_url"), value=account.base_url if account else "", hint="https://host/v1"
        ),
        Field(
            _MODELS,
            given.phrase("account_models"),
            value=", ".join(account.models) if account else "",
            hint="gpt-5, gpt-5-mini",
        ),
        Field(_KEY, given.phrase("account_key"), hint=given.phrase(kept)),
    )
    title = given.phrase("account_form")
    return Form("settings", title, given.phrase("send"), fields, {"name": ACCOUNT})
