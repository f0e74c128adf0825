"""The terminal of the person who sets Parley up."""

from __future__ import annotations

from typing import Protocol

import typer


class Console(Protocol):
    """Asks questions, and says what was done."""

    def say(self, text: str) -> None: ...

    def ask(self, question: str, default: str = "", *, hidden: bool = False) -> str:
        """The answer in one line, stripped; `default` where nothing was typed. A hidden one, and its default, are not
        shown."""
        ...

    def confirm(self, question: str, *, default: bool) -> bool: ...


class Terminal:
    """The `Console` of this process."""

    def say(self, text: str) -> None:
        typer.echo(text)

    def ask(self, question: str, default: str = "", *, hidden: bool = False) -> str:
        kept = " [hidden; Enter keeps the one that is set]" if hidden and default else ""
        answer: str = typer.prompt(
            f"{question}{kept}", default=default, hide_input=hidden, show_default=bool(default) and not hidden
        )
        return answer.strip()

    def confirm(self, question: str, *, default: bool) -> bool:
        return typer.confirm(question, default=default)
