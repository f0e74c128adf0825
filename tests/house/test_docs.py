"""The guides say what the program does, and every link in them leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from bots.config import SETTINGS, Config
from core.access import Refusal
from core.commands import COMMANDS
from core.commands.parser import command_of, options_of, values_of
from core.errors import Code
from core.i18n import phrase
from core.llm.catalog_file import (
    AccountPart,
    CatalogFile,
    EmbedderPart,
    EndpointPart,
    ModelPart,
    TranscriberPart,
)
from core.operators.alert_turns import alert_to_text
from core.settings.problems import Problems
from core.settings.variables import Variables
from core.tools.config import ToolServer
from core.values.tasks import Alert
from tests.house.drawing import BOXES, HEIGHT, LINE, WIDTH, drawing
from tests.house.guide_commands import command_lines
from tests.house.guides import (
    GUIDES,
    PAGES,
    TOP,
    alert_subjects,
    anchor_in_the_repository,
    anchor_on_the_site,
    chat_commands,
    fences,
    headings,
    links,
)
from tests.house.parley_commands import is_name, problem

ERRORS = (TOP / "docs" / "errors.md").read_text()
SETTINGS_GUIDE = (TOP / "docs" / "settings.md").read_text()
WRONG_STARTS: tuple[dict[str, str], ...] = (
    {"PARLEY_LANGAUGE": "en"},
    {
        "OPENAI_BASE_URL": "https://a.example/v1/chat/completions",
        "PARLEY_CURRENCY": "XXQ",
        "PARLEY_LANGUAGE": "fr",
        "PARLEY_RATE": "many",
    },
    {"SLACK_BOT_TOKEN": "xoxb-1"},
    {"PARLEY_ALERT_CHANNEL": "discord:1"},
    {"PARLEY_WEB": "off"},
    {"OPENAI_API_KEY_FILE": "/nothere"},
    {"PARLEY_CONFIG": "nothere.toml"},
    {"DATABASE_URL": "mysql://host/name"},
)
"""Wrong settings of each family, whose lines `errors.md` shows."""


def anchors(page: Path) -> set[str]:
    """The anchors that a page has both in the repository and on the site."""
    found = headings(page.read_text())
    return {anchor_in_the_repository(one) for one in found} & {anchor_on_the_site(one) for one in found}


def test_every_code_has_its_section_and_no_other_is_named() -> None:
    sections = re.findall(r"^### `(\w+)`$", ERRORS, re.MULTILINE)
    assert sorted(sections) == sorted(Code)


def test_every_subject_of_alerts_has_its_section_and_no_other_is_named() -> None:
    sections = re.findall(r"^### Alert: (\w+)$", ERRORS, re.MULTILINE)
    assert sorted(sections) == sorted(alert_subjects())


def test_the_alert_that_is_shown_is_one_that_is_posted() -> None:
    places = {"key": "OPENAI_API_KEY", "url": "OPENAI_BASE_URL"}
    shown = " ".join(line.removeprefix("> ") for line in ERRORS.splitlines() if line.startswith("> "))
    assert shown == alert_to_text(Alert("account main", Code.BAD_KEY, "K7M2QX", places), "en")


def test_every_refusal_is_shown_as_people_read_it() -> None:
    table = ERRORS.split("## Questions that are refused")[1].split("\n## ")[0]
    shown = re.findall(r"^\| ([^|]*\.) \|", table, re.MULTILINE)
    phrases = [phrase(one, "en") for one in (*Refusal, "refused_off")]
    assert len(shown) == len(phrases)
    assert all(one.startswith(words.rstrip(".")) for one, words in zip(phrases, shown, strict=True))


def test_the_lines_at_the_start_are_those_that_the_program_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = [line for block in fences(ERRORS, "text") for line in block.splitlines()]
    printed: list[str] = []
    for variables in WRONG_STARTS:
        problems = Problems()
        Config.read(Variables(variables), problems)
        printed += [f"parley: {line}" for line in problems.lines]
    assert shown == printed


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(TOP)))
def test_each_link_leads_to_a_file_and_a_heading_that_exist(page: Path) -> None:
    dead = []
    for link in links(page.read_text()):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    assert dead == []


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: str(page.relative_to(TOP)))
def test_each_heading_of_a_guide_has_one_anchor_and_it_is_the_same_everywhere(page: Path) -> None:
    found = headings(page.read_text())
    assert [anchor_in_the_repository(one) for one in found] == [anchor_on_the_site(one) for one in found]
    assert len(set(found)) == len(found)


def test_each_command_of_a_guide_exists() -> None:
    known = {name.upper() for settings in SETTINGS for name in settings.model_fields}
    lines = [line for line in command_lines() if line.program.endswith("parley")]
    wrong = [problem(line.arguments) for line in lines if not (line.block == 0 and is_name(line.arguments))]
    assert [one for one in wrong if one] == []
    assert {name for line in command_lines() for name in line.variables} <= known


def test_a_command_that_does_not_exist_is_noticed() -> None:
    for wrong in (
        ("runn",),
        ("--versio",),
        ("usage", "--jsn"),
        ("summary", "--period", "year"),
        ("errors", "A", "B"),
    ):
        assert problem(wrong)
    assert not is_name(("init", "--slack-bot"))


@pytest.mark.parametrize("text", chat_commands())
def test_each_chat_command_of_a_guide_is_read(text: str) -> None:
    command = command_of(text)
    assert command is not None
    name, argument = command
    spec = COMMANDS[name]
    if argument and not argument.endswith(":"):  # the name of an option alone
        values_of(spec, options_of(spec, argument))


def test_the_drawing_shows_parts_that_exist_and_no_text_leaves_its_box() -> None:
    for box in BOXES:
        assert [path for path in box.paths if not (TOP / path).exists()] == []
        assert box.x + box.width < WIDTH
        assert box.y + box.height < HEIGHT
        assert 21 + len(box.lines) * LINE + 6 <= box.height, box.title
        assert 24 + 8 * len(box.title) <= box.width + 20, box.title
        assert all(24 + 6.6 * len(line) <= box.width for line in box.lines), box.title
    assert not re.search(r"(?:href|url|src)\W+https?:", drawing())


def test_the_architecture_names_every_package_of_the_core() -> None:
    text = (TOP / "docs" / "architecture.md").read_text()
    packages = [path.parent.name for path in TOP.glob("core/*/__init__.py")]
    assert [name for name in packages if f"  {name}/" not in text] == []


@pytest.mark.parametrize(
    ("heading", "part"),
    [
        ("The file", CatalogFile),
        ("An endpoint", EndpointPart),
        ("An account", AccountPart),
        ("A model", ModelPart),
        ("A tool server", ToolServer),
    ],
)
def test_every_key_of_parley_toml_is_listed_and_no_other(heading: str, part: type[BaseModel]) -> None:
    section = SETTINGS_GUIDE.split(f"### {heading}\n")[1].split("\n#")[0]
    rows = re.findall(r"^\| (`[^|]+) \|", section, re.MULTILINE)
    assert sorted(re.findall(r"`(\w+)`", " ".join(rows))) == sorted(part.model_fields)


@pytest.mark.parametrize("part", [TranscriberPart, EmbedderPart])
def test_every_key_of_the_models_of_sounds_and_vectors_is_named(part: type[BaseModel]) -> None:
    section = SETTINGS_GUIDE.split("`transcribe` and `embed` take")[1].split("\n#")[0]
    assert part.model_fields.keys() <= set(re.findall(r"`(\w+)`", section))


def test_a_guide_reads_nothing_from_the_network_for_its_pictures() -> None:
    pictures = [link for page in GUIDES for link in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", page.read_text())]
    assert [link for link in pictures if "://" in link] == []
