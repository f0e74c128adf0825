from __future__ import annotations

import re
import string

import pytest

from core.errors import Code, ModelError
from core.i18n import _WORDS_BY_CODE, LANGUAGES, Phrase, dialect, en, explain, language_of, say, zh


def fields(phrase: Phrase) -> set[str]:
    forms = [phrase] if isinstance(phrase, str) else list(phrase.values())
    return {name for form in forms for _, name, _, _ in string.Formatter().parse(form) if name}


def test_every_language_has_every_phrase_with_the_same_fields() -> None:
    english = {key: fields(phrase) for key, phrase in LANGUAGES["en"].items()}
    for phrases in LANGUAGES.values():
        assert {key: fields(phrase) for key, phrase in phrases.items()} == english


def test_chinese_is_punctuated_as_chinese() -> None:
    for key, phrase in LANGUAGES["zh"].items():
        text = "".join([phrase] if isinstance(phrase, str) else phrase.values())
        assert not re.search(r"[\u4e00-\u9fff][,;:!?()]|[,;!?()][\u4e00-\u9fff]", text), key
        assert not re.search(r" [，。；：！？（）、]|[，。；：！？（）、] ", text), key


def test_nobody_is_sent_to_who_runs_me() -> None:
    for key, phrase in LANGUAGES["en"].items():
        assert not re.search("[;.,] who runs me", str(phrase)), key


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
    for key, phrase in LANGUAGES["zh"].items():
        assert not any(word in str(phrase) for word in WORDY), key


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", list(Code))
def test_every_error_has_calm_words_and_its_reference(code: Code, language: str) -> None:
    error = ModelError(code, "sk-secret upstream text <html>")
    words = explain(error, language)
    assert error.ref in words
    assert "upstream" not in words
    assert len(words) <= 160


def test_every_word_for_an_error_exists() -> None:
    assert set(_WORDS_BY_CODE.values()) <= set(LANGUAGES["en"])


def test_plurals_and_numbers_are_the_languages_own() -> None:
    assert say("digest_questions", "en", n=1) == "1 question"
    assert say("digest_questions", "en", n=1234) == "1,234 questions"
    assert say("digest_questions", "zh", n=1234) == "1,234 个问题"
    assert say("joined", "zh", one="好了。", two="请继续。") == "好了。请继续。"


def test_a_known_wait_is_told() -> None:
    assert "30 seconds" in explain(ModelError(Code.RATE_LIMITED, retry_after_s=30.2), "en")
    assert "1 second." in explain(ModelError(Code.RATE_LIMITED, retry_after_s=0), "en")
    assert "60 minutes" in explain(ModelError(Code.RATE_LIMITED, retry_after_s=3600), "en")
    assert "90 minutes" in explain(ModelError(Code.RATE_LIMITED, retry_after_s=5399), "en")
    assert "2 hours" in explain(ModelError(Code.RATE_LIMITED, retry_after_s=7200), "en")
    assert "5 小时" in explain(ModelError(Code.RATE_LIMITED, retry_after_s=5 * 3600), "zh")
    assert "3 hours" in explain(ModelError(Code.SERVER_ERROR, retry_after_s=10_944), "en")
    assert "2 days" in explain(ModelError(Code.RATE_LIMITED, retry_after_s=172_800), "en")
    assert "in a minute" in explain(ModelError(Code.RATE_LIMITED, retry_after_s=1e9), "en")


@pytest.mark.parametrize("language", LANGUAGES)
def test_that_somebody_knows_is_said_only_when_it_is_true(language: str) -> None:
    error = ModelError(Code.NO_MONEY)
    assert explain(error, language).startswith(say("unreachable", language))
    error.told = True
    assert explain(error, language).startswith(say("unreachable_told", language))


@pytest.mark.parametrize(
    ("locale", "language"), [("zh-CN", "zh"), ("zh_TW", "zh"), ("en-US", "en"), ("fr", "zh"), ("", "zh")]
)
def test_the_language_follows_the_locale_or_the_default(locale: str, language: str) -> None:
    assert language_of(locale, "zh") == language


@pytest.mark.parametrize(
    ("language", "word", "theirs"), [("en", "workspace", "server"), ("zh", "工作区", "服务器")]
)
def test_a_platforms_people_have_their_own_words(language: str, word: str, theirs: str) -> None:
    spoken = dialect(language, "discord")
    assert (say("choice_workspace", language), say("choice_workspace", spoken)) == (word, theirs)
    assert dialect(language, "slack") == language
    spoken_words = " ".join(str(phrase) for phrase in LANGUAGES[language].values())
    assert all(words in spoken_words for words in {"en": en, "zh": zh}[language].DISCORD), "none is left over"
    assert "@Parley" not in say("thread_only", spoken, command="reset")
    one, many = (say("digest_questions", spoken, n=n) for n in (1, 1234))
    assert (one, many) == tuple(say("digest_questions", language, n=n) for n in (1, 1234))


@pytest.mark.parametrize("language", LANGUAGES)
def test_on_the_page_nobody_is_told_to_mention_anybody(language: str) -> None:
    spoken = dialect(language, "web")
    spoken_words = " ".join(str(phrase) for phrase in LANGUAGES[language].values())
    assert all(words in spoken_words for words in {"en": en, "zh": zh}[language].WEB), "none is left over"
    assert "@Parley" not in say("help_ask", spoken, prefix="/")
    assert "@Parley" not in say("thread_only", spoken, command="reset")
    assert "`/forget thread`" in say("thread_only", spoken, command="forget thread")
    assert say("forget_kept", spoken) != say("forget_kept", language)
