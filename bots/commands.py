"""The commands: `parley run` and those of the operator. `cli` starts them.

The commands import what they use themselves: all of it takes a second of the processor, of which `parley --help` needs
none, and aiohttp makes TLS contexts as it is imported, which fails for odd variables of the environment.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bots.command_parts import INTERRUPTED, errors_in_lines, leave, note, stored_settings, tell
from bots.setup import options as init_options
from bots.workspace_commands import workspaces
from core.errors import SettingsError
from core.spend.periods import PeriodName

if TYPE_CHECKING:
    from bots.app import Tell
    from bots.config import Config
    from core.spend.usage_table import TableFormat

parley = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
parley.add_typer(workspaces, name="workspaces")


def _show_version_and_end(wanted: bool) -> None:
    if wanted:
        typer.echo(version("parley"))
        raise typer.Exit


@parley.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", metavar="", callback=_show_version_and_end, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Parley brings any OpenAI-compatible model into Slack, Discord and web threads."""


@parley.command()
def run() -> None:
    """Start every platform that is configured, until SIGTERM or Ctrl+C."""
    with errors_in_lines() as problems:
        from bots import config, programs

        _perform(config.Config.load(problems), programs.run)


@parley.command()
def summary(
    now: Annotated[
        bool, typer.Option("--now", metavar="", help="Post the report of the period so far at once.")
    ] = False,
    period: Annotated[PeriodName, typer.Option("--period", help="The period of the report.")] = PeriodName.DAY,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", metavar="", help="Print the report, and post nothing.")
    ] = False,
    chart: Annotated[
        Path | None, typer.Option("--chart", metavar="FILE", help="With --dry-run: a PNG file for the chart.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", metavar="", help="Have the chart replace a file that exists.")
    ] = False,
) -> None:
    """Post the usage report to PARLEY_SUMMARY_CHANNELS."""
    if not (now or dry_run):
        raise typer.BadParameter("say --now: at its time of day the running parley posts it by itself")
    if chart is not None and not dry_run:
        raise typer.BadParameter("--chart is for --dry-run: a report that is posted has its chart")
    if force and chart is None:
        raise typer.BadParameter("--force is for --chart: nothing else is written")
    with errors_in_lines() as problems:
        from bots import config, programs

        if dry_run:
            _perform(
                config.Config.load(problems),
                lambda loaded, tell: programs.print_summary(loaded, tell, period, chart, force=force),
            )
        else:
            _perform(
                config.Config.load(problems), lambda loaded, tell: programs.post_summary(loaded, tell, period)
            )


Csv = Annotated[bool, typer.Option("--csv", metavar="", help="Print CSV, as without --json.")]
Json = Annotated[bool, typer.Option("--json", metavar="", help="Print JSON.")]
Since = Annotated[
    str, typer.Option(metavar="DATE", help="The first day, such as 2026-11-01; else the first of this month.")
]


@parley.command()
def usage(
    csv: Csv = False,
    json: Json = False,
    since: Since = "",
    by: Annotated[
        str, typer.Option(metavar="FIELDS", help="Any of day, channel, person, model; separated by commas.")
    ] = "channel,model",
) -> None:
    """Print the questions, tokens and costs that are stored. Works beside a running parley."""
    with errors_in_lines() as problems:
        from bots import exports

        database, core, clock = stored_settings(problems)
        first, fields = exports.day_of(since, clock, core), exports.fields_of(by)
        _print(exports.usage_table(database, core, clock, first, fields, _format(csv, json)))


@parley.command()
def feedback(csv: Csv = False, json: Json = False, since: Since = "") -> None:
    """Print people's opinions of answers with their reasons. Works beside a running parley."""
    with errors_in_lines() as problems:
        from bots import exports

        database, core, clock = stored_settings(problems)
        _print(exports.feedback_table(database, clock, exports.day_of(since, clock, core), _format(csv, json)))


