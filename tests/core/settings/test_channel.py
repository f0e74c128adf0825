from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from core.errors import SettingsError
from core.ports.store.settings import StoredSettings
from core.settings.channel import NOBODY, SETTINGS, ChannelSettings, Listen, Memory, Origin, ids, settings_on
from core.settings.environment import CoreSettings
from core.settings.layers import bounded, language_for, merge
from core.values.budgets import BudgetUnit
from core.values.deltas import ModelInfo
from core.values.model_accounts import ModelAccount
from core.values.places import Person
from core.values.platform import Feature, PlatformTraits


def core(**settings: object) -> CoreSettings:
    return CoreSettings(_env_file=None, **settings)  # type: ignore[arg-type]


def merged(workspace: dict[str, str], channel: dict[str, str], **settings: object) -> ChannelSettings:
    return merge(core(**settings), StoredSettings(workspace, channel), "slack")


def test_the_nearest_one_that_is_set_counts_and_says_whose_it_is() -> None:
    found = merged({"model": "big", "temperature": "0.5"}, {"model": "small"}, parley_max_tokens=99)
    assert (found.model, found.temperature, found.max_tokens) == ("small", 0.5, 99)
    assert [found.origin(name) for name in ("model", "temperature", "max_tokens")] == [
        Origin.CHANNEL,
        Origin.WORKSPACE,
        Origin.DEFAULT,
    ]
    assert found.text("max_tokens") == "99"


def test_with_nothing_set_the_operators_settings_count() -> None:
    found = merged({}, {}, openai_model="m", parley_rate=7, parley_guests=False)
    assert (found.model, found.rate, found.guests, found.strangers) == ("m", 7, False, False)
    assert (found.listen, found.language, found.budget) == (Listen.MENTIONS, "", ())


def test_a_value_that_can_not_be_read_any_more_counts_as_not_set() -> None:
    found = merged({"listen": "everything", "temperature": "warm", "colour": "red"}, {})
    assert (found.listen, found.temperature, found.origin("listen")) == (
        Listen.MENTIONS,
        None,
        Origin.DEFAULT,
    )


def test_what_only_a_workspace_may_set_does_not_count_in_a_channel() -> None:
    assert merged({}, {"strangers": "on", "rate": "0"}, parley_rate=3).rate == 3
    assert merged({"strangers": "on"}, {}).strangers


@pytest.mark.parametrize(
    ("set_", "cap", "counts"),
    [("900", None, 900), ("900", 500, 500), ("100", 500, 100), (None, 500, 500), (None, None, None)],
)
@pytest.mark.parametrize("layer", ["workspace", "channel", "operator"])
def test_no_answer_is_longer_than_the_operators_cap_whoever_set_it_and_when(
    set_: str | None, cap: int | None, counts: int | None, layer: str
) -> None:
    values = {"max_tokens": set_} if set_ else {}
    workspace, channel = (values if layer == name else {} for name in ("workspace", "channel"))
    operator = int(set_) if set_ and layer == "operator" else None
    found = merged(workspace, channel, parley_max_tokens_cap=cap, parley_max_tokens=operator)
    assert found.max_tokens == counts
    assert found.text("max_tokens") == ("" if counts is None else str(counts)), "what is shown is what counts"


@pytest.mark.parametrize(
    ("operator", "workspace", "channel", "counts", "whose"),
    [
        (None, None, None, None, Origin.DEFAULT),
        (365, None, None, 365, Origin.DEFAULT),
        (365, "90", None, 90, Origin.WORKSPACE),
        (365, "90", "30", 30, Origin.CHANNEL),
        (365, None, "30", 30, Origin.CHANNEL),
        (None, "90", "400", 90, Origin.WORKSPACE),
        (30, "90", "60", 30, Origin.CHANNEL),
        (None, "0", "36501", None, Origin.DEFAULT),
    ],
)
def test_messages_are_kept_for_the_shortest_time_that_anybody_set(
    operator: int | None, workspace: str | None, channel: str | None, counts: int | None, whose: Origin
) -> None:
    stored = ({"keep_days": one} if one else {} for one in (workspace, channel))
    found = merged(*stored, parley_keep_days=operator)
    assert (found.keep_days, found.origin("keep_days")) == (counts, whose)
    assert found.text("keep_days") == ("" if counts is None else str(counts)), "what is shown is what counts"
    assert len(found.layers["keep_days"]) == 1


def test_a_model_chosen_before_the_operator_named_the_choice_does_not_count() -> None:
    found = merged({"model": "good"}, {"model": "dear"}, openai_model="own", parley_models="good, cheap")
    assert (found.model, found.origin("model")) == ("good", Origin.WORKSPACE)
    assert merged({}, {"model": "dear"}, openai_model="own", parley_models="good").model == "own"
    assert merged({}, {"model": "dear"}, openai_model="own").model == "dear", "without a list any may be chosen"


