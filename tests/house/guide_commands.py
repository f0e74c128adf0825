"""The commands of the guides: of their blocks, and in lines of code within sentences and tables."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.house.guides import GUIDES, TOP

COMMAND_PAGES = [*GUIDES, TOP / "CONTRIBUTING.md", TOP / "deploy" / "README.md"]
NO_COMMANDS = (
    re.compile(r"(?:[A-Z_]+=\S+\n)+"),  # lines of .env
    re.compile(r"location / \{.*", re.DOTALL),  # of nginx
    re.compile(r"scrape_configs:.*", re.DOTALL),  # of Prometheus
    re.compile(r"https://discord\.com/oauth2/authorize\?\S+\n"),
    re.compile(r"settings_reloaded .*\n"),  # of the log
)
"""Blocks without a language that are no commands."""
NAMED_IN_LINES = re.compile(
    r"(?:\.venv/bin/)?parley(?= )|make(?= [a-z])|(?:cd|curl|docker|git|kubectl|openssl|pip|sudo|systemctl)(?= )"
)
"""The beginnings of code within a line that is a command."""
PLACEHOLDERS = {"REF": "K7M2QX", "FILE": "parley-backup.db", "TURN": "123"}
"""Words of code within a line that stand for a value."""


@dataclass(frozen=True, slots=True)
class CommandLine:
    """A command of a guide: the settings before it, the program, and its arguments.

    `line`: all of the line, as a shell reads it. `block`: the number of the block in its page; 0 for code within a
    line, which may name an option without its value.
    """

    page: Path
    line: str
    block: int
    variables: Mapping[str, str]
    program: str
    arguments: tuple[str, ...]

    @property
    def words(self) -> str:
        return " ".join((self.program, *self.arguments))


def command_lines(pages: Sequence[Path] = COMMAND_PAGES) -> Iterator[CommandLine]:
    """Every command of `pages`."""
    for page in pages:
        yield from commands_of(page, page.read_text())


def commands_of(page: Path, text: str) -> Iterator[CommandLine]:
    """Every command in the text of a page."""
    blocks = 0
    for token in _tokens(MarkdownIt("commonmark").enable("table").parse(text)):
        if token.type == "code_inline" and NAMED_IN_LINES.match(token.content):
            yield from _commands(page, _filled(token.content), 0)
        elif _is_shell(token):
            blocks += 1
            for line in token.content.replace("\\\n", " ").splitlines():
                yield from _commands(page, line, blocks)


def _tokens(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from _tokens(token.children or ())


def _is_shell(token: Token) -> bool:
    if token.type not in ("fence", "code_block"):
        return False
    return token.info == "sh" or not (token.info or any(one.fullmatch(token.content) for one in NO_COMMANDS))


def _filled(code: str) -> str:
    return re.sub(r"\b[A-Z]+\b", lambda word: PLACEHOLDERS.get(word[0], word[0]), code)


def _commands(page: Path, line: str, block: int) -> Iterator[CommandLine]:
    """The commands of a line, those behind `&&` and `|` too. The output of a command within it counts as a word."""
    lexer = shlex.shlex(re.sub(r"\$\([^)]*\)", "output", line), posix=True, punctuation_chars="|&>")
    lexer.whitespace_split = True
    commands: list[list[str]] = [[]]
    for word in lexer:
        if word in ("&&", "|"):
            commands.append([])
        else:
            commands[-1].append(word)
    for command in filter(None, commands):
        variables: dict[str, str] = {}
        while command and re.match(r"[A-Z_]+=", command[0]):
            name, _, value = command.pop(0).partition("=")
            variables[name] = value
        if command:
            yield CommandLine(page, line.strip(), block, variables, command[0], tuple(command[1:]))
