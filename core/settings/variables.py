"""The variables that settings are read from: of the environment, of `.env`, and of files that variables name."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from core.errors import SettingsError
from core.settings.problems import Problems

FILE = ".env"
FROM_FILE = "_FILE"
"""`NAME_FILE` is the path of a file that holds the value of the secret NAME, as Docker and Kubernetes mount them."""
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
LONGEST = 64 * 1024
"""Bytes of a secret's file."""


@dataclass(frozen=True, slots=True)
class Variables(Mapping[str, str]):
    """Values by name; the environment wins over `.env`. A name that neither has may be there as `NAME_FILE`.

    Empty values count as not set. Reading the value of a file raises SettingsError.
    """

    environment: Mapping[str, str] = field(repr=False)
    dotenv: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def of_process(cls, problems: Problems) -> Variables:
        """Those of this process and of `.env` in the working directory. A file that can't be read, and each of its
        lines that is no `NAME=value`, is added to `problems`."""
        return cls(dict(os.environ), _read_dotenv(Path(FILE), problems))

    def __getitem__(self, name: str) -> str:
        given = self._given(name)
        file = self._given(f"{name}{FROM_FILE}")
        if not file:
            if not given:
                raise KeyError(name)
            return given
        if given:
            raise SettingsError(f"{name}: is set twice, here and by {name}{FROM_FILE}; unset one of them")
        return secret_in(f"{name}{FROM_FILE}", Path(file))

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys([*self.environment, *self.dotenv]))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(self._given(name) or self._given(f"{name}{FROM_FILE}"))

    def origin(self, name: str) -> str:
        """The place that the value of `name` comes from, in words; empty where it is not set."""
        if file := self._given(f"{name}{FROM_FILE}"):
            return f"{name}{FROM_FILE} {file}"
        return "the environment" if self.environment.get(name) else FILE if self.dotenv.get(name) else ""

    @property
    def given(self) -> dict[str, str]:
        """All names with their values as they are set, those of files as paths."""
        return {**self.dotenv, **self.environment}

    def _given(self, name: str) -> str:
        return self.environment.get(name) or self.dotenv.get(name, "")

    def in_capitals(self) -> Variables:
        """The same with names in capitals: settings are read in any case."""
        upper = (
            {name.upper(): value for name, value in one.items()} for one in (self.environment, self.dotenv)
        )
        return Variables(*upper)


def secret_in(name: str, path: Path) -> str:
    """The secret in the file at `path`, which the variable `name` holds, without one line end at its end. Raises
    SettingsError."""
    try:
        with path.open("rb") as file:
            content = file.read(LONGEST + 1)
        text = content.decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = (error.strerror or "").lower() if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsError(f"{name}: {path} can't be read: {reason}") from None
    if len(content) > LONGEST:
        raise SettingsError(f"{name}: {path} is larger than a secret: {LONGEST} bytes at most")
    text = text.removesuffix("\n").removesuffix("\r")
    if not text.strip() or "\0" in text:
        raise SettingsError(f"{name}: {path} holds no secret: it is empty, or no text")
    return text


def _read_dotenv(path: Path, problems: Problems) -> dict[str, str]:
    """The values of a `.env` file; none where there is no file."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        reason = (error.strerror or "").lower() if isinstance(error, OSError) else "it is not UTF-8"
        problems.lines.append(f"{path}: can't be read: {reason}")
        problems.unread = True
        return {}
    bindings = list(parse_stream(io.StringIO(text)))
    wrong = [one.original for one in bindings if one.error]
    problems.lines += [f"{path}: line {one.line} is not NAME=value" for one in wrong]
    problems.wrong |= {name.upper() for one in wrong for name in _NAME.findall(one.string)}
    sound = "".join(one.original.string for one in bindings if not one.error)
    return {name: value for name, value in dotenv_values(stream=io.StringIO(sound)).items() if value}
