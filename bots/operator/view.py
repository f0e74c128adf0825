"""The reader of a page, and the parts of pages in the reader's language. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_skeleton, format_timedelta
from babel.numbers import format_decimal, format_percent

from bots.operator.markup import Child, Html, element, foreign, html
from core.i18n import LOCALES, SPOKEN, TAGS, phrase
from core.values.places import Person, Place

ROOT = "/operator"

Link = Callable[[Place, str], str]
"""The web address of a message of a place; empty where it has none."""


def no_link(_place: Place, _message_id: str) -> str:
    """No message has an address."""
    return ""


@dataclass(frozen=True, slots=True)
class View:
    """The reader of a page: their language and time zone, the time, and the token of the forms that they are shown."""

    language: str
    zone: ZoneInfo
    now: datetime
    form_token: str = ""
    link: Link = no_link

    @property
    def tag(self) -> str:
        """The BCP 47 tag of the page."""
        return TAGS[self.language]

    def say(self, key: str, /, **values: str | int | float) -> str:
        """The phrase `operator_<key>`."""
        return phrase(f"operator_{key}", self.language, **values)

    def number(self, value: float) -> str:
        return format_decimal(value, locale=LOCALES[self.language])

    def percent(self, share: float) -> str:
        """A part of 1."""
        return format_percent(share, locale=LOCALES[self.language])

    def moment(self, at: datetime) -> Html:
        """A date with its time in the time zone of the page."""
        local, locale = at.astimezone(self.zone), LOCALES[self.language]
        days = "MMMd" if local.year == self.now.astimezone(self.zone).year else "yMMMd"
        shown = f"{format_skeleton(days, local, locale=locale)} {local:%H:%M:%S}"
        return element("time", shown, datetime=at.isoformat(timespec="seconds"))

    def day(self, at: datetime) -> str:
        return format_date(at.astimezone(self.zone), "medium", locale=LOCALES[self.language])

    def ago(self, at: datetime) -> Html:
        """The time that has passed since then, as `4 sec ago`."""
        passed = -timedelta(seconds=max(1, round((self.now - at).total_seconds())))
        locale = LOCALES[self.language]
        shown = format_timedelta(passed, threshold=1.5, format="short", add_direction=True, locale=locale)
        return soft(shown)

    def span(self, seconds: float) -> str:
        """A time, as `4 sec` or `3 min`."""
        about = timedelta(seconds=max(0, round(seconds)))
        return str(format_timedelta(about, threshold=1.5, format="short", locale=LOCALES[self.language]))

    def subject(self, what: str) -> str:
        """The subject of an alert in words; as it is where it is one of another version."""
        scope, _, name = what.partition(" ")
        key = f"operator_limit_{name}" if scope == "budget" else f"alert_{scope}"
        return phrase(key, self.language, name=name) if key in SPOKEN[self.language] else what

    def place(self, place: Place, message_id: str = "") -> Html:
        """A place by its ids, as a link to the message where that has an address."""
        kind = self.say("direct") if place.direct else place.channel
        shown = foreign(" · ".join(filter(None, (place.platform, place.team, kind, place.thread))))
        address = self.link(place, message_id) if message_id else ""
        if not address.startswith(("https://", "http://", "/")):
            return shown
        return element("a", shown, href=address, rel="noreferrer")

    def person(self, person: Person) -> Html:
        """A person by name and id."""
        if not person.id:
            return element("span", self.say("nobody"), class_="soft")
        name = foreign(person.name) if person.name and person.name != person.id else None
        known = element("code", person.id, class_="id")
        return element("span", name, " " if name else None, known)


def table(view: View, caption: str, heads: Sequence[str], rows: Sequence[Sequence[Child]], empty: str) -> Html:
    """A table in a box of its own that scrolls sideways; the sentence `empty` where there are no rows.

    `caption` and `heads` are phrases of `View.say`."""
    if not rows:
        return element("p", view.say(empty), class_="soft")
    head = element("tr", [element("th", view.say(one), scope="col") for one in heads])
    body = [element("tr", [element("td", cell) for cell in row]) for row in rows]
    shown = element(
        "table",
        element("caption", view.say(caption), class_="unseen"),
        element("thead", head),
        element("tbody", body),
    )
    return element("div", shown, class_="scroll", role="region", tabindex=0, aria_label=view.say(caption))


def heading(view: View, key: str, about: str = "", /, **values: str | int | float) -> Html:
    """The title of a part of a page, with its address, and a sentence about it."""
    title = element("h2", view.say(key), id=key.replace("_", "-"))
    return Html(title + (element("p", view.say(about, **values), class_="soft") if about else ""))


def soft(text: str) -> Html:
    """A text of less weight."""
    return element("span", text, class_="soft")


def prose(*content: Child) -> Html:
    """Sentences in a cell of a table, which stay wide enough to be read."""
    return element("div", *content, class_="prose")


def sentences(text: str) -> Html:
    """Sentences of Parley's own, in which names of commands and settings stand in backticks."""
    parts = text.split("`")
    return html([element("code", part) if number % 2 else part for number, part in enumerate(parts)])


def badge(text: str, kind: str) -> Html:
    """A short state. `kind`: good, bad or quiet."""
    return element("span", text, class_=f"badge {kind}")


def figures(view: View, values: Mapping[str, Child]) -> Html:
    """A few numbers in large print, by the phrases of their names."""
    shown = [
        element("div", element("dt", view.say(key)), element("dd", value)) for key, value in values.items()
    ]
    return element("dl", shown, class_="figures")


def more_rows(view: View, count: int) -> Html | None:
    """The number of rows that are left out of a table."""
    return element("p", view.say("more_rows", n=count), class_="soft") if count > 0 else None


def choices(view: View, section: str, field: str, values: Sequence[str], chosen: str) -> Html:
    """Links to the section with each value of a field of its address. Their phrases are `<field>_<value>`."""
    links = [
        element(
            "a",
            view.say(f"{field}_{value or 'all'}"),
            href=f"{path_of(section)}?{field}={value}" if value else path_of(section),
            aria_current="true" if value == chosen else None,
        )
        for value in values
    ]
    return element("p", links, class_="choices")


def path_of(name: str) -> str:
    """The address of a section. The first one, `running`, has that of the page itself."""
    return ROOT if name == "running" else f"{ROOT}/{name}"


def number_of(text: str) -> int | None:
    """The id that an address or a form holds; None for other texts."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None
