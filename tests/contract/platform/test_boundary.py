"""The whole port is covered, and each place has its installation."""

from __future__ import annotations

import re
from importlib import import_module
from pkgutil import iter_modules
from typing import get_args

from core.ports.connector import Connector, Installation
from core.values.outgoing import OutgoingCall
from tests.contract import platform
from tests.contract.platform.boundary import CODES, KINDS, NAMED, OTHER_CODES, OTHER_KINDS, TESTED, holds
from tests.contract.rigs.rig import Rig


def test_the_whole_boundary_is_held() -> None:
    for module in iter_modules(platform.__path__, f"{platform.__name__}."):
        import_module(module.name)
    members = vars(Connector) | vars(Installation)
    methods = {name for name, value in members.items() if callable(value) and not name.startswith("_")}
    assert methods == TESTED
    assert set(KINDS + OTHER_KINDS) == {
        re.sub("message|stream|file", "", call.__name__.lower()) for call in get_args(OutgoingCall)
    }
    assert {code.name for code in (*CODES, *OTHER_CODES)} == set(
        NAMED.findall(Installation.perform.__doc__ or "")
    )


@holds("serving")
async def test_an_installation_is_found_by_a_place_of_its_teams(rig: Rig) -> None:
    ask = await rig.ask()
    assert rig.platform.serving(ask.place) is rig.installation
    assert rig.installation.id
    assert (rig.installation.name, rig.installation.traits) == (rig.platform.name, rig.platform.traits)
    spans = rig.platform.traits.spans_teams
    assert (rig.platform.serving(rig.elsewhere(ask.place)) is rig.installation) is spans
    assert spans or ask.place.team == rig.installation.id
