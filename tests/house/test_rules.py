"""App rules that no linter knows."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from collections import Counter
from functools import cache
from importlib import metadata
from itertools import pairwise
from pathlib import Path

import pytest

from bots.config import SETTINGS
from bots.discord import private as discord_private
from bots.slack import private as slack_private
from storage.retention import CLEARED, KEPT
from storage.tables import Row
from tests.house.settings import blocks, pattern_of, whole_files

TOP = Path(__file__).parents[2]
TRACKED = subprocess.run(
    ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
    cwd=TOP,
    capture_output=True,
    text=True,
    check=False,
).stdout.splitlines() or [str(path.relative_to(TOP)) for path in TOP.rglob("*.py") if ".venv" not in path.parts]
PYTHON = [TOP / name for name in TRACKED if name.endswith(".py") and (TOP / name).exists()]
PRODUCT = [path for path in PYTHON if path.relative_to(TOP).parts[0] in ("bots", "core", "storage")]
TEXT = [TOP / name for name in TRACKED if (TOP / name).exists() and not name.endswith((".png", ".ico"))]
VAGUE = {"utils", "util", "helpers", "helper", "common", "base", "manager", "service", "handler", "misc"}

PLATFORMS = {path.parent.name for path in TOP.glob("bots/*/connector.py")}
OWN = ("self", "cls", "super")
PUBLIC = ("_replace", "_asdict")
"""Public methods of a named tuple."""
_LINK = re.compile(r"https?://[^\s)\"]+")
_VARIANT = re.compile(rf'(?m)^    "\w+\.(?:{"|".join(sorted(PLATFORMS))})":')
METAPHORS = {
    *("brush", "canvas", "wish", "herald", "desk", "knob", "paper", "seat", "lane"),
    *("turnstile", "roster", "stroke", "paint", "house"),
}


INVERTED = re.compile(
    r"(?:What|Whatever|Where|Who|Whoever|Whom|Whose|Whether|How|Why|All that|Until|Somebody|Anybody|Nobody)\b"
)
"""Openings of a docstring that put a clause before the subject."""


@cache
def parsed(source: str) -> ast.Module:
    """The syntax tree of a module, which several rules look at."""
    return ast.parse(source)


def docstrings(source: str) -> list[str]:
    """Docstrings of a module, its classes and functions, and the strings under its constants and fields."""
    found: list[str] = []
    for node in ast.walk(parsed(source)):
        body = getattr(node, "body", None)
        if not isinstance(body, list):
            continue
        documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        strings = body[:1] if documented else []
        strings += [after for name, after in pairwise(body) if isinstance(name, ast.Assign | ast.AnnAssign)]
        for string in strings:
            match string:
                case ast.Expr(ast.Constant(str(text))):
                    found.append(text.strip())
    return found


def public_names(path: Path, kinds: tuple[type[ast.stmt], ...]) -> list[str]:
    """Names of the public definitions of `kinds` at the top of a module."""
    return [
        node.name
        for node in parsed(path.read_text()).body
        if isinstance(node, kinds)
        and isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and not node.name.startswith("_")
    ]


def words_of(name: str) -> set[str]:
    """Words of an identifier in lower case, without a plural s."""
    return {word.lower().removesuffix("s") for word in re.findall(r"[A-Z]?[a-z]+", name)}


def platforms_imported(source: str) -> set[str]:
    """Platforms of `bots` that a module imports, also inside a function."""
    modules: list[str] = []
    for node in ast.walk(parsed(source)):
        if isinstance(node, ast.ImportFrom):
            modules += [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
    return {
        parts[1] for name in modules if (parts := name.split("."))[0] == "bots" and len(parts) > 1
    } & PLATFORMS


def test_files_that_repeat_the_code_say_what_it_says() -> None:
    """.env.example, the Slack manifests and the drawing of the architecture."""
    stale = [str(file) for file, text in whole_files().items() if file.read_text() != text]
    assert stale == [], "run: make settings"


def test_tables_that_repeat_the_code_say_what_it_says() -> None:
    """The settings and errors in the guides; the scopes, events, rights and the invite in the README of deploy."""
    stale = []
    for (file, name), text in blocks().items():
        match = pattern_of(name).search(file.read_text())
        if match is None or match[2] != text:
            stale.append((file.name, name))
    assert stale == [], "run: make settings"


def test_every_setting_says_what_it_means_and_has_a_name_of_ours_or_of_its_platform() -> None:
    for settings in SETTINGS:
        for name, field in settings.model_fields.items():
            assert field.description, name
            assert name.split("_")[0] in {"parley", "openai", "database", "otel", *PLATFORMS}, name


def test_modules_have_a_name_and_a_purpose() -> None:
    assert [str(path) for path in PRODUCT if path.stem in VAGUE] == []
    sources = {path: path.read_text().lstrip() for path in PRODUCT}
    without = [
        str(path) for path, source in sources.items() if source and not source.startswith(('"""', 'r"""'))
    ]
    assert without == [], "say the purpose of the module in its docstring"


def test_each_package_names_its_modules() -> None:
    """The docstring of a package is the map of its modules. A language is a module, and no map lists them."""
    missing = {}
    for path in PRODUCT:
        if path.name != "__init__.py" or path.parent.name == "i18n" or "migrations" in path.parts:
            continue
        modules = {other.stem for other in PRODUCT if other.parent == path.parent} - {"__init__"}
        packages = {other.parent.name for other in PRODUCT if other.parent.parent == path.parent}
        named = set(re.findall(r"\w+", ast.get_docstring(parsed(path.read_text())) or ""))
        if left_out := (modules | packages - {"migrations"}) - named:
            missing[str(path.relative_to(TOP))] = left_out
    assert missing == {}


def test_nothing_is_mocked() -> None:
    mocks = re.compile(r"unittest\.mock|Magic" r"Mock|Async" r"Mock")
    assert [str(path) for path in PYTHON if mocks.search(path.read_text())] == []


def test_no_file_names_a_package_index() -> None:
    hosts = re.compile("py" r"pi\.org|python" r"hosted\.org|registry\.npm" r"js\.org|deb\.deb" r"ian\.org")
    named = [
        str(path) for path in TEXT if path.name != ".env" and hosts.search(path.read_text(errors="ignore"))
    ]
    assert named == []


def test_every_table_says_what_becomes_of_its_old_rows() -> None:
    tables = set(Row.metadata.tables)
    assert tables == CLEARED | set(KEPT), "add a part to storage.retention, or the reason why its old rows stay"
    assert CLEARED.isdisjoint(KEPT)


def test_fakes_know_nothing_of_ours() -> None:
    ours = re.compile(r"^\s*(from|import) (bots|core|storage)\b", re.MULTILINE)
    wire = [path for path in PYTHON if path.is_relative_to(TOP / "tests/fakes") and path.parent.name != "fakes"]
    assert len(wire) > 10
    assert [str(path) for path in wire if ours.search(path.read_text())] == []


def private_names(source: str) -> list[str]:
    """Names with one leading underscore that a module reads of other objects than its own, or imports."""
    names: list[str] = []
    for node in ast.walk(parsed(source)):
        if isinstance(node, ast.Attribute) and not (isinstance(node.value, ast.Name) and node.value.id in OWN):
            names.append(node.attr)
        elif isinstance(node, ast.ImportFrom):
            names += [*(node.module or "").split("."), *(alias.name for alias in node.names)]
    return [name for name in names if re.match("_[^_]", name) and name not in PUBLIC]


def test_private_names_of_a_library_are_used_in_one_file_of_a_platform() -> None:
    assert private_names("import a\nfrom b import _c\na._d = a.__e__ = self._f") == ["_c", "_d"]
    users = {path for path in PRODUCT if private_names(path.read_text())}
    assert users <= {TOP / f"bots/{platform}/private.py" for platform in PLATFORMS}


@pytest.mark.parametrize(
    ("library", "version"), [*slack_private.READ_FROM.items(), ("discord.py", discord_private.READ_FROM)]
)
def test_private_names_were_read_from_the_version_that_is_installed(library: str, version: str) -> None:
    assert metadata.version(library) == version, "read the files that private.py names, then change READ_FROM"


_EVENT = re.compile(r"[a-z]+(_[a-z0-9]+)+")
_LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}


def _events(path: Path) -> list[str]:
    """The event of each log call in a file; the source of those that are not string constants."""
    events: list[str] = []
    for call in ast.walk(parsed(path.read_text())):
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
            continue
        if not isinstance(call.func.value, ast.Name) or call.func.value.id != "log":
            continue
        if call.func.attr in _LEVELS | {"log"}:
            first, *more = call.args[call.func.attr == "log" :]
            named = [first.body, first.orelse] if isinstance(first, ast.IfExp) else [first]
            events += [ast.unparse(one) for one in (*named, *more)]
    return events


def test_log_events_are_snake_case_and_name_no_platform() -> None:
    events = {(str(path.relative_to(TOP)), event) for path in PRODUCT for event in _events(path)}
    assert len(events) > 50
    strange = {(path, event) for path, event in events if not _EVENT.fullmatch(event[1:-1])}
    assert strange == set()
    assert {one for one in events if one[1][1:-1].split("_")[0] in ("slack", "discord", "web")} == set()


def test_every_logger_is_named_log() -> None:
    made = re.compile(r"^(.*)structlog\.(?:stdlib\.)?get_logger\(", re.MULTILINE)
    names = {(str(path), name) for path in PRODUCT for name in made.findall(path.read_text())}
    assert {name for _, name in names} == {"log = "}, names


def test_no_two_public_classes_have_the_same_name() -> None:
    counts = Counter(name for path in PRODUCT for name in public_names(path, (ast.ClassDef,)))
    assert len(counts) > 100
    assert [name for name, count in counts.items() if count > 1] == []


COMPOSING = (
    ("bots", "app.py"),
    ("bots", "created_connectors.py"),
    ("bots", "config.py"),
    ("bots", "setup", "platforms.py"),
)
"""The places that name every platform: the running program, its settings, and the commands that set it up."""


def test_only_its_folder_the_app_and_the_setup_import_a_platform() -> None:
    assert platforms_imported("def f():\n    from bots import slack\n    import bots.web.page") == {
        "slack",
        "web",
    }
    elsewhere = {}
    for path in PRODUCT:
        where = path.relative_to(TOP).parts
        own = {where[1]} if where[0] == "bots" else set()
        if where not in COMPOSING and (found := platforms_imported(path.read_text()) - own):
            elsewhere["/".join(where)] = found
    assert elsewhere == {}


def test_the_import_rules_name_every_platform() -> None:
    """Each rule about some platforms is about all of them, except that a platform may import its own SDK."""
    rules = tomllib.loads((TOP / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    modules = {f"bots.{name}" for name in PLATFORMS}
    (layers,) = [rule["layers"] for rule in rules if rule["name"] == "Which package may import which"]
    assert modules <= {module for layer in layers for module in layer.split(" | ")}
    partial = {}
    for rule in rules:
        named = modules & set(rule.get("source_modules", ()))
        own = {module for module in modules if rule["name"].endswith(f" in {module}")}
        if named and named | own != modules:
            partial[rule["name"]] = modules - named - own
    assert partial == {}


def test_the_core_names_no_platform() -> None:
    """Except in the links to its sources and the keys of phrases that are a platform's variant."""
    named = {}
    for path in PRODUCT:
        source = _VARIANT.sub("", _LINK.sub("", path.read_text()))
        words = set(re.findall(r"\w+", source.lower())) & PLATFORMS
        if path.is_relative_to(TOP / "core") and words:
            named[str(path.relative_to(TOP))] = words
    assert named == {}


def test_modules_classes_and_functions_have_no_metaphors_for_names() -> None:
    assert words_of("PaintStrokes") & METAPHORS == {"paint", "stroke"}
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    names = [name for path in PRODUCT for name in (path.stem, *public_names(path, kinds))]
    assert [name for name in names if words_of(name) & METAPHORS] == []


def test_docstrings_begin_with_their_subject() -> None:
    example = '"""What."""\nA = 1\n"""How."""\nclass B:\n    """Why."""\n    c: int\n    """Who."""'
    example += '\n    def d(self):\n        """Whether."""\n        print()\n        """not one"""'
    assert docstrings(example) == ["What.", "How.", "Why.", "Who.", "Whether."]
    assert all(map(INVERTED.match, docstrings(example)))
    assert not any(map(INVERTED.match, ("Whole lines.", "Untilled.", "The reason why.", "Howl.")))
    fakes = [path for path in PYTHON if path.is_relative_to(TOP / "tests/fakes") or path.name == "conftest.py"]
    assert len(fakes) > 40
    inverted = {
        (str(path.relative_to(TOP)), text.splitlines()[0])
        for path in (*PRODUCT, *fakes)
        for text in docstrings(path.read_text())
        if INVERTED.match(text)
    }
    assert inverted == set()
