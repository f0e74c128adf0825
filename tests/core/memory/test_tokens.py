"""The words of texts in several scripts, the same for every database."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.memory.tokens import LONGEST_TOKEN, MOST_CHARACTERS, MOST_TOKENS, tokens


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Why were the Refunds refunded?", ["whi", "refund"]),
        ("ERR_CONN_RESET in v2.3, user_id=7", ["err", "conn", "reset", "v2", "3", "user", "id", "7"]),
        ("naïve Café, e\u0301clair", ["naiv", "cafe", "eclair"]),
        ("ＦＵＬＬ　ｗｉｄｔｈ", ["full", "width"]),
        ("项目预算是多少", ["项目", "目预", "预算", "算是", "是多", "多少"]),
        ("用Python写", ["用", "python", "写"]),
        ("カードが使えない", ["カー", "ード", "ドが", "が使", "使え", "えな", "ない"]),
        ("ﾊﾝｶｸ", ["ハン", "ンカ", "カク"]),
        ("한국어", ["한국", "국어"]),
        ("возвраты возврата", ["возврат"]),
        ("👍🏽 '\" \0 ?!", []),
        ("", []),
        ("the letter \u0640 of Arabic", ["letter", "arab"]),
        ("\u0640\u0640 \u200c\u200d", []),
        ("\U0001f468\u200d\U0001f469\u200d\U0001f467", []),
    ],
)
def test_a_text_has_the_words_that_its_script_has(text: str, found: list[str]) -> None:
    assert tokens(text) == found


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("charged", "charging"),
        ("Straße", "STRASSE"),
        ("résumé", "RESUME"),
        ("карточки", "карточка"),
        ("डॉक्टरों", "डॉक्टर"),
        ("می\u200cخواهم", "میخواهم"),
    ],
)
def test_forms_of_a_word_are_one_token(one: str, other: str) -> None:
    assert tokens(one) == tokens(other)
    assert len(tokens(one)) == 1


def test_a_chinese_word_is_found_within_a_sentence() -> None:
    assert set(tokens("预算")) < set(tokens("我们的项目预算是多少"))


@given(st.text())
def test_tokens_are_letters_and_digits_in_lower_case_each_once(text: str) -> None:
    found = tokens(text)
    assert len(set(found)) == len(found)
    for token in found:
        assert token
        assert not set(token) & set(" _'\"\0*^:()-+{}\n")
        assert token == token.lower()


@pytest.mark.parametrize("text", ["word{} ", "字{}符", "x" * 100])
def test_a_long_text_has_no_more_than_its_most_tokens(text: str) -> None:
    long = "".join(text.replace("{}", str(number)) for number in range(MOST_CHARACTERS))
    found = tokens(long)
    assert len(found) <= MOST_TOKENS
    assert max(map(len, found)) <= LONGEST_TOKEN
    assert found == tokens(long + " unheard")
