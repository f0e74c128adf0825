"""The pages that a person sees who installs the app: success, a refusal, and a way that is no longer open. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from html import escape

from core.i18n import TAGS, phrase

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""The address of the redirect holds a code: it is sent nowhere, and kept in no cache."""

_STYLE = (
    ":root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;margin:0;display:grid;min-height:100vh;"
    "place-items:center;background:Canvas;color:CanvasText}main{max-width:32rem;padding:2rem}h1{font-size:1.4rem;"
    "margin:0 0 .75rem}p{margin:0 0 1rem}"
    "a{display:inline-block;padding:.5rem 1rem;border:1px solid;border-radius:.5rem;"
    "color:LinkText;text-decoration:none}a:focus-visible{outline:3px solid Highlight}code{font:inherit;font-weight:600}"
)


@dataclass(frozen=True, slots=True)
class InstallPage:
    """A page: a title, paragraphs, and a link with its label, if there is a next step."""

    title: str
    paragraphs: tuple[str, ...]
    link: str = ""
    label: str = ""


def installed(language: str, team: str, url: str, mention: str, *, whole: bool) -> InstallPage:
    """The installation is stored. `whole`: of an organisation, whose admins choose its workspaces next."""
    key = "app_installed_org" if whole else "app_installed"
    return InstallPage(
        phrase("app_installed_title", language, team=team),
        (phrase(key, language, mention=mention), phrase("app_installed_data", language)),
        url,
        phrase("app_open", language, team=team) if url else "",
    )


class NotInstalled(StrEnum):
    """The reason why nothing was installed, as its phrases are named."""

    REFUSED = "refused"
    """The person refused, or may not install apps."""
    EXPIRED = "expired"
    """It was begun too long ago, was ended already, or was begun in another browser."""
    BUSY = "busy"
    """Too many people install the app in this minute."""
    FAILED = "failed"
    """Slack, or the database, did not take the installation."""


def not_installed(why: NotInstalled, language: str, again: str, **values: str) -> InstallPage:
    """Nothing was installed; `again` is the address to begin anew. `values`: those of the phrase."""
    return InstallPage(
        phrase(f"app_install_{why}_title", language),
        (phrase(f"app_install_{why}", language, **values),),
        again,
        phrase("app_install_again", language),
    )


def to_html(page: InstallPage, language: str) -> str:
    """The page as a document."""
    paragraphs = "".join(f"<p>{escape(text)}</p>" for text in page.paragraphs)
    link = f'<a href="{escape(page.link)}">{escape(page.label)}</a>' if page.link else ""
    return (
        f'<!doctype html><html lang="{escape(TAGS[language])}"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex">'
        f"<title>{escape(page.title)}</title><style>{_STYLE}</style>"
        f"<main><h1>{escape(page.title)}</h1>{paragraphs}{link}</main></html>"
    )
