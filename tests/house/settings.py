"""`make settings`: writes what files repeat of the code: settings, errors, the Slack manifests, scopes and rights, the
newest schema of SQLite."""

from __future__ import annotations

import re
from pathlib import Path

from sqlalchemy import create_engine

from bots.config import SETTINGS
from bots.discord.invite import invite_to_text, rights_to_table
from bots.settings import settings_to_table, settings_to_text
from bots.slack.manifest import EXAMPLE_URL, events_to_table, manifest, manifest_to_text, scopes_to_table
from storage.migrations import NEWEST, newest, run_revisions
from tests.house.drawing import drawing
from tests.house.guides import channel_settings_to_table, errors_to_table

TOP = Path(__file__).parents[2]


def whole_files() -> dict[Path, str]:
    """The files that are written as a whole, with their content."""
    return {
        TOP / ".env.example": settings_to_text(SETTINGS),
        TOP / "docs/architecture.svg": drawing(),
        newest.FILE: newest_schema(),
        TOP / "deploy/slack-manifest.json": manifest_to_text(manifest()),
        TOP / "deploy/slack-manifest-http.json": manifest_to_text(manifest(public_url=EXAMPLE_URL)),
        TOP / "deploy/slack-manifest-many.json": manifest_to_text(
            manifest(public_url=EXAMPLE_URL, installs=True)
        ),
    }


def newest_schema() -> str:
    """The statements of a database that the revisions have made."""
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        run_revisions(connection)
        text = newest.schema_to_text(connection, NEWEST)
    engine.dispose()
    return text


def blocks() -> dict[tuple[Path, str], str]:
    """The parts of files between `<!-- name: ... -->` and `<!-- /name -->`, by file and name."""
    return {
        (TOP / "docs/settings.md", "settings"): settings_to_table(SETTINGS),
        (TOP / "docs/settings.md", "channel-settings"): channel_settings_to_table(),
        (TOP / "docs/errors.md", "error-sentences"): errors_to_table(),
        (TOP / "deploy/README.md", "slack-scopes"): scopes_to_table(),
        (TOP / "deploy/README.md", "slack-events"): events_to_table(),
        (TOP / "deploy/README.md", "discord-invite"): invite_to_text(),
        (TOP / "deploy/README.md", "discord-rights"): rights_to_table(),
    }


def pattern_of(name: str) -> re.Pattern[str]:
    """Matches a block with its marks: the mark before it, the block, the mark behind it."""
    return re.compile(rf"(<!-- {name}: [^>]*-->\n)(.*?)(<!-- /{name} -->)", re.DOTALL)


def main() -> None:
    for file, text in whole_files().items():
        file.write_text(text)
    for (file, name), text in blocks().items():
        written = pattern_of(name).sub(lambda match, text=text: f"{match[1]}{text}{match[3]}", file.read_text())  # type: ignore[misc]
        file.write_text(written)


if __name__ == "__main__":
    main()
