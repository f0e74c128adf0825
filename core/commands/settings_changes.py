"""Confirmations of changed settings as people read them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from core.commands.context import CommandContext
from core.commands.settings_view import BUDGETS, changed_line
from core.ports.store.settings import Change
from core.settings.channel import SETTINGS, ChannelSettings, Memory, Reported
from core.spend.budget_text import kept_to_text, limits_to_text
from core.spend.budgets import scoped_limits
from core.values.budgets import BudgetScope, Limit
from core.values.tasks import ReportScope

SCHEDULE = ("report", "report_at", "report_scope")
"""Settings that are the schedule of a channel's reports."""


def changed_to_text(changes: Sequence[Change], settings: ChannelSettings, given: CommandContext) -> str:
    """The settings that were changed, as they are now: limits and schedules in a sentence, others in a line each."""
    scheduled = [one for one in changes if one.name in SCHEDULE and one.place.channel]
    limits = [one for one in changes if one.name in BUDGETS]
    others = [one for one in changes if one not in scheduled and one not in limits]
    sentences = [_limits_changed(one, settings, given) for one in limits]
    if scheduled:
        ended = any(one.name == "report" for one in scheduled) and settings.report is Reported.OFF
        sentences.append(given.phrase("schedule_ended") if ended else schedule_to_text(settings, given))
    if not others:
        words = reduce(lambda one, two: given.phrase("joined", one=one, two=two), sentences)
        return given.phrase("saved", words=words)
    if any(one.name == "keep_days" for one in others) and settings.keep_days is not None:
        sentences.append(given.phrase("keep_days_changed"))
    widened = any(one.name == "memory" for one in others) and settings.memory is Memory.WORKSPACE
    if widened and not given.traits.distributed:
        sentences.append(given.phrase("memory_widened"))
    lines = [changed_line(one, settings, given) for one in others]
    return "\n".join([given.phrase("settings_changed"), *(f"- {line}" for line in (*lines, *sentences))])


def schedule_to_text(settings: ChannelSettings, given: CommandContext) -> str:
    """The reports that a channel gets, or how to get some."""
    if settings.report is Reported.OFF:
        return given.phrase("schedule_none", prefix=given.command.prefix)
    key = "schedule_workspace" if settings.report_scope is ReportScope.WORKSPACE else "schedule_channel"
    when = given.phrase(f"schedule_{settings.report}", at=settings.report_at, zone=settings.time_zone)
    return given.phrase(key, when=when, about=given.phrase(f"schedule_about_{settings.report}"))


def _limits_changed(change: Change, settings: ChannelSettings, given: CommandContext) -> str:
    """The limits as they are now; without one, those of others that still hold."""
    scope = BudgetScope.CHANNEL if change.place.channel else BudgetScope.WORKSPACE
    if change.name == "person_budget":
        scope = BudgetScope.PERSON
    limits: tuple[Limit, ...] = SETTINGS[change.name].read(change.new or "") or ()
    if any(limit.amount == 0 for limit in limits):
        return given.phrase("budget_nothing")
    if limits:
        shown = limits_to_text(limits, given.language, given.core.parley_currency)
        whose = given.phrase("budget_of_each" if scope is BudgetScope.PERSON else f"budget_of_{scope}")
        return given.phrase("budget_set", whose=whose, limits=shown)
    removed = given.phrase(f"budget_removed_{scope}")
    kept = [one for one in scoped_limits(settings) if one[0] is not scope]
    still = kept_to_text(kept, given.language, given.core.parley_currency)
    return given.phrase("joined", one=removed, two=still) if still else removed
