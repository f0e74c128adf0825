"""What discord.py does not promise is used in one file, and is there in the version that is installed."""

from __future__ import annotations

import ast
from pathlib import Path

import discord
import pytest

from bots.discord import private

FOLDER = Path(private.__file__).parent
_OWN = ("self", "cls", "super")


def private_names(path: Path) -> list[str]:
    """The attributes with an underscore that `path` reads of anything but its own objects."""
    return [
        node.attr
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr.startswith("_")
        and not node.attr.startswith("__")
        and not (isinstance(node.value, ast.Name) and node.value.id in _OWN)
    ]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.name)
def test_private_names_of_the_library_are_used_in_one_file(path: Path) -> None:
    assert bool(private_names(path)) is (path.name == "private.py")


def test_it_was_read_from_the_version_that_is_installed() -> None:
    assert discord.__version__ == private.READ_FROM, "read the files that it names, then change READ_FROM"
