from __future__ import annotations

import re
import string

import pytest

from core.errors import Code, ModelError
from core.i18n import (
    _MODULES,
    _WORDS_BY_CODE,
    LANGUAGES,
    SPOKEN,
    Phrase,
    advise,
    error_text,
    language_of,
    phrase,
    tool_label,
    tools_used,
    variant,
)


def fields(wording: Phrase) -> set[str]:
    forms = [wording] if isinstance(wording, str) else list(wording.values())
    return {name for form in forms for _, name, _, _ in string.Formatter().parse(form) if name}


def test_every_language_has_every_phrase_with_the_same_fields() -> None:
    english = {key: fields(wording) for key, wording in LANGUAGES["en"].items()}
    for phrases in LANGUAGES.values():
        assert {key: fields(wording) for key, wording in phrases.items()} == english


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_variant_is_of_a_known_phrase_or_term_and_has_its_fields(language: str) -> None:
    module = _MODULES[language]
    for entries in (module.PHRASES, module.TERMS):
        for key in entries:
            assert key.partition(".")[0] in entries
    for spoken in [one for one in SPOKEN if one.startswith(f"{language}-")]:
        for key, entry in SPOKEN[spoken].items():
            assert fields(entry) <= fields(LANGUAGES[language][key]), key


def test_chinese_is_punctuated_as_chinese() -> None:
    for key, wording in LANGUAGES["zh"].items():
        text = "".join([wording] if isinstance(wording, str) else wording.values())
        assert not re.search(r"[\u4e00-\u9fff][,;:!?()]|[,;!?()][\u4e00-\u9fff]", text), key
        assert not re.search(r" [，。；：！？（）、]|[，。；：！？（）、] ", text), key


def test_nobody_is_sent_to_who_runs_me() -> None:
    for key, wording in LANGUAGES["en"].items():
        assert not re.search("[;.,] who runs me", str(wording)), key


WORDY = [
    "管理我的人",
    "读入",
    "读写",
    "需要你",
    "再试一次",
    "途中代理",
    "途中的代理",
    "没有人提问",
    "不适用",
    "说明",
]


def test_chinese_says_what_native_readers_say() -> None:
    for key, wording in LANGUAGES["zh"].items():
        assert not any(word in str(wording) for word in WORDY), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_error_has_calm_words_and_its_reference(language: str) -> None:
    for code in Code:
        error = ModelError(code, "sk-secret upstream text <html>")
        words = error_text(error, language)
        assert error.ref in words, code
        assert "upstream" not in words, code
        assert len(words) <= 160, code


def test_every_word_for_an_error_exists() -> None:
    assert set(_WORDS_BY_CODE.values()) <= set(LANGUAGES["en"])


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_post_that_fails_for_any_reason_has_advice_for_operators(language: str) -> None:
    of_posts = list(Code)[list(Code).index(Code.SLOW_DOWN) :]
    advised = {
        code: advise(code, language, {"name": "slack", "url": "sqlite:///parley.db"}) for code in of_posts
    }
    assert advised[Code.GONE] != advised[Code.INTERNAL] == advised[Code.UNCERTAIN]
    assert not any("{" in words for words in advised.values())


def test_plurals_and_numbers_are_the_languages_own() -> None:
    assert phrase("usage_questions", "en", n=1) == "1 question"
    assert phrase("usage_questions", "en", n=1234) == "1,234 questions"
    assert phrase("usage_questions", "zh", n=1234) == "1,234 个问题"
    assert phrase("joined", "zh", one="好了。", two="请继续。") == "好了。请继续。"


def test_a_known_wait_is_told() -> None:
    assert "30 seconds" in error_text(ModelError(Code.RATE_LIMITED, retry_after_s=30.2), "en")
    assert "1 second." in error_text(ModelError(Code.RATE_LIMITED, retry_after_s=0), "en")
    assert "60 minutes" in error_text(ModelError(Code.RATE_LIMITED, retry_after_s=3600), "en")
    assert "90 minutes" in error_text(ModelError(Code.RATE_LIMITED, retry_after_s=5399), "en")
    assert "2 hours" in error_text(ModelError(Code.RATE_LIMITED, retry_after_s=7200), "en")
    assert "5小时" in error_text(ModelError(Code.RATE_LIMITED, retry_after_s=5 * 3600), "zh")
    assert "3 hours" in error_text(ModelError(Code.SERVER_ERROR, retry_after_s=10_944), "en")
    assert "2 days" in error_text(ModelError(Code.RATE_LIMITED, retry_after_s=172_800), "en")
    assert "in a minute" in error_text(ModelError(Code.RATE_LIMITED, retry_after_s=1e9), "en")


@pytest.mark.parametrize("language", LANGUAGES)
def test_that_somebody_knows_is_said_only_when_it_is_true(language: str) -> None:
    error = ModelError(Code.NO_MONEY)
    assert error_text(error, language).startswith(phrase("unreachable", language))
    error.reported = True
    assert error_text(error, language).startswith(phrase("unreachable_told", language))


@pytest.mark.parametrize(
    ("locale", "language"), [("zh-CN", "zh"), ("zh_TW", "zh"), ("en-US", "en"), ("fr", "zh"), ("", "zh")]
)
def test_the_language_follows_the_locale_or_the_default(locale: str, language: str) -> None:
    assert language_of(locale, "zh") == language


@pytest.mark.parametrize(
    ("language", "word", "theirs"), [("en", "workspace", "server"), ("zh", "工作区", "服务器")]
)
def test_a_platforms_people_have_their_own_words(language: str, word: str, theirs: str) -> None:
    spoken = variant(language, "discord")
    assert (phrase("choice_workspace", language), phrase("choice_workspace", spoken)) == (word, theirs)
    assert variant(language, "slack") == language
    one, many = (phrase("usage_questions", spoken, n=n) for n in (1, 1234))
    assert (one, many) == tuple(phrase("usage_questions", language, n=n) for n in (1, 1234))


@pytest.mark.parametrize("language", LANGUAGES)
def test_on_the_page_nobody_is_told_to_mention_anybody(language: str) -> None:
    spoken = variant(language, "web")
    assert "{typed}" not in str(SPOKEN[spoken]["help_ask"])
    assert phrase("forget_kept", spoken) != phrase("forget_kept", language)


def test_the_tools_of_an_answer_are_named_as_people_name_them() -> None:
    used = ("jira__create_issue", "read_link", "old_tool")
    assert tools_used(used, "en") == "Tools used: jira: create_issue, read link, old_tool"
    assert tools_used(used, "zh") == "使用的工具：jira: create_issue、读取链接、old_tool"
    assert tool_label("search_earlier_threads", variant("zh", "discord")) == "搜索以往的子区"