WORKSPACES = {"G1": {"deny": "U6", "rate": "5"}, "G2": {"deny": "U7 R1", "rate": "2"}, "G3": {"rate": "0"}}


@pytest.mark.parametrize(
    ("roles", "own", "rate"),
    [(("G1",), 0, 5), (("G1", "G2"), 0, 2), ((), 0, 2), (("G3",), 0, 0), (("G1",), 3, 3), (("G9",), 9, 2)],
)
def test_a_direct_conversation_has_the_lowest_rate_of_the_persons_workspaces_or_of_all(
    roles: tuple[str, ...], own: int, rate: int
) -> None:
    settings = bounded(merged({}, {}, parley_rate=own), WORKSPACES, Person("U1", roles=roles))
    assert settings.rate == rate
    assert settings.deny == {"U6", "U7", "R1"}, "whom one denies is denied, wherever else they are"


def test_a_channel_can_only_narrow_who_may_ask() -> None:
    found = merged({"allow": "C1 C2", "deny": "U9"}, {"allow": "C1,U1", "deny": "U8"}, parley_allow="slack:T1")
    assert found.allow == (frozenset({"T1"}), frozenset({"C1", "C2"}), frozenset({"C1", "U1"}))
    assert found.deny == {"U8", "U9"}


def test_an_operators_list_that_names_only_another_platform_lets_nobody_of_this_one_in() -> None:
    (listed,) = merged({}, {}, parley_allow="discord:2").allow
    assert listed == {NOBODY}
    assert merged({}, {}, parley_allow="").allow == ()


def test_of_an_operators_lists_only_what_concerns_the_platform_is_shown() -> None:
    lists = {"parley_allow": "slack:T2, discord:11, slack:T1", "parley_deny": "discord:12,slack:U9,web:you"}
    found = merged({"allow": "C1"}, {}, **lists)
    assert found.layers["allow"] == ((Origin.DEFAULT, "T1, T2"), (Origin.WORKSPACE, "C1"))
    assert (found.text("deny"), found.layers["deny"]) == ("U9", ((Origin.DEFAULT, "U9"),))
    other = merged({}, {}, parley_allow="discord:11", parley_deny="discord:12")
    assert (other.text("allow"), other.text("deny")) == (NOBODY, "")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("C1, U2", {"C1", "U2"}),
        ("<@U1|ada> <#C2|general>", {"U1", "C2"}),
        ("<@!12>,<@&34>", {"12", "34"}),
    ],
)
def test_ids_are_read_bare_or_as_mentions(text: str, found: set[str]) -> None:
    assert ids(text) == found


@pytest.mark.parametrize("text", ["", " , ", "everybody!", "C1 and/or U1"])
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        ids(text)


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("temperature", "1.5", "3"),
        ("max_tokens", "100", "1.5"),
        ("listen", "forum", "sometimes"),
        ("language", "zh", "fr"),
        ("budget", "12.5", "-1"),
        ("rate", "0", "-1"),
        ("tools", "off", "maybe"),
        ("prompt", "Be kind.", "x" * 8_001),
        ("temperature", "0", "nan"),
    ],
)
def test_values_are_checked(name: str, good: str, bad: str) -> None:
    assert SETTINGS[name].read(good) is not None
    assert SETTINGS[name].read(bad) is None


def test_every_field_but_four_is_a_setting_that_can_be_shown() -> None:
    assert [*SETTINGS, "account", "own_model", "layers", "platform"] == list(ChannelSettings.model_fields)
    assert set(merged({}, {}).layers) == set(SETTINGS)


def test_choices_are_those_of_the_type_and_only_those_are_read() -> None:
    assert SETTINGS["listen"].choices == tuple(Listen)
    assert SETTINGS["tools"].choices == ("on", "off")
    assert SETTINGS["tools"].read("yes") is None


REPORTS = ("report", "report_at", "report_scope")


def test_a_platform_has_only_the_settings_and_choices_whose_feature_it_has() -> None:
    bare, full = settings_on(PlatformTraits()), settings_on(PlatformTraits(frozenset(Feature)))
    assert set(full) - set(bare) == {
        "person_budget",
        *REPORTS,
        "rate",
        "time_zone",
        "guests",
        "strangers",
        "allow",
        "deny",
        "related",
    }
    assert set(full["listen"].choices) - set(bare["listen"].choices) == {"mentions_only", "all", "forum"}
    assert set(full["memory"].choices) - set(bare["memory"].choices) == {"workspace"}


