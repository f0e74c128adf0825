"""The web page: a platform that needs no account.

    connector       `Connector`: the routes
    page_files      the files of the page
    http_messages   bodies read, responses made, hosts refused
    installation    `Installation`: outgoing calls as views on the open pages
    uploads         messages with files: `multipart/form-data` -> Ask and small pictures
    incoming        JSON -> Ask, Command or ButtonPress                        pure
    suggestions     completions of a command that is being typed               pure
    outgoing        messages, turns and pages -> JSON and server-sent events   pure
    html            Markdown -> HTML, block by block                           pure
    renderer        that HTML, made in a thread of its own
    answer_streams  the views of growing answers, and the pages that watch them
    others          the views of answers that another replica writes
    event_streams   those views as server-sent events to the open pages
    errors          reasons of refusals: their status and sentence
    page.html, page.css, *.svg, *.js    the files for the browser: no framework, no build step

      page          sets everything up
      address       the thread that is shown, in the page's address
      connection    server-sent events, with reconnects
      thread        the shown thread: opening it, following it
      threads       the list of threads, and the title
      messages      the messages and their order
      article       one message while it grows
      markdown      shows the HTML of a message block by block
      actions       the buttons under an answer
      menu          a message's menu
      inline_input  a text box in the place of a button
      composer      the box in which questions are written
      draft_files   the files of the question that is written; files: their limits; upload: sends them
      attached      the parts of a message beside its text
      autocomplete  suggestions for commands
      sources                           the earlier answers that an answer cites
      commands, api_commands, notices   commands that are not typed, their requests, immediate replies
      form_dialog   a form in a dialog
      scroll, status, words, dom, server

A thread is a place; its id is in the page's address. Messages, footers and notices are read from the store. The view
of a growing answer is in `answer_streams` and reaches every open page, the complete view first.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr, field_validator

from bots.guard import Hosts, names_of
from bots.web import incoming
from bots.web.connector import WebConnector
from bots.web.http_messages import refuse_host
from bots.web.outgoing import LIMITS, TRAITS
from core.access import is_admin
from core.clock import Clock
from core.conversation.file_content import ContentReader
from core.ports.store import Store
from core.settings.environment import CoreSettings, Settings
from core.values.places import Person

__all__ = [
    "LIMITS",
    "TRAITS",
    "Hosts",
    "WebConnector",
    "WebSettings",
    "admin",
    "create",
    "refuse_host",
    "why_not",
]

LEAST_TOKEN = 16
"""Characters of PARLEY_OPERATOR_TOKEN."""


class WebSettings(Settings):
    """The address of Parley's HTTP server, the chat page and the operator's page."""

    parley_http_host: str = Field(
        "127.0.0.1",
        min_length=1,
        description="The address to listen on. The chat page has no sign-in: leave it on loopback "
        "unless a proxy before it does. Elsewhere than on loopback its settings stay as they are, unless "
        "PARLEY_ADMINS names web:you.",
    )
    parley_http_port: int = Field(8080, ge=0, le=65_535, description="The port to listen on.")
    parley_allowed_hosts: str = Field(
        "",
        description="Under which names HTTP requests are answered, beside localhost and 127.0.0.1, such as those that "
        "a proxy passes on: chat.example.com,*.corp.example,10.0.0.5:8080. People who use such a name do not get "
        "the rights of the person who runs Parley. /livez and /readyz answer under any name.",
    )
    parley_event_streams: int = Field(
        24,
        ge=1,
        description="The most open chat pages of one address. Behind a proxy all readers share its address.",
    )
    parley_web: Literal["auto", "on", "off"] = Field(
        "auto", description="The chat page: on, off, or auto (on when neither Slack nor Discord is configured)."
    )

    parley_operator_token: SecretStr | None = Field(
        None,
        description="The password of the operator's page at /operator, of at least 16 characters: running answers, "
        "failures, usage, settings. Empty: the page is there only for the reader of the chat page, where they are an "
        "admin.",
    )

    @field_validator("parley_operator_token")
    @classmethod
    def _long(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < LEAST_TOKEN:
            raise ValueError(
                f"is shorter than {LEAST_TOKEN} characters, so that it could be guessed. `openssl rand -hex 32` "
                "makes a good one"
            )
        return value

    @field_validator("parley_allowed_hosts")
    @classmethod
    def _named(cls, value: str) -> str:
        names_of(value)
        return value

    @property
    def hosts(self) -> Hosts:
        return Hosts(self.parley_http_host, names_of(self.parley_allowed_hosts))


def why_not(settings: WebSettings, *, others: bool) -> str:
    """The reason why the page is off; empty where it is on. `others`: another platform is configured."""
    if settings.parley_web == "off":
        return "PARLEY_WEB is off"
    if settings.parley_web == "auto" and others:
        return "another platform is configured; PARLEY_WEB=on shows it as well"
    return ""


def admin(settings: WebSettings, core: CoreSettings) -> Person | None:
    """The reader of the page where they are an admin: everybody who has access to it, or nobody."""
    reader = incoming.person(alone=settings.hosts.alone)
    place = incoming.thread_to_place(incoming.TOP, alone=settings.hosts.alone)
    return reader if is_admin(reader, place, core) else None


def create(settings: WebSettings, clock: Clock, store: Store, content: ContentReader) -> WebConnector:
    """The page, as one platform of the program. `content` reads the files that are sent to it."""
    return WebConnector(settings.hosts, clock, store, content, streams=settings.parley_event_streams)
