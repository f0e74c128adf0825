"""The text of a usage report."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from core.errors import Code
from core.i18n import LANGUAGES, phrase, variant
from core.spend.periods import PeriodName, period_at
from core.spend.report import Report
from core.spend.report_text import ReportView, period_text, report_to_text
from core.values.places import Place
from core.values.report import (
    ChannelUse,
    ErrorUse,
    FeedbackReason,
    ModelUse,
    OpenKind,
    OpenQuestion,
    PersonUse,
    ReportFigures,
    ThreadUse,
    UnansweredPost,
    UnansweredPosts,
)
from core.values.usage import UsageTotals

BERLIN = ZoneInfo("Europe/Berlin")
AT = datetime(2026, 11, 18, 12, tzinfo=UTC)
WEEK = period_at(PeriodName.WEEK, AT, BERLIN)
CHANNEL, TEAM = Place("slack", "T1", "C1"), Place("slack", "T1", "")
THREAD, PRIVATE = replace(CHANNEL, thread="1.1"), replace(CHANNEL, thread="2.2")
DIRECT = Place("slack", "T1", "D1", "", direct=True)
NOW = UsageTotals(120, 14, 45_000, 9_000, 12_300_000, 4)
FIGURES = ReportFigures(
    now=NOW,
    before=UsageTotals(100, 0, 40_000, 8_000, 13_000_000),
    models=(
        ModelUse("gpt-4o", UsageTotals(100, 0, 44_000, 8_000, 12_300_000)),
        ModelUse("local", UsageTotals(20, 0, 1_000, 1_000, unpriced=20)),
    ),
    channels=(
        ChannelUse(CHANNEL, UsageTotals(110, 0, 0, 0, 12_000_000)),
        ChannelUse(DIRECT, UsageTotals(6, 0, 0, 0, 200_000)),
        ChannelUse(replace(DIRECT, channel="D2"), UsageTotals(4, 0, 0, 0, 100_000)),
    ),
    people=(PersonUse("Ada *the* first", 40), PersonUse("Ben", 2)),
    errors=(ErrorUse("rate_limited", 2), ErrorUse("server_error", 1), ErrorUse("bad_key", 1)),
    first_words=((900, 60), (1_200, 30), (8_000, 10)),
    threads=(ThreadUse(THREAD, 34, "1.9", "How do [we] deploy?"), ThreadUse(PRIVATE, 5, "2.9", "A secret")),
    helpful=30,
    unhelpful=2,
    reasons=(FeedbackReason(False, "made\nup", THREAD, "1.5"), FeedbackReason(False, "hush", PRIVATE, "2.5")),
    open_counts={OpenKind.FAILED: 4, OpenKind.UNHELPFUL: 2},
    open=(
        OpenQuestion(OpenKind.FAILED, THREAD, "1.7", "Where are the logs?", AT),
        OpenQuestion(OpenKind.UNHELPFUL, PRIVATE, "", "A secret", AT),
    ),
)
VIEW = ReportView(
    "en",
    "USD",
    link=lambda place, message_id: message_id and f"https://chat/{message_id}",
    channel=lambda place: f"<#{place.channel}>",
    readable=frozenset({THREAD.key}),
)

OF_THE_CHANNEL = """\
**Usage in this channel, 16–22 Nov 2026**
120 questions, 20% more than the week before; cost: US$12.30, 5% less.
- asked by 14 people
- 45,000 input tokens, 9,000 output tokens
- The budget of this channel: 62% of US$20.00 a month is spent
- answers rated helpful: 30, not helpful: 2
- not helpful: [made up](https://chat/1.5)
- not helpful: [a reason was given](https://chat/2.5)

**Cost by model**
- `gpt-4o`: US$12.30 · 100 questions
- `local`: unknown · 20 questions

**Errors**
- 3 questions (`rate_limited`, `server_error`): The AI service was busy or failing. If it goes on, raise its limits or \
add a second model.
- 1 question (`bad_key`): The AI service refused the account. Check its key and its balance.

**Time to the first word**
- half of the answers began within 0.9 s, 95% within 8 s

**Most used threads**
- [How do \\[we\\] deploy?](https://chat/1.9): 34 questions
- [a thread](https://chat/2.9): 5 questions

**Left open**
- failed: 4, answers rated not helpful: 2
- [Where are the logs?](https://chat/1.7): failed
- 5 more questions"""


def test_a_channels_report_says_what_changed_first_and_quotes_only_what_all_readers_may_read() -> None:
    view = replace(VIEW, limits=["The budget of this channel: 62% of US$20.00 a month is spent"])
    assert report_to_text(Report(WEEK, CHANNEL, FIGURES), view) == OF_THE_CHANNEL


def test_a_workspaces_report_names_channels_and_sums_up_direct_conversations() -> None:
    view = replace(VIEW, readable=frozenset(), budgets={CHANNEL.channel_key: "62% of US$20.00 a month spent"})
    text = report_to_text(Report(WEEK, TEAM, FIGURES), view)
    assert "**Usage in this workspace, 16–22 Nov 2026**" in text
    assert (
        "**Cost by channel**\n"
        "- <#C1>: US$12.00 · 110 questions · budget: 62% of US$20.00 a month spent\n"
        "- direct conversations: US$0.30 · 10 questions\n"
    ) in text
    assert "- [a thread](https://chat/1.9) in <#C1>: 34 questions" in text
    assert "- [a question of 18 Nov 13:00](https://chat/1.7) in <#C1>: failed" in text
    assert not any(words in text for words in ("deploy", "secret", "made up", "hush", "D1", "D2", "Ada"))


def test_people_are_named_only_where_the_setting_allows_it() -> None:
    named = report_to_text(Report(WEEK, CHANNEL, FIGURES), replace(VIEW, names=True))
    assert "- most questions: Ada \\*the\\* first (40), Ben (2)\n" in named
    assert "Ada" not in report_to_text(Report(WEEK, CHANNEL, FIGURES), VIEW)


def test_many_models_are_shortened_to_their_sum() -> None:
    used = tuple(ModelUse(f"m{n}", UsageTotals(n, cost_micros=1_000_000)) for n in range(8))
    text = report_to_text(Report(WEEK, None, replace(FIGURES, models=used)), VIEW)
    assert "- `m4`: US$1.00 · 4 questions\n- 3 others: US$3.00 · 18 questions\n" in text


@pytest.mark.parametrize(
    ("now", "before", "shown"),
    [
        (NOW, UsageTotals(), "120 questions; there were none the week before. Cost: US$12.30."),
        (NOW, NOW, "120 questions, about as many as the week before; cost: US$12.30, about the same."),
        (
            replace(NOW, questions=1, cost_micros=26_000_000),
            FIGURES.before,
            "1 question, 99% fewer than the week before; cost: US$26.00, 100% more.",
        ),
        (
            replace(NOW, unpriced=3),
            FIGURES.before,
            "120 questions, 20% more than the week before; cost: at least US$12.30 (price of 3 answers unknown).",
        ),
        (
            replace(NOW, unpriced=120, cost_micros=0),
            FIGURES.before,
            "120 questions, 20% more than the week before; cost: unknown.",
        ),
    ],
)
def test_the_change_is_told_of_known_costs_alone(now: UsageTotals, before: UsageTotals, shown: str) -> None:
    text = report_to_text(Report(WEEK, None, replace(FIGURES, now=now, before=before)), VIEW)
    assert text.splitlines()[1] == shown


@pytest.mark.parametrize(
    ("name", "title"),
    [
        (PeriodName.DAY, "18 November 2026, up to 13:00 Europe/Berlin"),
        (PeriodName.WEEK, "16–22 Nov 2026, up to 18 Nov 13:00 Europe/Berlin"),
        (PeriodName.MONTH, "November 2026, up to 18 Nov 13:00 Europe/Berlin"),
    ],
)
def test_a_period_that_is_not_over_says_up_to_when_and_is_compared_up_to_then(
    name: PeriodName, title: str
) -> None:
    report = Report(period_at(name, AT, BERLIN), None, FIGURES, AT)
    head, change, *_ = report_to_text(report, VIEW).splitlines()
    assert head == f"**Usage everywhere, {title}**"
    assert change.startswith(f"120 questions, 20% more than by this time the {name} before; cost: ")
    head, change, *_ = report_to_text(report, replace(VIEW, language="zh")).splitlines()
    assert head.endswith("13:00 Europe/Berlin）**")
    assert "同期多 20%；" in change


def test_threads_with_one_question_are_no_most_used_ones() -> None:
    once = tuple(replace(one, questions=1) for one in FIGURES.threads)
    text = report_to_text(Report(WEEK, CHANNEL, replace(FIGURES, threads=(*FIGURES.threads[:1], *once))), VIEW)
    assert "**Most used threads**\n- [How do \\[we\\] deploy?](https://chat/1.9): 34 questions\n\n" in text
    assert "Most used" not in report_to_text(Report(WEEK, CHANNEL, replace(FIGURES, threads=once)), VIEW)


def test_a_period_without_questions_says_so() -> None:
    text = report_to_text(Report(WEEK, None, ReportFigures(before=NOW)), VIEW)
    assert text == "**Usage everywhere, 16–22 Nov 2026**\nNo questions were asked."


def test_it_speaks_chinese() -> None:
    text = report_to_text(Report(WEEK, CHANNEL, FIGURES), replace(VIEW, language="zh"))
    assert text.startswith(
        "**这个频道的用量，2026年11月16日至22日**\n120 个问题，比前一周多 20%；费用：US$12.30，少 5%。\n"
        "- 14 人提问\n"
    )
    assert text.endswith("：失败\n- 另有 5 个问题")
    assert "\n- 一半的回答在 0.9 秒内开始，95% 在 8 秒内开始\n" in text


def test_a_period_is_named_by_its_local_dates() -> None:
    late = datetime(2026, 11, 30, 23, 30, tzinfo=UTC)  # the next day in Berlin
    named = [period_text(period_at(name, late, BERLIN), "en") for name in PeriodName]
    assert named == ["1 December 2026", "30 Nov\u2009–\u20096 Dec 2026", "December 2026"]
    assert period_text(period_at(PeriodName.MONTH, late - timedelta(hours=1), BERLIN), "zh") == "2026年11月"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", [*Code, "", "a_code_of_an_earlier_version"])
def test_every_error_has_an_advice(code: str, language: str) -> None:
    figures = replace(FIGURES, errors=(ErrorUse(str(code), 1),))
    text = report_to_text(Report(WEEK, None, figures), replace(VIEW, language=language))
    assert f"`{code}`" in text if code else "``" not in text


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (Code.BUDGET, "budget"),
        (Code.STALLED, "slow"),
        (Code.NOT_ALLOWED, "platform"),
        ("unheard_of", "platform"),
    ],
)
def test_an_error_has_the_advice_of_its_cause(code: str, advice: str) -> None:
    text = report_to_text(Report(WEEK, None, replace(FIGURES, errors=(ErrorUse(code, 2),))), VIEW)
    assert f"- 2 questions (`{code}`): {phrase(f'report_error_{advice}', 'en')}\n" in text


SERVER = Place("discord", "G1", "")
FORUM = Place("discord", "G1", "300")


def some_posts(number: int, *, complete: bool = True) -> UnansweredPosts:
    posts = (UnansweredPost(replace(FORUM, thread=str(n)), str(n), f"Post *{n}*", AT) for n in range(number))
    return UnansweredPosts(tuple(posts), complete)


def left_open(
    posts: UnansweredPosts | None,
    scope: Place | None = SERVER,
    figures: ReportFigures = FIGURES,
    tag: str = "en",
) -> list[str]:
    """The lines of the section of open questions."""
    language = variant(tag, "discord")
    readable = frozenset(post.place.key for post in posts.found) if posts is not None else frozenset()
    view = replace(VIEW, language=language, posts=posts, readable=readable)
    text = report_to_text(Report(WEEK, scope, figures), view)
    section = text.split("\n\n")[-1].splitlines()
    return section[1:] if section[0] == phrase("report_open", language) else []


NOTHING_OPEN = replace(FIGURES, open_counts={}, open=())


def test_posts_without_an_answer_follow_the_open_questions_with_their_links_and_channel() -> None:
    assert left_open(some_posts(1)) == [
        "- failed: 4, answers rated not helpful: 2, forum posts without an answer: 1",
        "- [a question of 18 Nov 13:00](https://chat/1.7) in <#C1>: failed",
        "- 5 more questions",
        "- [Post \\*0\\*](https://chat/0) in <#300>: no answer yet",
    ]


def test_posts_past_the_first_five_are_counted() -> None:
    assert left_open(some_posts(6), FORUM, NOTHING_OPEN) == [
        "- forum posts without an answer: 6",
        *(f"- [Post \\*{n}\\*](https://chat/{n}): no answer yet" for n in range(5)),
        "- 1 more post",
    ]
    assert left_open(some_posts(7), FORUM, NOTHING_OPEN)[-1] == "- 2 more posts"
    assert len(left_open(some_posts(5), FORUM, NOTHING_OPEN)) == 6


def test_posts_that_were_not_all_looked_at_are_at_least_those_that_were_found() -> None:
    lines = left_open(some_posts(8, complete=False), None, NOTHING_OPEN)
    assert lines[0] == "- forum posts of this server without an answer: at least 8"
    assert lines[-1] == "- at least 3 more posts"
    few = left_open(some_posts(1, complete=False), figures=NOTHING_OPEN)
    assert few[0] == "- forum posts without an answer: at least 1"
    assert few[-1] == "- There are too many forum posts to look at all of them."
    assert left_open(some_posts(0, complete=False), figures=NOTHING_OPEN) == few[-1:]


def test_posts_that_could_not_be_looked_up_are_said_to_be_missing_in_one_line() -> None:
    unread = "- Forum posts without an answer could not be looked up."
    assert left_open(None, figures=NOTHING_OPEN) == [unread]
    assert left_open(None)[-1] == unread
    assert left_open(UnansweredPosts(), figures=NOTHING_OPEN) == []


def test_a_period_without_questions_has_its_posts_all_the_same() -> None:
    view = replace(VIEW, posts=some_posts(1))
    text = report_to_text(Report(WEEK, FORUM, ReportFigures()), view)
    assert text.splitlines()[1:] == [
        "No questions were asked.",
        "",
        "**Left open**",
        "- forum posts without an answer: 1",
        "- [a post of 18 Nov 13:00](https://chat/0): no answer yet",
    ]


def test_posts_are_told_in_chinese() -> None:
    assert left_open(some_posts(7, complete=False), None, NOTHING_OPEN, "zh") == [
        "- 这个服务器中无人回复的论坛帖子：至少 7",
        *(f"- [Post \\*{n}\\*](https://chat/{n})（<#300>）：尚无人回复" for n in range(5)),
        "- 另有至少 2 个帖子",
    ]


@pytest.mark.parametrize("title", ["", "\u3164", "\u2800\u200b", "https://", "\u202e"])
@pytest.mark.parametrize(
    ("tag", "words"), [("en", "a post of 18 Nov 13:00"), ("zh", "11月18日 13:00 的一个帖子")]
)
def test_a_title_of_which_a_reader_sees_nothing_is_told_by_its_time(title: str, tag: str, words: str) -> None:
    (post,) = some_posts(1).found
    lines = left_open(UnansweredPosts((replace(post, title=title),)), FORUM, NOTHING_OPEN, tag)
    assert lines[1].startswith(f"- [{words}](https://chat/0)")


@pytest.mark.parametrize(
    ("title", "label"),
    [
        ("See https://example.com/a", "See example.com/a"),
        ("HTTP://x.y and mailto:a@b.c", "x.y and a@b.c"),
        ("discord://-/x", "-/x"),
        ("a || b", "a \\|\\| b"),
        ("at 10:30, f(x): y", "at 10:30, f(x): y"),
    ],
)
def test_the_label_of_a_link_holds_no_address_and_no_sign_of_markdown(title: str, label: str) -> None:
    (post,) = some_posts(1).found
    posts = UnansweredPosts((replace(post, title=title),))
    assert left_open(posts, FORUM, NOTHING_OPEN)[1] == f"- [{label}](https://chat/0): no answer yet"
    figures = replace(FIGURES, open=(replace(FIGURES.open[0], text=title),))
    text = report_to_text(Report(WEEK, CHANNEL, figures), VIEW)
    assert f"- [{label}](https://chat/1.7): failed" in text
