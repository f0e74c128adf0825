"""Names of tools that every endpoint takes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.tools.names import property_name, tool_name

TAKEN = re.compile(r"[a-zA-Z_][a-zA-Z0-9_-]{0,63}")


@pytest.mark.parametrize(
    ("server", "title", "name"),
    [
        ("jira", "search_issues", "jira__search_issues"),
        ("my-jira", "get-issue", "my-jira__get-issue"),
        ("", "current_time", "current_time"),
    ],
)
def test_a_name_that_models_take_stays(server: str, title: str, name: str) -> None:
    assert tool_name(server, title) == name


@pytest.mark.parametrize(
    ("server", "title"),
    [
        ("jira", "search issues"),
        ("jira", "v1.search"),
        ("日历", "查询"),
        ("9jira", "a"),
        ("-", "a"),
        ("a" * 60, "long"),
    ],
)
def test_another_name_is_cut_to_what_models_take(server: str, title: str) -> None:
    assert TAKEN.fullmatch(tool_name(server, title))


TEXT = st.text(st.characters(codec="utf-8") | st.sampled_from("_-a1"), min_size=1, max_size=90)


@given(st.lists(st.tuples(TEXT, TEXT), unique=True, max_size=20))
def test_different_tools_have_different_names(pairs: list[tuple[str, str]]) -> None:
    names = [tool_name(server, title) for server, title in pairs]
    assert len(set(names)) == len(names)
    assert all(TAKEN.fullmatch(name) for name in names)


def test_two_servers_whose_names_run_into_each_other_are_told_apart() -> None:
    assert tool_name("a", "b__c") == "a__b__c"
    assert tool_name("a__b", "c") != "a__b__c"
    assert tool_name("a_", "x") != tool_name("a", "_x")


@given(st.text(max_size=100))
def test_the_name_of_a_property_is_one_that_models_take(name: str) -> None:
    assert re.fullmatch(r"[a-zA-Z0-9_.-]{1,64}", property_name(name))
    assert property_name("due[date]") != property_name("due{date}")
