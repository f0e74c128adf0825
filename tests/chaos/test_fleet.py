"""How two owners of a team are told from one that follows another."""

from __future__ import annotations

from tests.chaos.fleet import Shown, too_close


def shown(*calls: tuple[float, str, str]) -> list[Shown]:
    return [Shown(at, replica, team) for at, replica, team in calls]


def test_calls_of_two_replicas_for_one_team_are_told_where_they_are_close() -> None:
    [found] = too_close(shown((1.0, "a", "T1"), (1.25, "b", "T1"), (2.0, "b", "T1")), 0.6)
    assert found == "T1: a and b within 0.250 s"


def test_calls_of_one_replica_or_for_different_teams_or_apart_are_well() -> None:
    assert too_close(shown((1.0, "a", "T1"), (1.1, "a", "T1"), (1.2, "b", "T2"), (1.8, "b", "T1")), 0.6) == []


def test_a_call_of_the_owner_before_in_between_is_told_twice() -> None:
    assert (
        len(too_close(shown((1.0, "a", "T1"), (2.0, "b", "T1"), (2.1, "a", "T1"), (2.2, "b", "T1")), 0.6)) == 2
    )