@parley.command()
def errors(
    ref: Annotated[str, typer.Argument(metavar="[REF]", help="A reference; else the newest 20.")] = "",
) -> None:
    """Print the cause of a failure, by the reference that a person was shown. Works beside a running parley."""
    with errors_in_lines() as problems:
        from bots import failures

        database, core, clock = stored_settings(problems)
        if ref:
            _print(failures.reference_to_text(database, core, clock, ref))
        else:
            _print(failures.newest_to_text(database, core, clock))


@parley.command()
def replicas(
    json: Annotated[bool, typer.Option("--json", metavar="", help="Print JSON, with all teams.")] = False,
) -> None:
    """Print the processes that share a PostgreSQL, and what each holds. Works beside them."""
    with errors_in_lines() as problems:
        from bots import config, replica_table

        shards = config.gateway_shards(problems)
        database, core, clock = stored_settings(problems)
        _print(replica_table.replicas_to_text(database, core, shards, clock, as_json=json))


@parley.command()
def retry(
    which: Annotated[str, typer.Argument(metavar="TURN|REF", help="A failed turn, or its reference.")],
) -> None:
    """Ask a question that failed again, once. Works beside a running parley, which then answers it."""
    with errors_in_lines() as problems:
        from bots import failures

        database, _, clock = stored_settings(problems)
        _print(failures.retry_to_text(database, clock, which))


@parley.command()
def export(
    file: Annotated[
        Path, typer.Argument(metavar="[FILE]", help="The file to make; - is standard output.")
    ] = Path("-"),
    team: Annotated[
        str,
        typer.Option("--team", metavar="PLATFORM:ID", help="Only what is stored of it, such as slack:T0123."),
    ] = "",
    force: Annotated[bool, typer.Option("--force", metavar="", help="Replace a file that exists.")] = False,
) -> None:
    """Write all records of the store, or those of a team, as JSON lines. Works beside a running parley."""
    with errors_in_lines() as problems:
        import asyncio

        from bots import company_export

        database, core, clock = stored_settings(problems)
        asyncio.run(company_export.export(database, core, clock, file, tell, team=team, force=force))


@parley.command()
def backup(
    file: Annotated[Path, typer.Argument(help="The file to make, of mode 0600.")],
    force: Annotated[bool, typer.Option("--force", metavar="", help="Replace a file that exists.")] = False,
) -> None:
    """Copy the SQLite database into one file. Works beside a running parley."""
    with errors_in_lines() as problems:
        from bots.backup import make_backup

        database, _, _ = stored_settings(problems)
        make_backup(database, file, tell, force=force)


@parley.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A file of parley backup.")],
    force: Annotated[
        bool, typer.Option("--force", help="Make the database where there is none to replace.")
    ] = False,
) -> None:
    """Put a backup in the place of the SQLite database, which is kept. No parley may run on it."""
    with errors_in_lines() as problems:
        import asyncio

        from bots import backup

        database, _, clock = stored_settings(problems)
        asyncio.run(backup.restore(database, file, clock, tell, force=force))


def _format(csv: bool, json: bool) -> TableFormat:
    if csv and json:
        raise SettingsError("say --csv or --json, not both")
    from core.spend.usage_table import TableFormat

    return TableFormat.JSON if json else TableFormat.CSV


def _print(text: Awaitable[str]) -> None:
    import asyncio

    from core.log import redact

    async def printed() -> None:
        sys.stdout.write(redact(await text))

    asyncio.run(printed())


