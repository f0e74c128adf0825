"""The options of `parley init`, and what they give. Imports little: the command line loads it at every start."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import SettingsError

if TYPE_CHECKING:
    from bots.setup.answers import Endpoint

_TOGETHER = "--base-url, --api-key and --model belong together: the key is sent to that URL, and nowhere else"

Platforms = Annotated[
    list[str] | None,
    typer.Option("--platform", metavar="PLATFORM", help="slack, discord or web; may be given several times."),
]
SlackBotToken = Annotated[str | None, typer.Option(metavar="TOKEN", help="The Bot User OAuth Token, xoxb-...")]
SlackAppToken = Annotated[
    str | None, typer.Option(metavar="TOKEN", help="The app-level token, xapp-..., for Socket Mode.")
]
SlackSigningSecret = Annotated[
    str | None, typer.Option(metavar="SECRET", help="The signing secret, for Slack over HTTP.")
]
SlackUrl = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="The public URL of Parley, for Slack over HTTP; without it the manifest is for Socket Mode.",
    ),
]
SlackBotName = Annotated[
    str | None, typer.Option(metavar="NAME", help="The bot's name in Slack. Parley by default.")
]
SlackAskCommand = Annotated[
    str | None, typer.Option(metavar="COMMAND", help="The slash command that asks. /ask by default.")
]
SlackCommand = Annotated[
    str | None, typer.Option(metavar="COMMAND", help="The slash command of all others. /parley by default.")
]
DiscordToken = Annotated[
    str | None, typer.Option("--discord-bot-token", metavar="TOKEN", help="The token of the Discord bot.")
]
BaseUrl = Annotated[
    str | None, typer.Option(metavar="URL", help="The base URL of the endpoint; with --api-key and --model.")
]
ApiKey = Annotated[str | None, typer.Option(metavar="KEY", help="Its key; none where the server takes any.")]
Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model", metavar="MODEL", help="The model to ask; more than one: those that step in for it."
    ),
]
Endpoints = Annotated[
    list[str] | None,
    typer.Option(
        "--endpoint",
        metavar="ENDPOINT",
        help="A further one: 'name=backup url=https://host/v1 key=sk-... model=a,b'.",
    ),
]
Admins = Annotated[
    str | None, typer.Option(metavar="IDS", help="Admins beside the platforms' own: slack:U1,discord:2.")
]
Language = Annotated[
    str | None, typer.Option(metavar="LANGUAGE", help="The language of Parley's own sentences.")
]
TimeZone = Annotated[
    str | None, typer.Option(metavar="ZONE", help="The time zone of days and months, such as Europe/Berlin.")
]
Memory = Annotated[
    str | None, typer.Option(metavar="SCOPE", help="Earlier answers that may help: channel, workspace or off.")
]
KeepDays = Annotated[
    str | None, typer.Option(metavar="DAYS", help="Days after which messages are removed; never by default.")
]
Manifest = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="A file for the manifest of the Slack app, which is printed otherwise."),
]
Yes = Annotated[
    bool,
    typer.Option(
        "--yes", metavar="", help="Ask nothing: what no option gives stays as it is, or has its default."
    ),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", metavar="", help="Change a .env that is there; a copy is kept.")
]


def endpoints_of(
    base_url: str | None, api_key: str | None, models: Sequence[str] | None, further: Sequence[str] | None
) -> tuple[Endpoint, ...] | None:
    """The endpoints that the options give; None where they give none. Raises SettingsError."""
    if not (base_url or api_key or models or further):
        return None
    if not (base_url and api_key and models):
        raise SettingsError(_TOGETHER)
    from bots.setup.answers import MAIN, Endpoint, endpoint_of

    try:
        others = [endpoint_of(text) for text in further or ()]
    except ValueError as error:
        raise SettingsError(f"--endpoint: {error}") from None
    endpoints = (Endpoint(MAIN, base_url, api_key, tuple(models)), *others)
    names = [endpoint.name for endpoint in endpoints]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise SettingsError(f"--endpoint: the name {twice} is there twice")
    return endpoints
