"""The command line of Parley, which reads the commands of the guides."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import redirect_stdout

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException
from typer.main import get_command

from bots.commands import parley


def problem(arguments: Sequence[str]) -> str:
    """The reason why the command line does not take `arguments`: the command, its options and the form of their
    values. Empty where it takes them."""
    group = get_command(parley)
    assert isinstance(group, TyperGroup)
    name, *rest = arguments
    if name.startswith("-"):  # these act as they are read
        known = {
            option
            for parameter in group.get_params(group.make_context("parley", [], resilient_parsing=True))
            for option in parameter.opts
        }
        return "" if {name, *rest} <= known else f"parley has no option {name}"
    if name not in group.commands:
        return f"parley has no command {name}"
    try:
        with redirect_stdout(io.StringIO()):  # --help prints
            group.commands[name].make_context(name, rest)
    except typer.Exit:
        pass
    except TyperException as error:
        return f"parley {' '.join(arguments)}: {error}"
    return ""


def is_complete(arguments: Sequence[str]) -> bool:
    """True where the command line takes `arguments`: no value is missing."""
    return not problem(arguments)


def is_name(arguments: Sequence[str]) -> bool:
    """True for a command with options, each of which there is, though a value is missing."""
    group = get_command(parley)
    assert isinstance(group, TyperGroup)
    name, *rest = arguments
    if name not in group.commands:
        return False
    options = {option for parameter in group.commands[name].params for option in parameter.opts}
    return all(word in options for word in rest)
