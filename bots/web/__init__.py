"""The web: a threaded chat page, the platform that needs no account.

    incoming    JSON body -> Ask, Command or Press, or a refusal                 pure
    guard       may this request come in at all: host, origin                    pure
    outgoing    lines of the store and pages of answers -> views -> JSON, SSE    pure
    suggestions what a command that is being typed may become                    pure
    faults      what can be refused: its status, its words
    live        what answers look like now, and who is watching
    platform    the routes and the calls: all I/O
    page.html, page.css, *.svg, *.js    what the browser gets: no framework, no build step

      page        the frame of it all, and how it begins
      address     which thread is shown
      connection  server-sent events: connecting, and connecting again
      thread      the thread that is shown: going to it, hearing what happens in it
      threads     the list of threads, and the title
      messages    which messages there are, in which order
      article     one message, and how it is painted while it grows
      markdown    what models write -> elements
      actions     the buttons under an answer
      menu        a message's own menu
      asking      a line to write on in the place of a button
      composer    the box, and how what is written in it is sent
      offers      what a command that is being typed may become
      commands, order, told    commands that are not typed, and what Parley tells
      sheet       a form in a dialog
      scroll, status, words, dom, server    following the latest words; what the page says of itself; in which words;
                  elements; the way to the server

A thread is a place, its id a word in the page's address. What was said, and what stands under it, is read from the
store; what an answer looks like while it grows is held in `live` and reaches every open page by Server-Sent Events,
the complete view first.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from bots.web.connector import WebPlatform, refuse_host
from bots.web.guard import Hosts, names_of
from bots.web.outgoing import LIMITS
from core.clock import Clock
from core.ports.store import Store
from core.settings.environment import Settings

__all__ = ["LIMITS", "Hosts", "WebPlatform", "WebSettings", "create", "refuse_host", "why_not"]


class WebSettings(Settings):
    """Where Parley listens for HTTP, and whether it shows the chat page there."""

    parley_http_host: str = Field(
        "127.0.0.1",
        min_length=1,
        description="The address to listen on. The chat page asks nobody who they are: leave it on loopback "
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
        description="How many open chat pages one address may have. Behind a proxy all readers share its address.",
    )
    parley_web: Literal["auto", "on", "off"] = Field(
        "auto", description="The chat page: on, off, or auto (on when neither Slack nor Discord is configured)."
    )

    @field_validator("parley_allowed_hosts")
    @classmethod
    def _named(cls, value: str) -> str:
        names_of(value)
        return value

    @property
    def hosts(self) -> Hosts:
        return Hosts(self.parley_http_host, names_of(self.parley_allowed_hosts))


def why_not(settings: WebSettings, *, others: bool) -> str:
    """Why the page is off, in words, or empty where it is on. `others`: another platform is configured."""
    if settings.parley_web == "off":
        return "PARLEY_WEB is off"
    if settings.parley_web == "auto" and others:
        return "another platform is configured; PARLEY_WEB=on shows it as well"
    return ""


def create(settings: WebSettings, clock: Clock, store: Store) -> WebPlatform:
    return WebPlatform(settings.hosts, clock, store, streams=settings.parley_event_streams)
