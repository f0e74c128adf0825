from __future__ import annotations

from dataclasses import replace

import pytest

from core.memory.audience import (
    Readers,
    SourceChannel,
    Visibility,
    channels_to_search,
    may_use_channel,
    may_use_thread,
    memory_of,
    reads_channel,
)
from core.settings.channel import Memory

PUBLIC, PRIVATE, DIRECT = Visibility.PUBLIC, Visibility.PRIVATE, Visibility.DIRECT
OFF, CHANNEL, WORKSPACE = Memory.OFF, Memory.CHANNEL, Memory.WORKSPACE

TEAM = Readers("C1", alone=False, asker_may_read=True, shared=False, limited=False)
"""The readers of an answer in a channel without strangers and guests."""
ALONE = Readers("C1", alone=True, asker_may_read=True)
"""One reader, of whose channel nothing else is known."""


def test_an_answer_to_many_uses_its_own_channel_and_public_ones() -> None:
    assert may_use_channel(TEAM, SourceChannel("C1"))
    assert may_use_channel(TEAM, SourceChannel("C2", PUBLIC))
    assert not may_use_channel(TEAM, SourceChannel("C2", PRIVATE))


def test_a_private_channel_that_the_asker_reads_is_for_an_answer_to_them_alone() -> None:
    private = SourceChannel("C2", PRIVATE, asker_reads=True)
    assert not may_use_channel(TEAM, private)
    assert may_use_channel(ALONE, private)
    assert not may_use_channel(ALONE, replace(private, asker_reads=False))


def test_a_private_channel_that_all_readers_read_is_a_source_and_a_public_one_that_they_do_not_is_none() -> (
    None
):
    assert may_use_channel(TEAM, SourceChannel("C2", PRIVATE, all_read=True))
    assert not may_use_channel(TEAM, SourceChannel("C2", PUBLIC, all_read=False))
    assert not may_use_channel(replace(TEAM, limited=True), SourceChannel("C2", PRIVATE, all_read=True))
    assert not may_use_channel(ALONE, SourceChannel("C2", PRIVATE, all_read=True)), (
        "who reads alone counts alone"
    )


def test_direct_conversations_are_sources_only_in_themselves() -> None:
    direct = SourceChannel("D1", DIRECT, asker_reads=True)
    for readers in (TEAM, ALONE):
        assert not may_use_channel(readers, direct)
        assert may_use_channel(replace(readers, channel="D1"), direct)


@pytest.mark.parametrize("changed", [{"shared": True}, {"shared": None}, {"limited": True}, {"limited": None}])
def test_with_strangers_or_guests_among_the_readers_only_the_same_channel_is_a_source(
    changed: dict[str, bool | None],
) -> None:
    readers = replace(TEAM, **changed)  # type: ignore[arg-type]
    assert may_use_channel(readers, SourceChannel("C1", PUBLIC))
    assert not may_use_channel(readers, SourceChannel("C2", PUBLIC, asker_reads=True))


def test_an_unknown_channel_is_refused() -> None:
    assert not may_use_channel(TEAM, SourceChannel("C2"))
    assert not may_use_channel(ALONE, SourceChannel("C2", None, asker_reads=True))
    assert not may_use_channel(ALONE, SourceChannel("C2", PUBLIC))


@pytest.mark.parametrize("readers", [TEAM, ALONE])
@pytest.mark.parametrize("source", ["C1", "C2"])
def test_an_asker_who_may_not_read_earlier_messages_gets_nothing(readers: Readers, source: str) -> None:
    newcomer = replace(readers, asker_may_read=False)
    assert not may_use_channel(newcomer, SourceChannel(source, PUBLIC, asker_reads=True))


@pytest.mark.parametrize("all_may_read", [False, None])
def test_a_channel_with_readers_who_may_not_read_its_earlier_messages_is_a_source_to_one_alone(
    all_may_read: bool | None,
) -> None:
    assert not may_use_channel(replace(TEAM, all_may_read=all_may_read), SourceChannel("C1", PUBLIC))
    assert may_use_channel(replace(ALONE, all_may_read=all_may_read), SourceChannel("C1", PUBLIC))


@pytest.mark.parametrize(
    ("alone", "is_open", "asker_reads", "usable"),
    [
        (False, True, None, True),
        (False, False, True, False),
        (False, None, True, False),
        (True, True, None, True),
        (True, False, True, True),
        (True, False, False, False),
        (True, False, None, False),
        (True, None, None, False),
    ],
)
def test_a_private_thread_is_a_source_only_for_one_alone_who_reads_it(
    alone: bool, is_open: bool | None, asker_reads: bool | None, usable: bool
) -> None:
    assert may_use_thread(alone=alone, is_open=is_open, asker_reads=asker_reads) is usable


@pytest.mark.parametrize(
    ("visibility", "member", "guest", "external", "reads"),
    [
        (PUBLIC, False, False, False, True),
        (PUBLIC, False, True, False, False),
        (PUBLIC, False, False, True, False),
        (PUBLIC, True, True, True, True),
        (PUBLIC, False, None, False, None),
        (PUBLIC, False, False, None, None),
        (PUBLIC, None, False, False, True),
        (PUBLIC, None, True, False, False),
        (PRIVATE, True, False, False, True),
        (PRIVATE, True, True, False, True),
        (PRIVATE, False, False, False, False),
        (PRIVATE, None, False, False, None),
        (None, None, False, False, None),
    ],
)
def test_people_read_what_they_have_joined_and_those_of_the_team_what_is_public(
    visibility: Visibility | None,
    member: bool | None,
    guest: bool | None,
    external: bool | None,
    reads: bool | None,
) -> None:
    assert reads_channel(visibility, member=member, guest=guest, external=external) is reads


OTHERS = {"C1": WORKSPACE, "C2": WORKSPACE, "C3": CHANNEL, "C4": OFF}


@pytest.mark.parametrize(
    ("own", "searched"),
    [(OFF, set()), (CHANNEL, {"C1"}), (WORKSPACE, {"C1", "C2"})],
)
def test_channels_look_as_far_as_both_settings_permit(own: Memory, searched: set[str]) -> None:
    assert channels_to_search(own, "C1", OTHERS) == searched


@pytest.mark.parametrize("setting", Memory)
def test_an_app_that_others_install_has_no_memory(setting: Memory) -> None:
    assert memory_of(setting, distributed=True) is OFF
    assert memory_of(setting, distributed=False) is setting
