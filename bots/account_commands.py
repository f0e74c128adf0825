"""`parley workspaces account`: the model account that a workspace has of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from bots.command_parts import errors_in_lines, open_shared, stored_settings, tell
from core.errors import Code, ModelError, SettingsError
from core.settings.model_accounts import key_of, models_of
from core.settings.urls import base_url
from core.values.model_accounts import ModelAccount, key_end
from core.values.places import Person

if TYPE_CHECKING:
    from core.clock import SystemClock
    from core.settings.environment import CoreSettings
    from storage import DatabaseSettings, SqlStore

Tell = Callable[[str], None]

_OPERATOR = Person("", "the operator")
_BESIDE = "a running parley takes that over at once on PostgreSQL, and within a minute on SQLite"


def account(
    team: Annotated[str, typer.Argument(metavar="PLATFORM:ID", help="The workspace, such as slack:T0123.")],
    url: Annotated[
        str, typer.Option("--base-url", metavar="URL", help="The base URL of the endpoint.", show_default=False)
    ] = "",
    model: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A model of the endpoint, the default first. May be repeated."),
    ] = None,
    remove: Annotated[
        bool, typer.Option("--remove", metavar="", help="Have the operator's models answer again.")
    ] = False,
) -> None:
    """Set, show or remove the model account that alone answers the questions of a workspace. Without options it is
    shown. The key is asked for, or read from standard input: never from the arguments, which other processes see."""
    with errors_in_lines() as problems:
        import asyncio

        from bots.company_export import team_named

        platform, id_ = team_named(team)
        database, core, clock = stored_settings(problems)
        if remove:
            if url or model:
                raise SettingsError("--remove: takes neither --base-url nor --model")
            asyncio.run(_remove(database, clock, platform, id_, tell))
        elif url or model:
            wanted = _written(platform, id_, url, model or [])
            if not database.secret_keys.ids:
                raise SettingsError("PARLEY_SECRET_KEY: is needed to store a key; `parley init` makes one")
            key = _read_key(wanted)
            asyncio.run(_set(database, core, clock, wanted, key, tell))
        else:
            asyncio.run(_show(database, clock, platform, id_, tell))


def account_line(one: ModelAccount) -> str:
    """An account as a line."""
    key = f"key …{one.key_end}" if one.key_end else "a short key"
    return f"{one.platform}:{one.team}  {', '.join(one.models)} at {one.base_url} ({key})"


def _written(platform: str, team: str, url: str, models: list[str]) -> ModelAccount:
    """The account of the options. Raises SettingsError."""
    lines, address, names = [], "", tuple[str, ...]()
    try:
        address = base_url(url)
    except ValueError as error:
        lines.append(f"--base-url: {error}")
    try:
        names = models_of(",".join(models))
    except ValueError as error:
        lines.append(f"--model: {error}")
    if lines:
        raise SettingsError(*lines)
    return ModelAccount(platform, team, address, names)


def _read_key(wanted: ModelAccount) -> str:
    """The key of standard input, or the answer to a question. Raises SettingsError."""
    asked = f"Key for {wanted.base_url}"
    try:
        return key_of(typer.prompt(asked, hide_input=True) if sys.stdin.isatty() else sys.stdin.read(10_000))
    except ValueError as error:
        raise SettingsError(f"the key {error}; it is read from standard input") from None


async def _set(
    database: DatabaseSettings,
    core: CoreSettings,
    clock: SystemClock,
    wanted: ModelAccount,
    key: str,
    say: Tell,
) -> None:
    store = await open_shared(database, clock)
    try:
        await _verify(store, core, clock, wanted, key)
        stored = ModelAccount(
            wanted.platform, wanted.team, wanted.base_url, wanted.models, key_end(key), wanted.version
        )
        await store.put_model_account(stored, key, _OPERATOR, clock.now())
    finally:
        await store.close()
    say(f"stored  {account_line(stored)}")
    say(f"it alone answers the questions of this workspace from now on; {_BESIDE}")


async def _verify(
    store: SqlStore, core: CoreSettings, clock: SystemClock, wanted: ModelAccount, key: str
) -> None:
    """Raises SettingsError where the first model does not answer."""
    from core.llm.workspace_models import WorkspaceModels
    from core.ports.model import SilentObserver

    try:
        await WorkspaceModels(store, core, clock, SilentObserver()).verify(wanted, key)
    except ModelError as error:
        if error.code is Code.SETTINGS:
            raise SettingsError(f"--base-url: {error.detail}; nothing was stored") from None
        said = f"HTTP {error.status}: {error.detail}" if error.status else error.detail or str(error.code)
        what = f"{wanted.default_model} at {wanted.base_url}"
        raise SettingsError(f"{what} does not answer ({said}); nothing was stored") from None


async def _remove(database: DatabaseSettings, clock: SystemClock, platform: str, team: str, say: Tell) -> None:
    store = await open_shared(database, clock)
    try:
        if not await store.remove_model_account(platform, team, _OPERATOR, clock.now()):
            raise SettingsError(f"{platform}:{team}: has no model account of its own")
    finally:
        await store.close()
    say(
        f"removed  the model account of {platform}:{team}, with its key; the operator's models answer; {_BESIDE}"
    )


async def _show(database: DatabaseSettings, clock: SystemClock, platform: str, team: str, say: Tell) -> None:
    store = await open_shared(database, clock)
    try:
        found = await store.model_account(platform, team)
    finally:
        await store.close()
    say(account_line(found) if found else f"{platform}:{team}  has no model account of its own")
