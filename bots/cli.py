"""The command line: `parley run` and `parley summary --now`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import Annotated

import typer

from bots import app
from bots.settings import settings_to_text
from core.errors import BotError, SettingsError, StoreError
from core.log import configure, redact

parley = typer.Typer(
    help="Parley brings any OpenAI-compatible model into Slack, Discord and web threads.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

WRONG_SETTINGS = 2


@parley.command()
def run() -> None:
    """Start every platform that is configured, until SIGTERM or Ctrl+C."""
    _perform(app.run)


@parley.command()
def summary(
    now: Annotated[bool, typer.Option("--now", help="Post the usage of the last day at once.")] = False,
) -> None:
    """Post the usage summary to PARLEY_SUMMARY_CHANNELS."""
    if not now:
        raise typer.BadParameter("say --now: at its time of day the running parley posts it by itself")
    _perform(app.post_summary)


@parley.command()
def settings() -> None:
    """Print every setting with its default and what it means, ready for a .env file."""
    typer.echo(settings_to_text(app.SETTINGS), nl=False)


@parley.command(name="version")
def show_version() -> None:
    """Print the version."""
    typer.echo(version("parley"))


def _perform(job: Callable[[app.Config, app.Tell], Awaitable[None]]) -> None:
    """Run `job`; whatever a person can mend ends in one line on standard error and status 2."""
    try:
        config = app.Config.load()
        configure(config.core.parley_log, config.secrets())
        asyncio.run(_awaited(job(config, _tell)))
    except SettingsError as error:
        _leave(str(error))
    except StoreError as error:
        _leave(f"DATABASE_URL: {error.detail}")
    except BotError as error:
        _leave(error.detail or str(error))


async def _awaited(job: Awaitable[None]) -> None:
    await job


def _tell(line: str) -> None:
    print(redact(line), flush=True)


def _leave(line: str) -> None:
    print(f"parley: {redact(line)}", file=sys.stderr, flush=True)
    raise SystemExit(WRONG_SETTINGS)


def main() -> None:
    parley()
