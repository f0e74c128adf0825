"""Alerts and reports at the top of a channel, as they are shown now. Each function is one transaction's work, run by
the store."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Text, Update, and_, case, cast, func, or_, select, update

from core.values.parts import File
from core.values.places import Place
from core.values.tasks import UpdateAlert
from core.values.turn_ends import Announcement, Finish
from core.values.ui import Button
from storage.runs import OWN_TURN
from storage.tables import ANNOUNCED, TURNS, UPLOADS, from_us
from storage.tasks import TASKS

_NO_MESSAGES = "[]"


def announcements(connection: Connection, place: Place, since_us: int, limit: int) -> list[Announcement]:
    """`Store.announcements`. Each has the time at which its turn ended."""
    turn = TURNS.c
    columns = (turn.id, turn.posted, turn.answer, turn.notice, turn.buttons, turn.ended_at_us)
    posted = (cast(turn.posted, Text) != _NO_MESSAGES, or_(turn.answer != "", turn.notice != ""))
    newest = (turn.ended_at_us.desc(), turn.id.desc())
    query = select(*columns).where(*_at_top(place), turn.ended_at_us >= since_us, *posted)
    rows = connection.execute(query.order_by(*newest).limit(limit)).all()
    updates = _updates(connection, place, [row.id for row in rows])
    files = _files(connection, place, [row.posted[0] for row in rows])
    return [_announcement(row, updates.get(row.id), files.get(row.posted[0], [])) for row in reversed(rows)]


def _at_top(place: Place) -> list[ColumnElement[bool] | Any]:
    """The announcements at the top of a channel. Its team may have been unknown when they were made."""
    turn = TURNS.c
    team = turn.team.in_((place.team, ""))
    return [ANNOUNCED, turn.platform == place.platform, turn.channel == place.channel, team, turn.thread == ""]


def _updates(
    connection: Connection, place: Place, alerts: Collection[int]
) -> dict[int, tuple[UpdateAlert, str]]:
    """The updates of alerts with their texts, by the turns of the alerts."""
    if not alerts:
        return {}
    turn = TURNS.c
    query = select(turn.arguments, turn.text).where(*_at_top(place), turn.task == "update_alert")
    loaded = ((TASKS.load("update_alert", row.arguments), row.text) for row in connection.execute(query))
    return {
        task.turn_id: (task, text)
        for task, text in loaded
        if isinstance(task, UpdateAlert) and task.turn_id in alerts
    }


def _files(connection: Connection, place: Place, messages: Sequence[str]) -> dict[str, list[File]]:
    """The pictures that are stored of these messages."""
    upload = UPLOADS.c
    columns = (upload.message, upload.source, upload.name, upload.media_type)
    query = select(*columns, func.length(upload.content).label("size")).where(
        upload.platform == place.platform,
        upload.team == place.team,
        upload.channel == place.channel,
        upload.message.in_(messages),
    )
    found: dict[str, list[File]] = {}
    for row in connection.execute(query.order_by(upload.message, upload.source)) if messages else ():
        file = File(row.name, row.media_type, size=row.size, source=row.source)
        found.setdefault(row.message, []).append(file)
    return found


def _announcement(row: Any, update: tuple[UpdateAlert, str] | None, files: Sequence[File]) -> Announcement:
    buttons = tuple(Button(action, label, row.id) for action, label in row.buttons or ())
    shown = Announcement(
        row.id, row.posted[0], from_us(row.ended_at_us), row.answer, row.notice, buttons, tuple(files)
    )
    return shown if update is None else shown.updated(*update)


def reports(*which: ColumnElement[bool]) -> ColumnElement[bool]:
    """The stored usage reports that meet these conditions."""
    return and_(ANNOUNCED, TURNS.c.task == "usage", *which)


def reports_of_platform(place: Place) -> ColumnElement[bool]:
    """The reports that may quote a thread: they also quote the posts of forums in other channels."""
    return reports(TURNS.c.platform == place.platform)


def forget_words(connection: Connection, which: ColumnElement[bool]) -> None:
    """Remove the names and the words of people from some reports: a report does not store whose they are. One from
    before they were told apart goes. One that is being posted ends without them (`end_report`)."""
    anonymous = func.coalesce(TURNS.c.anonymous, "")
    connection.execute(update(TURNS).where(which).values(answer=anonymous, anonymous=anonymous))


def end_report(end: Finish) -> Update:
    """An update of the turn of a report, if it is open, with the text that is stored of it."""
    assert end.anonymous is not None
    named, anonymous = end.captioned(end.text), end.captioned(end.anonymous)
    answer = case((TURNS.c.anonymous.is_not(None), anonymous), else_=named)
    return OWN_TURN.values(answer=answer, anonymous=anonymous)
