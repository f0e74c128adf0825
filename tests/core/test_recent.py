from __future__ import annotations

from core.recent import Recent


def test_the_entries_set_last_are_kept() -> None:
    recent: Recent[str, int] = Recent(2)
    recent["a"] = recent["b"] = 1
    recent["a"] = 2
    recent["c"] = 3
    assert dict(recent) == {"a": 2, "c": 3}


def test_every_way_to_set_an_entry_is_bounded() -> None:
    recent: Recent[int, int] = Recent(2)
    recent.update({number: number for number in range(5)})
    assert recent.setdefault(9, 9) == 9
    assert list(recent) == [4, 9]
