"""All that is wrong in the environment, in `.env` and in `parley.toml` is named at once, each once, in plain words."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bots.config import Config
from core.errors import SettingsError

TOML = """
models = ["GPT-5.5", "GLM-5"]

[endpoints.main]
base_url = "https://one.example/v1"
headers = { "X-Team" = "parley", "X-Gate" = "env:GATE" }
accounts = [
  { name = "team", key_env = "TEAM_KEY" },
  { name = "spare", key_env = "PARLEY_SPARE_KEY" },
]

[endpoints.main.models."GPT-5.5"]
context_tokens = 400_000
price_input = 1.25
price_output = 10
prices = [{ since = 2027-01-01, input = 1, output = 8 }]
images = true

[endpoints.local]
base_url = "http://local.example/v1"
accounts = [{ name = "local", key = "none" }]
embed = "small"

[endpoints.local.models."GLM-5"]
name = "glm"

[[tools]]
name = "jira"
url = "https://mcp.example/mcp"
headers = { Authorization = "env:JIRA_TOKEN" }
channels = ["slack:C1"]
timeout_s = 30

[[tools]]
name = "files"
command = ["uvx", "files"]
env = { KEY = "env:FILES_KEY" }
"""
SET = {
    "GATE": "gate-value",
    "TEAM_KEY": "sk-team-key",
    "PARLEY_SPARE_KEY": "sk-spare-key",
    "JIRA_TOKEN": "jira-value",
    "FILES_KEY": "files-value",
    "SLACK_BOT_TOKEN": "xoxb-value",
    "SLACK_APP_TOKEN": "xapp-value",
    "PARLEY_ALERT_CHANNEL": "slack:C9",
}
MODEL = 'parley.toml: endpoints.main.models."GPT-5.5"'


@dataclass(frozen=True)
class Fault:
    """A fault in the file, `old` in whose place `new` is, or one of the environment or of `.env`. `line` names it. No
    two of one `spot` can be there at once."""

    spot: str
    line: str
    old: str = ""
    new: str = ""
    variables: tuple[tuple[str, str], ...] = ()
    dotenv: str = ""


def in_file(spot: str, old: str, new: str, line: str) -> Fault:
    assert old in TOML
    return Fault(spot, f"parley.toml: {line}" if line[:6] != "parley" else line, old, new)


def in_environment(name: str, value: str, reason: str, **others: str) -> Fault:
    return Fault(name, f"{name}: {reason}", variables=((name, value), *others.items()))


CHAIN, SERVED = '["GPT-5.5", "GLM-5"]', '\n[endpoints.local.models."GLM-5"]\nname = "glm"\n'
IN_FILE = (
    in_file(
        "chain", CHAIN, '["GPT-5.5", "GPT-5.4"]', "models: no endpoint serves 'GPT-5.4'; did you mean GPT-5.5?"
    ),
    in_file(
        "chain",
        f"models = {CHAIN}",
        '[[models]]\nname = "GPT-5.5"',
        'models: must be a list of texts, such as ["GPT-5.5", "GLM-5"], not a list of tables',
    ),
    in_file("chain", CHAIN, '"GPT-5.5"', 'models: must be a list of texts, such as ["GPT-5.5", "GLM-5"]'),
    in_file(
        "table", "[endpoints.local", "[endpoint.local", "endpoint: is no key of Parley; did you mean endpoints?"
    ),
    in_file(
        "table",
        "[endpoints.main]",
        "[acounts]\n\n[endpoints.main]",
        "acounts: is no key of Parley here; did you mean endpoints.NAME.accounts?",
    ),
    in_file(
        "top",
        '[[tools]]\nname = "jira"',
        '[mcp]\n\n[[tools]]\nname = "jira"',
        "mcp: is no key of Parley: here are models, endpoints, tools",
    ),
    in_file(
        "url",
        "https://one.example/v1",
        "https://one.example/v1/chat/completions",
        "endpoints.main.base_url: must not end in /chat/completions, which is the address of one call: write "
        "https://one.example/v1",
    ),
    in_file("gate", "env:GATE", "env:NOPE", "endpoints.main.headers: X-Gate: NOPE is not set"),
    in_file("team", '"X-Team"', "Host", "endpoints.main.headers: Host: is Parley's own to set"),
    in_file("account", '"TEAM_KEY"', '"NO_KEY"', "endpoints.main.accounts.0.key_env: NO_KEY is not set"),
    in_file("twice", '"spare"', '"team"', "endpoints.main.accounts.1.name: 'team' is there twice"),
    in_file(
        "spare",
        'key_env = "PARLEY',
        'key_evn = "PARLEY',
        "endpoints.main.accounts.1.key_evn: is no key of Parley; did you mean key_env?",
    ),
    in_file(
        "third",
        "},\n]\n",
        '},\n  { name = "third", concurrency = 2 },\n]\n',
        "endpoints.main.accounts.2: needs key_env, the name of the variable that holds its key",
    ),
    in_file(
        "window",
        "400_000",
        '"much"',
        f"{MODEL}.context_tokens: must be a whole number from 1000, such as 1000",
    ),
    in_file("price", "1.25", "-1", f"{MODEL}.price_input: must be a number from 0 to 1000000000, such as 1.25"),
    in_file(
        "output",
        "price_output",
        "priec_output",
        f"{MODEL}.priec_output: is no key of Parley; did you mean price_output?",
    ),
    in_file(
        "since",
        "since = 2027-01-01",
        'since = "May"',
        f"{MODEL}.prices.0.since: must be a day, such as 2027-01-01",
    ),
    in_file("dated", ", output = 8", "", f"{MODEL}.prices.0: needs input and output, or minute"),
    in_file("images", "images = true", "images = 3", f"{MODEL}.images: must be true, false or auto"),
    in_file(
        "where",
        '"http://local.example/v1"',
        '"local.example"',
        "endpoints.local.base_url: must begin with http:// or https://, such as https://host/v1",
    ),
    in_file(
        "where",
        'base_url = "http://local.example/v1"\n',
        "",
        "endpoints.local.base_url: is missing; it must be a text, such as https://host/v1",
    ),
    in_file(
        "local",
        '[{ name = "local", key = "none" }]',
        '{ name = "local", key = "none" }',
        "endpoints.local.accounts: must be a list of tables, such as "
        '[{ name = "main", key_env = "OPENAI_API_KEY" }], not a table',
    ),
    in_file(
        "served",
        SERVED,
        "\n",
        'endpoints.local.models: is missing; it must be a table, such as [endpoints.main.models."GPT-5.5"]',
    ),
    in_file(
        "embed",
        'headers = { "X-Team"',
        'embed = "large"\nheaders = { "X-Team"',
        "embed: 'large' and 'small' are two models; there can be one",
    ),
    in_file("jira", "env:JIRA_TOKEN", "env:NONE", "tools.0.headers: Authorization: NONE is not set"),
    in_file(
        "ours",
        '["slack:C1"]',
        '["C1", "C2"]',
        "tools.0.channels: 'C1' and 'C2' is not platform:id, as PARLEY_ALERT_CHANNEL has them",
    ),
    in_file(
        "timeout",
        "timeout_s = 30",
        "timeout_s = 0",
        "tools.0.timeout_s: must be a number above 0 and at most 120, such as 30",
    ),
    in_file("names", 'name = "files"', 'name = "jira"', "tools.1.name: 'jira' is there twice"),
    in_file("program", '["uvx", "files"]', '"uvx files"', "tools.1.command: must be a list of texts"),
    in_file(
        "program",
        'command = ["uvx", "files"]',
        'comand = ["uvx"]',
        "tools.1.comand: is no key of Parley; did you mean command?",
    ),
    in_file("key", "env:FILES_KEY", "env:GONE", "tools.1.env: KEY: GONE is not set"),
)
OUTSIDE = (
    in_environment("PARLEY_LANGUAGE", "fr", "must be a language that Parley speaks (en, zh), not 'fr'"),
    in_environment("PARLEY_LANGAUGE", "zh", "is no setting of Parley; did you mean PARLEY_LANGUAGE?"),
    in_environment("PARLEY_RATE", "-1", "must be a whole number from 0, such as 0, not '-1'"),
    in_environment("PARLEY_BUDGET", "much", "'much' is no limit, such as 20 a day or 5m tokens a month"),
    in_environment(
        "PARLEY_LINK_HOSTS", "a b, c", "'a b' is no host, such as docs.example.com or *.example.org"
    ),
    in_environment(
        "PARLEY_ADMINS",
        "slak:U1",
        "'slak:U1' is not platform:id (platforms: slack, discord, web), such as slack:U0123",
    ),
    in_environment("PARLEY_SUMMARY_CHANNELS", "discord:1", "names discord:1, but discord is off"),
    in_environment(
        "PARLEY_SUMMARY_AT", "noon", "'noon' is not a time of day, such as 09:00, or 09:00 Europe/Berlin"
    ),
    in_environment("SLACK_BOT_TOKEN", "xapp-wrong", "must begin with xoxb-"),
    in_environment("SLACK_COMMAND", "/ask", "must be another command than SLACK_ASK_COMMAND, /ask"),
    in_environment(
        "DISCORD_API_URL", "discord", "must begin with http:// or https://, such as https://host/v1"
    ),
    in_environment(
        "PARLEY_HTTP_PORT", "many", "must be a whole number from 0 to 65535, such as 8080, not 'many'"
    ),
    in_environment(
        "PARLEY_ALLOWED_HOSTS", "a b", "'a b' is not like chat.example, *.corp.example or 10.0.0.5:8080"
    ),
    in_environment(
        "DATABASE_URL", "nonsense", "is not a URL such as sqlite:///data/parley.db or postgresql://host/name"
    ),
    in_environment("OTEL_EXPORTER_OTLP_HEADERS", "x", "must be name=value,name=value"),
    in_environment("HTTPS_PROXY", "ftp://proxy", "a proxy must begin with http://, https:// or socks5://"),
    in_environment("SSL_CERT_FILE", "/nowhere/ca.pem", "/nowhere/ca.pem is not there, or can't be read"),
    Fault(
        "OPENAI_API_KEY",
        "OPENAI_API_KEY: is set twice, here and by OPENAI_API_KEY_FILE; unset one of them",
        variables=(("OPENAI_API_KEY", "sk-one-key"), ("OPENAI_API_KEY_FILE", "/nowhere/key")),
    ),
    Fault("dotenv", ".env: line 1 is not NAME=value", dotenv="not a setting\n"),
)
BROKEN = Fault(
    "chain",
    'parley.toml: line 4, column 1: is not TOML, whose lines are like name = "a text" or number = 20 (unclosed array);'
    " the rest of the file is checked once that is right",
    CHAIN,
    '["GPT-5.5"',
)


def subsets(faults: Iterable[Fault]) -> st.SearchStrategy[list[Fault]]:
    """Any of `faults`, at most one of each spot."""
    spots: dict[str, list[Fault]] = {}
    for fault in faults:
        spots.setdefault(fault.spot, []).append(fault)
    each = st.tuples(*(st.none() | st.sampled_from(some) for some in spots.values()))
    return each.map(lambda chosen: [one for one in chosen if one is not None])


def named(faults: Iterable[Fault]) -> list[str]:
    """The lines of a start with these faults planted."""
    text, variables, dotenv = TOML, dict(SET), ""
    for fault in sorted(faults, key=lambda one: -len(one.old)):
        assert fault.old in text
        text = text.replace(fault.old, fault.new) if fault.old else text
        variables |= dict(fault.variables)
        dotenv += fault.dotenv
    with TemporaryDirectory() as folder, chdir(folder), pytest.MonkeyPatch.context() as patch:
        Path("parley.toml").write_text(text)
        Path(".env").write_text(dotenv)
        for name in os.environ:
            patch.delenv(name)
        for name, value in variables.items():
            patch.setenv(name, value)
        try:
            Config.load()
        except SettingsError as error:
            return list(error.lines)
    return []


def test_the_file_and_the_environment_without_a_fault_are_right() -> None:
    assert named([]) == []


@pytest.mark.parametrize("fault", [*IN_FILE, *OUTSIDE, BROKEN], ids=lambda fault: fault.line[:60])
def test_each_fault_is_one_line_in_plain_words(fault: Fault) -> None:
    assert named([fault]) == [fault.line]


@settings(deadline=None)
@given(subsets([*IN_FILE, *OUTSIDE]))
def test_any_faults_are_all_named_each_once(faults: list[Fault]) -> None:
    assert sorted(named(faults)) == sorted(fault.line for fault in faults)


@settings(deadline=None)
@given(subsets(OUTSIDE))
def test_a_file_that_is_no_toml_hides_nothing_of_the_environment(faults: list[Fault]) -> None:
    assert sorted(named([BROKEN, *faults])) == sorted(fault.line for fault in [BROKEN, *faults])
