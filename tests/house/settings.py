"""`make settings`: writes the settings into .env.example and the README, from the classes that read them."""

from __future__ import annotations

import re
from pathlib import Path

from bots.app import SETTINGS
from bots.settings import settings_to_table, settings_to_text

TOP = Path(__file__).parents[2]


def main() -> None:
    (TOP / ".env.example").write_text(settings_to_text(SETTINGS))
    readme = TOP / "README.md"
    table = settings_to_table(SETTINGS)
    block = re.compile(r"(<!-- settings: [^>]*-->\n).*?(<!-- /settings -->)", re.DOTALL)
    readme.write_text(block.sub(lambda match: f"{match[1]}{table}{match[2]}", readme.read_text()))


if __name__ == "__main__":
    main()
