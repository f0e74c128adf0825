"""The guides in `docs`: their headings, links and chat commands for tests, and the tables that they have."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

from core.errors import BotError, Code
from core.i18n import LANGUAGES, advise, error_text, phrase
from core.settings.channel import SETTINGS

TOP = Path(__file__).parents[2]
GUIDES = [TOP / "README.md", *sorted((TOP / "docs").glob("*.md"))]
PAGES = [*GUIDES, TOP / "CHANGELOG.md", TOP / "CONTRIBUTING.md", TOP / "deploy" / "README.md"]
PATHS = {
    "/livez",
    "/readyz",
    "/metrics",
    "/operator",
    "/parley",
    "/models",
    "/embeddings",
    "/invite",
    "/v1",
    "/chat/completions",
}
"""What begins with a slash in the guides and is no command of a chat: addresses, and commands of Slack itself."""
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_EXAMPLE_PLACES = {
    "host": "the endpoint's host",
    "key": "OPENAI_API_KEY",
    "url": "OPENAI_BASE_URL",
    "model": "OPENAI_MODEL",
    "window": "PARLEY_CONTEXT_TOKENS",
    "name": "Slack",
}


def fences(text: str, language: str) -> list[str]:
    """The content of each fenced block of `language`."""
    return [match[2] for match in _FENCE.finditer(text) if match[1] == language]


def without_code(text: str) -> str:
    """The text without its fenced blocks and without code in lines."""
    return re.sub(r"`[^`\n]*`", "", _FENCE.sub("", text))


def headings(text: str) -> list[str]:
    """The headings, without the marks of code and links."""
    found = _HEADING.findall(_FENCE.sub("", text))
    return [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", one).replace("`", "").strip() for one in found]


def anchor_in_the_repository(heading: str) -> str:
    """The anchor of a heading where the repository is browsed: https://docs.github.com/get-started/writing-on-github"""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def anchor_on_the_site(heading: str) -> str:
    """The anchor of a heading on the site: https://python-markdown.github.io/extensions/toc/"""
    plain = unicodedata.normalize("NFKD", heading).encode("ascii", "ignore").decode()
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", plain).strip().lower())


def links(text: str) -> list[str]:
    """The targets of links and pictures that are no addresses of other hosts."""
    return [link for link in _LINK.findall(without_code(text)) if not re.match(r"https?://|mailto:", link)]


def chat_commands() -> list[str]:
    """The commands of chats that the guides name in code, such as `/budget of:person 2 a day`, each once."""
    found = [
        code.removeprefix("@Parley ").replace("/parley ", "/")
        for page in GUIDES
        for code in re.findall(r"`((?:@Parley )?/[a-z]+[^`\n]*)`", _FENCE.sub("", page.read_text()))
    ]
    return sorted({code for code in found if code.split(" ")[0] not in PATHS})


def errors_to_table() -> str:
    """The sentence of each code for people, and its advice for operators, in English."""
    rows = ["| code | people read | operators read |", "|---|---|---|"]
    for code in Code:
        error = BotError(code)
        sentence = error_text(error, "en").removesuffix(f" {phrase('ref', 'en', ref=error.ref)}")
        places = _EXAMPLE_PLACES | ({"url": "DATABASE_URL"} if code is Code.STORE else {})
        rows.append(f"| [`{code}`](#{code}) | {sentence} | {advise(code, 'en', places)} |")
    return "\n".join(rows) + "\n"


def channel_settings_to_table() -> str:
    """The settings that people change in chats, by their names there."""
    rows = ["| name | in the form | values | set for | who may change it |", "|---|---|---|---|---|"]
    for name, setting in SETTINGS.items():
        values = [_choice(choice) for choice in setting.choices]
        shown = ", ".join(values) if values else phrase(f"setting_{name}_about", "en")
        who = (
            "admins"
            if setting.admins or setting.scopes == ("workspace",)
            else "admins; a channel's creator there"
        )
        rows.append(
            f"| `{name}` | {phrase(f'setting_{name}', 'en')} | {shown} | {', '.join(setting.scopes)} | {who} |"
        )
    return "\n".join(rows) + "\n"


def _choice(choice: str) -> str:
    label = phrase(f"choice_{choice}", "en")
    return f"`{choice}`" if label == choice else f"`{choice}` ({label})"


def alert_subjects() -> set[str]:
    """The kinds of subjects that an alert may have."""
    kinds = {key.removeprefix("alert_") for key in LANGUAGES["en"] if key.startswith("alert_")}
    return kinds - {"over", "not_listed"} | {"budget"}