@parley.command()
def init(
    platform: init_options.Platforms = None,
    slack_bot_token: init_options.SlackBotToken = None,
    slack_app_token: init_options.SlackAppToken = None,
    slack_signing_secret: init_options.SlackSigningSecret = None,
    slack_url: init_options.SlackUrl = None,
    slack_bot_name: init_options.SlackBotName = None,
    slack_ask_command: init_options.SlackAskCommand = None,
    slack_command: init_options.SlackCommand = None,
    discord_bot_token: init_options.DiscordToken = None,
    base_url: init_options.BaseUrl = None,
    api_key: init_options.ApiKey = None,
    model: init_options.Models = None,
    endpoint: init_options.Endpoints = None,
    admins: init_options.Admins = None,
    language: init_options.Language = None,
    time_zone: init_options.TimeZone = None,
    memory: init_options.Memory = None,
    keep_days: init_options.KeepDays = None,
    manifest: init_options.Manifest = None,
    yes: init_options.Yes = False,
    overwrite: init_options.Overwrite = False,
) -> None:
    """Set Parley up in this folder: ask, and write .env.

    Prints the manifest of the Slack app with the reason of each scope, and the
    invite of the Discord bot. What is set already is the default of each
    question. For several models or endpoints parley.toml is written too. Only
    their owner can read both files.
    """
    with errors_in_lines() as problems:
        problems.check()
        from bots.setup.init import Flags, Init
        from bots.setup.terminal import Terminal

        if not yes and not sys.stdin.isatty():
            raise SettingsError(
                "init: there is no terminal to ask at; say --yes, and give the answers as options"
            )
        values = {
            "platforms": tuple(platform) if platform else None,
            "slack_bot_token": slack_bot_token,
            "slack_app_token": slack_app_token,
            "slack_signing_secret": slack_signing_secret,
            "slack_bot_name": slack_bot_name,
            "slack_ask_command": slack_ask_command,
            "slack_command": slack_command,
            "discord_bot_token": discord_bot_token,
            "endpoints": init_options.endpoints_of(base_url, api_key, model, endpoint),
            "admins": admins,
            "language": language,
            "time_zone": time_zone,
            "memory": memory,
            "keep_days": keep_days,
        }
        given = {name: value for name, value in values.items() if value is not None}
        flags = Flags(given, slack_url, manifest, asks=not yes, overwrite=overwrite)
        setup = Init(flags, Terminal(), Path(), datetime.now(), os.environ)  # noqa: DTZ005 - for names of files
        try:
            setup.run()
        except (KeyboardInterrupt, EOFError, typer.Abort):
            print(file=sys.stderr)  # behind the question
            leave(f"init: {setup.interrupted()}", status=INTERRUPTED)


@parley.command()
def doctor(
    json: Annotated[
        bool, typer.Option("--json", metavar="", help="Print an array of {check, status, detail, todo}.")
    ] = False,
) -> None:
    """Check every setting against the real services, beside a running parley too.

    Prints a line for each check: ok, warning or failed, and what to do.
    A warning is something that Parley works without, or can't verify.
    The status is 1 where a check has failed, else 0, also with warnings.
    The last line counts all three. Each model is asked for one answer of
    at most 16 tokens, and is waited for as long as Parley waits.
    """
    with errors_in_lines() as problems:
        import asyncio
        import logging

        from bots.setup.doctor import run
        from core.clock import SystemClock
        from core.log import configure

        configure("text", level=logging.CRITICAL)  # what libraries log, the report says
        raise typer.Exit(asyncio.run(run(SystemClock(), tell, note, problems, json=json)))


@parley.command()
def settings() -> None:
    """Print every setting with its default and what it means, ready for a .env file."""
    with errors_in_lines():
        from bots.config import SETTINGS
        from bots.settings import settings_to_text

        typer.echo(settings_to_text(SETTINGS), nl=False)


@parley.command(name="version")
def show_version() -> None:
    """Print the version."""
    typer.echo(version("parley"))


def _perform(config: Config, job: Callable[[Config, Tell], Awaitable[None]]) -> None:
    import asyncio

    from core.log import configure

    configure(config.core.parley_log, config.secrets())
    asyncio.run(_awaited(job(config, tell)))


async def _awaited(job: Awaitable[None]) -> None:
    await job
