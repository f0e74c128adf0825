"""One rig a platform: the real SDK on its wire-level fake.

A rig names in words what its platform cannot do, or cannot fail at; the test is skipped with them.
"""

from __future__ import annotations

from typing import Final

from tests.contract.rigs.discord import DiscordRig
from tests.contract.rigs.rig import Rig
from tests.contract.rigs.slack import SlackRig
from tests.contract.rigs.web import WebRig

RIGS: Final[dict[str, type[Rig]]] = {rig.name: rig for rig in (SlackRig, DiscordRig, WebRig)}