def test_an_app_that_others_install_has_a_setting_of_memory_only_where_the_platform_searches() -> None:
    own = PlatformTraits(frozenset(Feature))
    bare = PlatformTraits(frozenset(Feature) - {Feature.SEARCH})
    assert set(settings_on(bare)) - set(settings_on(replace(bare, distributed=True))) == {"memory"}
    assert settings_on(replace(own, distributed=True)).keys() == settings_on(own).keys()


def test_memory_is_the_operators_where_nobody_chose_and_off_is_off_everywhere() -> None:
    assert merged({}, {}).memory is Memory.CHANNEL
    assert merged({}, {}, parley_memory="workspace").memory is Memory.WORKSPACE
    assert merged({"memory": "workspace"}, {}).memory is Memory.WORKSPACE
    assert merged({"memory": "workspace"}, {"memory": "off"}).memory is Memory.OFF
    found = merged({"memory": "workspace"}, {"memory": "channel"}, parley_memory="off")
    assert (found.memory, found.text("memory"), found.origin("memory")) == (Memory.OFF, "off", Origin.DEFAULT)


def test_the_language_is_the_channels_then_the_persons_then_the_operators() -> None:
    ada, bob = Person("U1", locale="zh-CN"), Person("U2", locale="fr")
    assert language_for(ada, merged({}, {"language": "en"}), core()) == "en"
    assert language_for(ada, merged({}, {}), core()) == "zh"
    assert language_for(bob, merged({}, {}), core(parley_language="zh")) == "zh"


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../etc/passwd", "Europe", ""])
def test_a_time_zone_that_there_is_not_is_refused(zone: str) -> None:
    with pytest.raises(ValueError, match="is not a time zone"):
        core(parley_time_zone=zone)
    assert SETTINGS["time_zone"].read(zone) is None


def test_the_time_zone_is_the_workspaces_else_the_operators() -> None:
    assert merged({}, {}, parley_time_zone="Asia/Shanghai").zone == ZoneInfo("Asia/Shanghai")
    found = merged({"time_zone": "Europe/Berlin"}, {"time_zone": "UTC"}, parley_time_zone="Asia/Shanghai")
    assert found.zone == ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize("entry", ["U1", "irc:U1", "slack:", "slack"])
@pytest.mark.parametrize("name", ["parley_admins", "parley_allow", "parley_deny"])
def test_an_entry_of_a_list_without_a_known_platform_is_named(name: str, entry: str) -> None:
    settings = core(**{name: f"slack:U1, {entry}"})
    with pytest.raises(SettingsError, match=f"{name.upper()}: '{entry}' is not platform:id .*slack, discord"):
        settings.check_platforms(["slack", "discord"])


@pytest.mark.parametrize(("text", "shown"), [("9:00", "09:00"), (" 17:30 ", "17:30"), ("0：05", "00:05")])
def test_a_time_of_day_is_read(text: str, shown: str) -> None:
    assert SETTINGS["report_at"].read(text) == shown


@pytest.mark.parametrize("text", ["24:00", "9", "9:60", "9:5", "noon", "", "-1:00", "09:00:00"])
def test_what_is_no_time_of_day_is_refused(text: str) -> None:
    assert SETTINGS["report_at"].read(text) is None


class TestAWorkspacesOwnModelAccount:
    ACCOUNT = ModelAccount("slack", "T1", "https://models.example/v1", ("large", "small"))

    def merged(self, workspace: dict[str, str], channel: dict[str, str], **settings: str) -> ChannelSettings:
        given = CoreSettings(_env_file=None, **settings)  # type: ignore[arg-type]
        return merge(given, StoredSettings(workspace, channel, self.ACCOUNT), "slack")

    def test_its_first_model_answers_in_place_of_the_operators(self) -> None:
        found = self.merged({}, {}, openai_model="of-the-operator")
        assert (found.model, found.origin("model"), found.account) == ("large", Origin.WORKSPACE, self.ACCOUNT)

    def test_a_channel_may_choose_another_of_its_models_and_none_of_the_operators(self) -> None:
        settings = {"openai_model": "of-the-operator", "parley_models": "other"}
        assert self.merged({}, {"model": "small"}, **settings).model == "small"
        assert self.merged({"model": "other"}, {}, **settings).model == "large"

    def test_its_cost_is_unknown_and_the_operators_limits_do_not_hold(self) -> None:
        found = self.merged({}, {"budget": "3 a day"}, parley_budget="5 a day, 1m tokens a month")
        assert [limit.unit for limit in found.budget] == [BudgetUnit.MONEY]
        assert [text for _, text in found.layers["budget"]] == ["3 a day"]
        answering = found.answering_model(lambda name: ModelInfo(f"operators-{name}"))
        assert (answering.name, answering.prices) == ("large", ())
