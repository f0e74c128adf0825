"""`parley init`: asks for the settings, or takes them as flags; writes `.env` and `parley.toml`; prints the guides."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from io import StringIO
from pathlib import Path

from dotenv import dotenv_values

from bots.setup import env_file
from bots.setup.answer_checks import problems_of
from bots.setup.answers import Answers, from_variables, missing_tokens, to_variables
from bots.setup.interview import Interview
from bots.setup.machine import machine_language, machine_zone
from bots.setup.platforms import PLATFORMS, TOKEN_PROBLEMS, AppNames, discord_guide, manifest_text, slack_guide
from bots.setup.private_files import write_private
from bots.setup.terminal import Console
from bots.setup.toml_file import names_models as toml_names_models
from bots.setup.toml_file import to_toml, with_tools
from core.errors import SettingsError
from core.settings.parley_toml import FILE as TOML
from core.settings.secret_key import new_secret_key
from core.settings.variables import FILE as ENV
from storage.whole_files import check_new, real_file

_SECRET = ("TOKEN", "SECRET", "API_KEY")
"""Parts of the names of settings whose values are not shown."""
_KEY = "PARLEY_SECRET_KEY"


@dataclass(frozen=True, slots=True)
class Flags:
    """The options of the command line. `values`: fields of `Answers`. `public_url`: the address at which Slack reaches
    Parley over HTTP; empty for Socket Mode, None where nothing was said. `manifest`: the file for the manifest; None
    prints it. `asks`: a person answers what is not given. `overwrite`: a `.env` that is there may be changed."""

    values: Mapping[str, object]
    public_url: str | None = None
    manifest: Path | None = None
    asks: bool = True
    overwrite: bool = False


class Init:
    """One run in the folder `folder`. `environment`: the variables of the process, which win over `.env`."""

    def __init__(
        self, flags: Flags, console: Console, folder: Path, now: datetime, environment: Mapping[str, str]
    ) -> None:
        self._flags = flags
        self._console = console
        self._env, self._toml = folder / ENV, folder / TOML
        self._now = now
        self._environment = environment
        self._url = flags.public_url or ""
        self._written: frozenset[str] = frozenset()
        self._made: list[str] = []
        given = {*flags.values, *([] if flags.public_url is None else ["public_url"])}
        self._interview = Interview(console, given) if flags.asks else None

    def run(self) -> None:
        """Raises SettingsError with a line for each answer that can't be used, and OSError. Nothing is written then."""
        self._check_files()
        text = _read(self._env)
        if text and self._interview is None and not self._flags.overwrite:
            raise SettingsError(f"{ENV} is there: --overwrite changes it, and keeps a copy")
        written = {name: value for name, value in dotenv_values(stream=StringIO(text)).items() if value}
        self._written = frozenset(written)
        answers = self._answered(from_variables(written))
        manifest = self._manifest(answers)
        if problems := problems_of(answers):
            raise SettingsError(*problems)
        values = {name: value for name, value in to_variables(answers).items() if value or name in written}
        values |= dict.fromkeys(_files_left(answers, values, self._written), "")
        if not {_KEY, f"{_KEY}_FILE"} & {*self._written, *self._environment}:
            values[_KEY] = new_secret_key()
        if not self._write(answers, text, values):
            return
        if self._interview is None:
            if "slack" in answers.platforms:
                self._guide_slack(answers, manifest)
            if "discord" in answers.platforms:
                self._console.say("\n" + discord_guide.guide(answers.discord_bot_token))
        self._say_next(answers, values)

    def _check_files(self) -> None:
        """Raises SettingsError where a file can't be written. A pipe would be read for ever."""
        own = [real_file(self._env), real_file(self._toml)]
        if (manifest := self._flags.manifest) is None:
            return
        try:
            file = check_new(manifest, force=False, otherwise="remove it first")
        except SettingsError as error:
            raise SettingsError(f"--manifest {error.detail}") from None
        if file.resolve() in [one.resolve() for one in own]:
            raise SettingsError(f"--manifest {manifest}: settings are written there, name another file")
        if not os.access(file.parent, os.W_OK | os.X_OK):
            raise SettingsError(f"--manifest {manifest}: the folder {file.parent} can't be written")

    def interrupted(self) -> str:
        """The end of a run that its person broke off, in words."""
        return (
            f"broken off; written: {', '.join(self._made)}" if self._made else "broken off; nothing was written"
        )

    def _answered(self, known: Answers) -> Answers:
        """The answers: those that are known, then those of the flags, then those of a person."""
        names_models = toml_names_models(_read(self._toml))
        if names_models and "endpoints" in self._flags.values:
            raise SettingsError(f"{TOML} names the models: change them there, or move it away first")
        answers = replace(known, endpoints=None) if names_models else known
        answers = replace(answers, **self._flags.values)  # type: ignore[arg-type]  # each is a field of it
        if unknown := [name for name in answers.platforms if name not in PLATFORMS]:
            raise SettingsError(f"--platform: {unknown[0]!r} is none of {', '.join(PLATFORMS)}")
        return answers if self._interview is None else self._interviewed(self._interview, answers)

    def _suggested(self, answers: Answers) -> Answers:
        """The answers with the language and the time zone of this machine, where nothing says otherwise."""
        written = self._flags.values.keys() | self._written
        language, zone = machine_language(self._environment), machine_zone(self._environment)
        if language and not {"language", "PARLEY_LANGUAGE"} & written:
            answers = replace(answers, language=language)
        if zone and not {"time_zone", "PARLEY_TIME_ZONE"} & written:
            answers = replace(answers, time_zone=zone)
        return answers

    def _interviewed(self, interview: Interview, answers: Answers) -> Answers:
        """The answers of a person, who is shown each guide before the tokens that it leads to."""
        answers = interview.platforms(self._suggested(answers))
        if "slack" in answers.platforms:
            answers, self._url = interview.slack_names(answers), interview.public_url(self._url)
            self._guide_slack(answers, self._manifest(answers))
            answers = interview.slack(answers, over_http=bool(self._url))
        if "discord" in answers.platforms:
            self._console.say("\n" + discord_guide.guide(answers.discord_bot_token))
            answers = interview.discord(answers)
            if answers.discord_bot_token:
                self._console.say(discord_guide.invite(answers.discord_bot_token))
        if answers.endpoints is None:
            self._console.say(f"\nModels: they stay as {TOML}, or {ENV} with a file of the key, has them.")
        return interview.others(interview.models(answers))

    def _manifest(self, answers: Answers) -> str:
        """Raises SettingsError for names and a URL that Slack does not take."""
        return manifest_text(names_of(answers), self._url)

    def _guide_slack(self, answers: Answers, manifest: str) -> None:
        """The manifest, in its file or here, and the steps that it begins."""
        file = self._flags.manifest
        if file is None:
            self._console.say("\n" + manifest)
        else:
            try:
                with file.open("x", encoding="utf-8") as writing:
                    writing.write(manifest)
                self._made.append(str(file))
            except OSError as error:
                raise SettingsError(f"--manifest {file}: {(error.strerror or '').lower()}") from None
        at = "the manifest above" if file is None else f"the content of {file}"
        self._console.say("\n" + slack_guide.guide(names_of(answers), at, over_http=bool(self._url)))

    def _write(self, answers: Answers, text: str, values: Mapping[str, str]) -> bool:
        """True once all is written; False where the person did not want that."""
        say = self._console.say
        say(f"\n{ENV}:")
        for name, value in values.items():
            if value:
                say(f"  {name}={'(set)' if any(part in name for part in _SECRET) else value}")
        if self._interview is not None and not self._flags.overwrite:
            question = f"Change {ENV}? A copy of it is kept" if text else f"Write {ENV}?"
            if not self._console.confirm(question, default=not text):
                say("Nothing was written.")
                return False
        if answers.endpoints and answers.needs_file:
            self._put(self._toml, with_tools(to_toml(answers.endpoints), _read(self._toml)))
        self._put(self._env, env_file.changed(text, values))
        return True

    def _put(self, file: Path, text: str) -> None:
        try:
            copy = write_private(file, text, self._now)
        except OSError as error:
            raise SettingsError(f"{file.name} can't be written: {(error.strerror or '').lower()}") from None
        self._made.append(file.name)
        at = f", a link to {file.resolve()}," if file.is_symlink() else ""
        kept = f"; the one before is {copy if at else copy.name}" if copy is not None else ""
        self._console.say(f"{file.name}{at} is written (mode 0600){kept}.")

    def _say_next(self, answers: Answers, values: Mapping[str, str]) -> None:
        say = self._console.say
        for name, value in values.items():
            if self._environment.get(name, value) != value:
                say(f"Note: {name} is set in the environment too, which wins over {ENV}.")
        for name in missing_tokens(answers, self._written):
            say(f"Note: {name} is missing still; run `parley init` again once you have it.")
        say("\nNext: parley doctor   (checks all of this against the real services)\nThen: parley run")


def _files_left(answers: Answers, values: Mapping[str, str], written: Collection[str]) -> list[str]:
    """The variables of files of secrets that are not read any more: the secret itself is there now, or its platform is
    not chosen."""
    left = [name for name in TOKEN_PROBLEMS if name.partition("_")[0].lower() not in answers.platforms]
    names = dict.fromkeys([*(name for name, value in values.items() if value), *left])
    return [file for name in names if (file := f"{name}_FILE") in written]


def names_of(answers: Answers) -> AppNames:
    """The names of the Slack app."""
    return AppNames(answers.slack_bot_name, answers.slack_ask_command, answers.slack_command)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsError(f"{file.name} can't be read: {reason}") from None
