"""The frame of the operator's pages: title, navigation, content; and the form to sign in. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from bots.operator.markup import Child, Html, element, html
from bots.operator.sections import Query
from bots.operator.view import ROOT, View, path_of

EVERY_S = 10
"""Seconds between two readings of a page that follows."""


def page(view: View, names: Sequence[str], name: str, body: Html, query: Query, *, leaves: bool) -> Html:
    """The section `name` of `names`, each a page. `query`: the fields of its address, of which `every` has it read anew
    every ten seconds. `leaves`: its reader can sign out."""
    title = view.say(f"section_{name}")
    links = [_link(view, one, current=one == name) for one in names]
    sign_out = form(view, "sign-out", view.say("sign_out"), "quiet") if leaves else None
    fields = {key: value for key, value in query.items() if key != "every"}
    follows = query.get("every", "") == str(EVERY_S)
    here, following = (_address(name, given) for given in (fields, fields | {"every": str(EVERY_S)}))
    follow = (
        element("a", view.say("follow_stop"), href=here)
        if follows
        else element("a", view.say("follow", n=EVERY_S), href=following)
    )
    read = element(
        "p",
        view.say("read_at"),
        " ",
        view.moment(view.now),
        " · ",
        element("a", view.say("refresh"), href=here),
        " · ",
        follow,
        class_="soft",
    )
    return document(
        view,
        f"{title} · Parley",
        element("a", view.say("skip"), href="#content", class_="skip"),
        element("header", element("p", "Parley", class_="brand"), sign_out),
        element("nav", element("ul", links), aria_label=view.say("sections")),
        element("main", element("h1", title), read, body, id="content"),
        refresh_s=EVERY_S if follows else 0,
    )


def sign_in(view: View, wanted: str, problem: str = "") -> Html:
    """The form to sign in, which leads to the page `wanted`. `problem`: the phrase of why the last try failed."""
    fields = html(
        element("label", view.say("token"), for_="token"),
        element(
            "input",
            type="password",
            id="token",
            name="token",
            required=True,
            autofocus=True,
            autocomplete="current-password",
            aria_describedby="about",
            aria_invalid="true" if problem == "wrong_token" else None,
        ),
        element("p", view.say("token_about"), id="about", class_="soft"),
        element("p", view.say(problem), role="alert", class_="problem") if problem else None,
        element("input", type="hidden", name="wanted", value=wanted),
        element("button", view.say("sign_in")),
    )
    return document(
        view,
        view.say("title"),
        element(
            "main",
            element("h1", view.say("title")),
            element("form", fields, method="post", action=f"{ROOT}/sign-in"),
            class_="narrow",
        ),
    )


def told(view: View, title: str, *content: Child) -> Html:
    """A page of a few words, such as the outcome of an action."""
    back = element("p", element("a", view.say("back"), href=ROOT))
    return document(
        view, view.say("title"), element("main", element("h1", title), *content, back, class_="narrow")
    )


def form(view: View, action: str, label: str, class_: str = "", /, **values: str) -> Html:
    """A button that does something: a form of its own with the hidden `values`."""
    hidden = {"form_token": view.form_token} | values
    fields = [element("input", type="hidden", name=name, value=value) for name, value in hidden.items()]
    button = element("button", label, class_=class_ or None)
    return element("form", fields, button, method="post", action=f"{ROOT}/{action}", class_="action")


def _address(name: str, fields: Query) -> str:
    return f"{path_of(name)}?{urlencode(fields)}" if fields else path_of(name)


def _link(view: View, name: str, *, current: bool) -> Html:
    shown = view.say(f"section_{name}")
    return element("li", element("a", shown, href=path_of(name), aria_current="page" if current else None))


def document(view: View, title: str, *content: Child, refresh_s: int = 0) -> Html:
    """A whole document."""
    head = html(
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="robots", content="noindex"),
        element("meta", http_equiv="refresh", content=str(refresh_s)) if refresh_s else None,
        element("title", title),
        element("link", rel="stylesheet", href=f"{ROOT}/operator.css"),
    )
    shown = element("html", element("head", head), element("body", *content), lang=view.tag)
    return Html(f"<!doctype html>{shown}")
