"""Tool servers as parley.toml has them."""

from pathlib import Path

import pytest

from core.errors import SettingsError
from core.llm.catalog import toml_to_catalog
from core.settings.environment import CoreSettings
from core.settings.parley_toml import parse_config_file
from core.tools.config import ToolServer, revealed, tool_servers
from core.values.places import Place
from core.values.tools import ToolRule

EXAMPLE = Path(__file__).parents[3] / "deploy" / "parley.example.toml"
JIRA = """
[[tools]]
name = "jira"
url = "https://mcp.example/mcp"
headers = { Authorization = "env:JIRA_TOKEN", "X-Team" = "parley" }
read = ["search_*"]
ask = ["search_secret*"]
never = ["delete_*"]
channels = ["slack:C1"]
approvers = ["slack:U1"]
"""
FILES = """
[[tools]]
name = "files"
command = ["uvx", "some-server"]
env = { KEY = "env:FILES_KEY", LEVEL = "info" }
timeout_s = 5
"""
ENVIRONMENT = {"JIRA_TOKEN": "Bearer jira-token-1", "FILES_KEY": "files-key-1"}


def read(text: str) -> tuple[ToolServer, ...]:
    return tool_servers(parse_config_file(text, "parley.toml", ENVIRONMENT))


def test_servers_are_read_with_their_values_and_their_secrets() -> None:
    jira, files = read(JIRA + FILES)
    assert revealed(jira.headers) == {"Authorization": "Bearer jira-token-1", "X-Team": "parley"}
    assert sorted(jira.secrets) == ["Bearer jira-token-1", "jira-token-1"]
    assert revealed(files.env) == {"KEY": "files-key-1", "LEVEL": "info"}
    assert files.secrets == ["files-key-1"]
    assert (jira.timeout_s, files.timeout_s, jira.where, files.where) == (30, 5, "mcp.example", "uvx")
    assert "token-1" not in repr(jira)
    assert "key-1" not in repr(files)


def test_a_file_with_servers_alone_leaves_the_model_to_the_environment() -> None:
    settings = CoreSettings(_env_file=None, openai_api_key="sk-test", openai_model="gpt")
    catalog = toml_to_catalog(JIRA, settings, ENVIRONMENT, "parley.toml")
    assert [route.model_there for route in catalog.routes] == ["gpt"]


def test_the_server_in_the_example_is_right() -> None:
    text = EXAMPLE.read_text()
    commented = text[text.index("# [[tools]]") :]
    lines = [line.removeprefix("# ") for line in commented.splitlines()]
    [server] = read("\n".join(lines))
    assert server.name == "jira"


def test_a_rule_that_forbids_more_wins() -> None:
    [jira] = read(JIRA)
    assert jira.rule("delete_issue", reads=True) is ToolRule.NEVER
    assert jira.rule("search_secrets", reads=True) is ToolRule.ASK
    assert jira.rule("search_issues", reads=False) is ToolRule.READ
    assert jira.rule("create_issue", reads=False) is ToolRule.ASK
    assert jira.rule("get_issue", reads=True) is ToolRule.READ


def test_what_a_tool_says_of_itself_counts_only_where_the_server_is_trusted() -> None:
    [wary] = read(JIRA + "trust = false")
    assert wary.rule("get_issue", reads=True) is ToolRule.ASK
    assert wary.writes("get_issue", reads=True)
    assert not wary.writes("search_issues", reads=False), "the operator says that it only reads"


def test_a_tool_that_reads_and_is_asked_about_changes_nothing() -> None:
    [jira] = read(JIRA)
    assert not jira.writes("search_secrets", reads=True)
    assert jira.writes("search_secrets", reads=False)


def test_a_server_is_offered_in_its_channels() -> None:
    jira, files = read(JIRA + FILES)
    one, two = Place("slack", "T1", "C1", "17.1"), Place("slack", "T1", "C2")
    assert (jira.offered_in(one), jira.offered_in(two), files.offered_in(two)) == (True, False, True)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('[[tools]]\nurl = "http://x"', "parley.toml: tools.0.name: is missing; it must be a text"),
        ('tools = "jira"', "parley.toml: tools: write each server as [[tools]]"),
        (JIRA + 'colour = "red"', "parley.toml: tools.0.colour: is no key of Parley: here are name"),
        (
            JIRA + "timeout_s = 0",
            "parley.toml: tools.0.timeout_s: must be a number above 0 and at most 120, such",
        ),
        (
            JIRA + "timeout_s = 121",
            "parley.toml: tools.0.timeout_s: must be a number above 0 and at most 120, such",
        ),
        (JIRA + JIRA, "parley.toml: tools.1.name: 'jira' is there twice"),
        (JIRA.replace('"jira"', '"ji ra"'), "parley.toml: tools.0.name: must be a letter"),
        (JIRA.replace("https://", "ftp://"), "parley.toml: tools.0.url: must begin with http"),
        (JIRA.replace("https://", "https://ada:pw@"), "parley.toml: tools.0.url: must not hold a name"),
        (JIRA.replace("JIRA_TOKEN", "NONE"), "parley.toml: tools.0.headers: Authorization: NONE is not set"),
        (JIRA.replace("X-Team", "Host"), "parley.toml: tools.0.headers: Host: is Parley's own"),
        (JIRA.replace("slack:C1", "C1"), "parley.toml: tools.0.channels: 'C1' is not platform:id"),
        (JIRA.replace("slack:U1", "U1"), "parley.toml: tools.0.approvers: 'U1' is not platform:id"),
        (JIRA + 'command = ["x"]', "parley.toml: tools.0: needs either url or command"),
        (FILES.replace("command =", "# "), "parley.toml: tools.0: needs either url or command"),
        (FILES.replace('"uvx"', '""'), "parley.toml: tools.0.command: names no program"),
        (FILES.replace("FILES_KEY", "NONE"), "parley.toml: tools.0.env: KEY: NONE is not set"),
        (FILES.replace("LEVEL", '"A=B"'), "parley.toml: tools.0.env: 'A=B' is no name of a variable"),
        (FILES + 'headers = { "X" = "y" }', "parley.toml: tools.0.headers: only a url has them"),
        (JIRA + 'env = { X = "y" }', "parley.toml: tools.0.env: only a command has one"),
    ],
)
def test_what_is_wrong_is_one_line_that_names_the_place(text: str, line: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(text)
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)
    assert "token-1" not in str(caught.value)
