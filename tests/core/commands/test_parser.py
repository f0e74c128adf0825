from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.commands import COMMANDS
from core.commands.parser import (
    CommandError,
    Values,
    command_of,
    line_of,
    named,
    options_of,
    time_of,
    values_of,
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("/help", ("help", "")),
        ("  /ask why is it so?", ("ask", "why is it so?")),
        ("/parley usage channel", ("usage", "channel")),
        ("/总结 3 小时", ("summarize", "3 小时")),
        ("/HELP", ("help", "")),
        ("\u2066/reset\u2069", ("reset", "")),
        ("\ufeff\u200e/reset", ("reset", "")),
        ("/ask one\ntwo", ("ask", "one\ntwo")),
        ("/unknown thing", None),
        ("help", None),
        ("/etc/passwd is a file", None),
        ("and /help", None),
        ("", None),
    ],
)
def test_a_command_is_told_from_other_words(text: str, found: tuple[str, str] | None) -> None:
    assert command_of(text) == found


@pytest.mark.parametrize(
    ("command", "typed", "values"),
    [
        ("summarize", "", {}),
        ("summarize", "50", {"last": 50}),
        ("summarize", "3h", {"hours": 3.0}),
        ("summarize", "1.5 hours", {"hours": 1.5}),
        ("summarize", "channel 2 hours", {"of": "channel", "hours": 2.0}),
        ("summarize", "of:channel last:20", {"of": "channel", "last": 20}),
        ("summarize", "hours: 3", {"hours": 3.0}),
        ("summarize", "范围：频道 30 条消息", {"of": "channel", "last": 30}),
        ("settings", "language zh", {"name": "language", "value": "zh"}),
        (
            "settings",
            "workspace model some model",
            {"scope": "workspace", "name": "model", "value": "some model"},
        ),
        ("settings", "Longest answer 200", {"name": "max_tokens", "value": "200"}),
        ("settings", "Listens to “every message”", {"name": "listen", "value": "every message"}),
        ("model", "“gpt-5”", {"name": "gpt-5"}),
        ("settings", "提示词 说中文", {"name": "prompt", "value": "说中文"}),
        ("model", "scope:workspace gpt-5", {"scope": "workspace", "name": "gpt-5"}),
        ("model", "channel", {"name": "channel"}),
        ("prompt", "Workspace rules: be kind.\nAlways.", {"text": "Workspace rules: be kind.\nAlways."}),
        ("usage", "channel week", {"of": "channel", "period": "week"}),
        ("usage", "我 月", {"of": "me", "period": "month"}),
        ("usage", "schedule weekly at 9:00", {"schedule": "weekly", "at": "9:00"}),
        (
            "usage",
            "schedule: monthly at: 17:30 workspace",
            {"schedule": "monthly", "at": "17:30", "of": "workspace"},
        ),
        ("usage", "schedule off", {"schedule": "off"}),
        ("usage", "schedule daily 9:00", {"schedule": "daily", "at": "9:00"}),
        ("usage", "定时 每天 9:00", {"schedule": "daily", "at": "9:00"}),
        ("usage", "weekly", {"period": "week"}),
        ("usage", "channel 每月", {"of": "channel", "period": "month"}),
        (
            "settings",
            "report_names on scope:workspace",
            {"name": "report_names", "value": "on", "scope": "workspace"},
        ),
        ("settings", "name:rate value:3 范围：工作区", {"name": "rate", "value": "3", "scope": "workspace"}),
        ("model", "gpt-5 scope: workspace", {"name": "gpt-5", "scope": "workspace"}),
        ("prompt", "Say scope:workspace here", {"text": "Say scope:workspace here"}),
        ("usage", "定时 每周 时间 9:00", {"schedule": "weekly", "at": "9:00"}),
        ("forget", "me", {"what": "me"}),
        ("ask", "about: what is it about?", {"question": "about: what is it about?"}),
        ("ask", "question: why?", {"question": "why?"}),
        ("help", "", {}),
    ],
)
def test_a_typed_line_gives_values(command: str, typed: str, values: dict[str, object]) -> None:
    spec = COMMANDS[command]
    assert values_of(spec, options_of(spec, typed)) == values


@pytest.mark.parametrize(
    ("command", "typed", "key"),
    [
        ("summarize", "everything", "misread_word"),
        ("summarize", "0", "misread_number"),
        ("summarize", "501", "misread_number"),
        ("summarize", "last:many", "misread_number"),
        ("summarize", "of:elsewhere", "misread_choice"),
        ("forget", "", "misread_missing"),
        ("ask", "", "misread_missing"),
        ("help", "me", "misread_word"),
        ("usage", "off", "misread_word"),
        ("usage", "9:00", "misread_word"),
    ],
)
def test_what_does_not_fit_is_told(command: str, typed: str, key: str) -> None:
    spec = COMMANDS[command]
    with pytest.raises(CommandError) as misread:
        values_of(spec, options_of(spec, typed))
    assert misread.value.key == key


def test_named_values_from_a_platform_need_no_parsing() -> None:
    assert values_of(COMMANDS["summarize"], {"last": "20", "of": "channel", "hours": ""}) == {
        "last": 20,
        "of": "channel",
    }
    assert values_of(COMMANDS["ask"], {"about": "a message"}) == {"about": "a message"}


def test_a_command_is_known_in_every_language() -> None:
    assert named("用量") == named("usage") == named("/Usage") == "usage"
    assert named("nothing") is None


def test_a_line_that_was_written_is_read_back() -> None:
    spec = COMMANDS["summarize"]
    values: Values = {"of": "channel", "last": 20, "hours": 1.5, "since": "2026-01-01T12:00:00+00:00"}
    found = command_of(line_of(spec, values))
    assert found is not None
    assert values_of(spec, options_of(spec, found[1])) == values


@given(st.sampled_from(list(COMMANDS)), st.text(max_size=60))
def test_whatever_is_typed_is_read_or_told(command: str, typed: str) -> None:
    spec = COMMANDS[command]
    try:
        values = values_of(spec, options_of(spec, typed))
    except CommandError:
        return
    assert set(values) <= {option.name for option in spec.options}


def test_a_time_has_its_offset() -> None:
    assert time_of("2026-01-01T12:00:00+00:00") is not None
    assert time_of("2026-01-01T12:00:00") is None
    assert time_of("noon") is None
