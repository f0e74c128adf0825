"""The words about a failure, for the operators."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from core.errors import Code
from core.i18n import LANGUAGES
from core.operators.failure_text import advice_for, cause_to_text, request_to_text
from core.values.failures import Failure, StoredFailure
from core.values.places import Place

AT = datetime(2026, 11, 1, tzinfo=UTC)
PLACE = Place("slack", "T1", "C1")


@pytest.mark.parametrize("code", Code)
@pytest.mark.parametrize("language", LANGUAGES)
def test_each_cause_has_its_advice_also_where_its_settings_were_not_stored(code: Code, language: str) -> None:
    advice = advice_for(StoredFailure(1, Failure("ABC234", code), AT, place=PLACE), language)
    assert advice
    assert "{" not in advice


def test_the_advice_names_the_settings_that_the_failure_was_stored_with() -> None:
    stored = Failure("ABC234", Code.BAD_KEY, places={"key": "KEY_TWO", "url": "accounts.two.base_url"})
    advice = advice_for(StoredFailure(1, stored, AT))
    assert "KEY_TWO" in advice
    assert "accounts.two.base_url" in advice


def test_a_failing_database_is_not_sought_at_the_endpoint() -> None:
    assert "DATABASE_URL" in advice_for(StoredFailure(1, Failure("ABC234", Code.STORE), AT, place=PLACE))


def test_a_cause_is_said_as_far_as_it_is_known() -> None:
    assert cause_to_text(Failure("ABC234", Code.EMPTY)) == "empty"
    assert cause_to_text(Failure("ABC234", Code.CUT, "half", "ReadError")) == "cut, ReadError: half"
    assert request_to_text(Failure("ABC234", Code.STORE)) == ""
    request = request_to_text(
        Failure("ABC234", Code.CUT, account="a", model="m", status=502, request_id="r", tries=2)
    )
    assert request == "m, account a, request 2 of the question, HTTP status 502, the endpoint's id r"
