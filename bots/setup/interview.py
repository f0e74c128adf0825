"""The questions of `parley init`."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial

from bots.setup.answer_checks import problem_of
from bots.setup.answers import MAIN, Answers, Endpoint, endpoint_name_problem, models_of
from bots.setup.platforms import PLATFORMS, public_url_problem
from bots.setup.terminal import Console
from core.i18n import LANGUAGES
from core.settings.environment import CoreSettings

_MEMORY = "Earlier answers may help with later ones: of the same channel, of the whole workspace, or off"


class Interview:
    """Asks for all that `given` does not name. Each answer has the one that is in force as its default."""

    def __init__(self, console: Console, given: Collection[str]) -> None:
        self._console = console
        self._given = given

    def platforms(self, answers: Answers) -> Answers:
        """The platforms on which people are to talk with Parley."""
        if "platforms" in self._given:
            return answers
        default = ",".join(answers.platforms)
        said = self._ask("Platforms (slack, discord, web; separated by commas)", default, _platforms_problem)
        return replace(answers, platforms=tuple(_parts(said)))

    def slack_names(self, answers: Answers) -> Answers:
        """The names that people see in Slack."""
        answers = self._setting(answers, "slack_bot_name", "Name of the bot in Slack", name="SLACK_BOT_NAME")
        answers = self._setting(answers, "slack_ask_command", "Command that asks", name="SLACK_ASK_COMMAND")
        return self._setting(answers, "slack_command", "Command of all others", name="SLACK_COMMAND")

    def public_url(self, known: str) -> str:
        """The URL at which Slack reaches Parley."""
        if "public_url" in self._given:
            return known
        question = "Public URL of Parley for Slack over HTTP (empty: Socket Mode, which needs none)"
        return self._ask(question, known, public_url_problem)

    def slack(self, answers: Answers, *, over_http: bool) -> Answers:
        """The secrets of the Slack app. One that is not there yet is left empty."""
        answers = self._secret(answers, "slack_bot_token", "Bot User OAuth Token (xoxb-...; empty: later)")
        if over_http:
            return self._secret(answers, "slack_signing_secret", "Signing Secret (empty: later)")
        return self._secret(answers, "slack_app_token", "App-level token (xapp-...; empty: later)")

    def discord(self, answers: Answers) -> Answers:
        """The token of the Discord bot."""
        return self._secret(answers, "discord_bot_token", "Token of the Discord bot (empty: later)")

    def models(self, answers: Answers) -> Answers:
        """The endpoints: base URL, key and model of each together, since the key goes to that URL."""
        if answers.endpoints is None or "endpoints" in self._given:
            return answers
        known = answers.endpoints[0] if answers.endpoints else None
        self._console.say("\nModels: the key is sent to the base URL that you name with it, and nowhere else.")
        if not self._console.confirm("Is there an endpoint? (no: the offline model answers)", default=True):
            return replace(answers, endpoints=())
        endpoints = [self._endpoint(MAIN, known or _main())]
        while self._console.confirm("Another endpoint or key, for when this one fails?", default=False):
            taken = [endpoint.name for endpoint in endpoints]
            name = self._ask("Its name, such as backup", "", partial(endpoint_name_problem, taken=taken))
            endpoints.append(self._endpoint(name, Endpoint(name, "", "", ())))
        return replace(answers, endpoints=tuple(endpoints))

    def others(self, answers: Answers) -> Answers:
        """Admins, language, time zone, memory and retention."""
        self._console.say("")
        answers = self._setting(
            answers, "admins", "Admins beside the platforms' own (slack:U1,discord:2; or empty)"
        )
        answers = self._setting(answers, "language", f"Language ({', '.join(LANGUAGES)})")
        answers = self._setting(answers, "time_zone", "Time zone, such as Europe/Berlin")
        answers = self._setting(answers, "memory", f"{_MEMORY} (channel, workspace, off)")
        return self._setting(answers, "keep_days", "Days after which messages are removed (empty: never)")

    def _endpoint(self, name: str, known: Endpoint) -> Endpoint:
        base_url = self._ask(
            "Base URL", known.base_url, lambda text: _needed(text) or problem_of("OPENAI_BASE_URL", text)
        )
        same = base_url == known.base_url
        key = self._ask(
            "Key (hidden; type none where the server needs no key)",
            known.key if same else "",
            lambda text: _key_needed(text) or problem_of("OPENAI_API_KEY", text),
            hidden=True,
        )
        default = ",".join(known.models) if same else ""
        models = self._ask(
            "Model (several: the first one, and those that step in for it)", default, _models_problem
        )
        return Endpoint(name, base_url, key, models_of(models))

    def _secret(self, answers: Answers, field: str, question: str) -> Answers:
        return self._setting(answers, field, question, hidden=True, name=field.upper())

    def _setting(
        self, answers: Answers, field: str, question: str, *, hidden: bool = False, name: str = ""
    ) -> Answers:
        if field in self._given:
            return answers
        setting = name or f"PARLEY_{field.upper()}"
        said = self._ask(
            question, getattr(answers, field), lambda text: problem_of(setting, text), hidden=hidden
        )
        return replace(answers, **{field: said})  # type: ignore[arg-type]  # the field is a text

    def _ask(self, question: str, default: str, problem: Callable[[str], str], *, hidden: bool = False) -> str:
        """The first answer that has no problem."""
        while True:
            said = self._console.ask(question, default, hidden=hidden)
            wrong = problem(said)
            if not wrong:
                return said
            self._console.say(f"  Not taken: {wrong}.")


def _main() -> Endpoint:
    """The endpoint that is suggested where none is set."""
    fields = CoreSettings.model_fields
    return Endpoint(MAIN, fields["openai_base_url"].default, "", (fields["openai_model"].default,))


def _parts(text: str) -> list[str]:
    return list(dict.fromkeys(part for one in text.lower().split(",") if (part := one.strip())))


def _platforms_problem(text: str) -> str:
    unknown = [part for part in _parts(text) if part not in PLATFORMS]
    if unknown:
        return f"has {unknown[0]!r}, which is none of {', '.join(PLATFORMS)}"
    return "" if _parts(text) else "is empty: Parley needs a platform"


def _models_problem(text: str) -> str:
    return "" if models_of(text) else "is empty: an endpoint needs a model"


def _needed(text: str) -> str:
    return "" if text else "is empty: base URL, key and model belong together"


def _key_needed(text: str) -> str:
    without = "type none where the server needs no key; or Ctrl+C, and answer n where it asks for an endpoint"
    return f"{wrong}; {without}" if (wrong := _needed(text)) else ""
