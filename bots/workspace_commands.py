"""`parley workspaces`: the workspaces that have installed the app themselves, and the removal of their data."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from bots.account_commands import account
from bots.command_parts import errors_in_lines, open_shared, stored_settings, tell
from core.errors import SettingsError

if TYPE_CHECKING:
    from core.clock import SystemClock
    from core.values.installations import StoredInstallation
    from storage import DatabaseSettings

workspaces = typer.Typer(no_args_is_help=True, help="The workspaces that have installed the app themselves.")

workspaces.command("account")(account)


@workspaces.command("list")
def show() -> None:
    """Print each workspace: its id, its name, who installed the app when, and since when it is gone."""
    with errors_in_lines() as problems:
        import asyncio

        database, _, clock = stored_settings(problems)
        asyncio.run(_show(database, clock, tell))


@workspaces.command("remove")
def remove(
    team: Annotated[str, typer.Argument(metavar="PLATFORM:ID", help="The workspace, such as slack:T0123.")],
    yes: Annotated[bool, typer.Option("--yes", metavar="", help="Remove it without a question.")] = False,
) -> None:
    """Remove all that is stored of a workspace, and end its installation. Works beside a running parley."""
    with errors_in_lines() as problems:
        import asyncio

        from bots.company_export import team_named

        platform, id_ = team_named(team)
        database, _, clock = stored_settings(problems)
        if not yes and not typer.confirm(f"Remove all that is stored of {team}? It can't be had back"):
            tell("nothing was removed")
            return
        asyncio.run(_remove(database, clock, platform, id_, tell))


async def _show(database: DatabaseSettings, clock: SystemClock, say: Callable[[str], None]) -> None:
    from storage import open_existing

    store = await open_existing(database, clock)
    try:
        found = await store.installations("slack")
    finally:
        await store.close()
    for one in found:
        say(installation_line(one))
    if not found:
        say("no workspace has installed the app")


def installation_line(one: StoredInstallation) -> str:
    """An installation as a line."""
    key = one.key
    which = f"{key.platform}:{key.team}" if key.team else f"{key.platform}:{key.enterprise} (an organisation)"
    at = f"{one.installed_at:%Y-%m-%d}" if one.installed_at else "?"
    who = f" by {one.installed_by}" if one.installed_by else ""
    ended = f"; ended {one.ended_at:%Y-%m-%d} ({one.reason})" if one.ended_at else ""
    return f"{which}  {one.name or 'without a name'}  installed {at}{who}{ended}"


async def _remove(
    database: DatabaseSettings, clock: SystemClock, platform: str, team: str, say: Callable[[str], None]
) -> None:
    from bots.ended_installations import remove_team
    from core.values.installations import REMOVED

    store = await open_shared(database, clock)
    try:
        own = [one for one in await store.installations(platform) if one.key.team == team]
        runs = [one for one in own if await store.end_installation(one.key, REMOVED, clock.now())]
        rows = await remove_team(store, platform, team, clock)
        if not rows and not own:
            raise SettingsError(f"{platform}:{team}: nothing is stored of it")
        for one in own:
            if one not in runs:
                await store.forget_installation(one.key)
        await store.purge()
    finally:
        await store.close()
    say(f"removed  {platform}:{team}: {rows:,} rows")
    if runs:
        when = "within 30 seconds" if database.file is not None else "at once, or within 30 seconds"
        say(f"a running parley ends it {when}, and removes within an hour what it has stored until then")
