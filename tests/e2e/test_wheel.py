"""The wheel that `make wheel` builds, installed into an environment of its own and run from another directory."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path
from urllib.parse import urljoin

import aiohttp

from tests.e2e.program import Program
from tests.e2e.test_commands import Visitor

TOP = Path(__file__).parents[2]
PACKAGES = ("bots", "core", "storage")
PIP = (sys.executable, "-m", "pip", "--quiet")
NOTHING_ELSE = ("--no-index", "--no-deps")
UNUSED = {".pyc", ".ts"}
"""Files of the packages that running does not need. Types serve the linter."""


def run(*command: str | Path) -> str:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def built(folder: Path) -> Path:
    """The wheel, built from a copy, since a build leaves files beside its sources."""
    source, out = folder / "source", folder / "out"
    for package in PACKAGES:
        shutil.copytree(TOP / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(TOP / file, source)
    run(*PIP, "wheel", *NOTHING_ELSE, "--no-build-isolation", "--wheel-dir", out, source)
    (wheel,) = out.iterdir()
    return wheel


def installed(wheel: Path, folder: Path) -> Path:
    """The program of a new environment with this wheel and the locked dependencies, without this checkout."""
    venv.create(folder, with_pip=False, symlinks=True)
    site = Path(sysconfig.get_paths(vars={"base": str(folder), "platbase": str(folder)})["purelib"])
    (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"])
    python = folder / "bin" / "python"
    run(*PIP, "--python", python, "install", *NOTHING_ELSE, "--ignore-installed", wheel)
    where = run(
        python,
        "-P",
        "-c",
        "import bots, core, storage; print(*bots.__path__, *core.__path__, *storage.__path__)",
    )
    assert [Path(one).parent for one in where.split()] == [site] * len(PACKAGES)
    return folder / "bin" / "parley"


async def test_the_wheel_has_every_file_and_its_program_answers_from_any_directory(tmp_path: Path) -> None:
    wheel = built(tmp_path)
    there = {name for name in zipfile.ZipFile(wheel).namelist() if name.split("/")[0] in PACKAGES}
    files = (file for package in PACKAGES for file in (TOP / package).rglob("*") if file.is_file())
    assert there == {str(file.relative_to(TOP)) for file in files if file.suffix not in UNUSED}

    parley, elsewhere = installed(wheel, tmp_path / "environment"), tmp_path / "elsewhere"
    (version,) = re.findall(r'^version = "(.+)"$', (TOP / "pyproject.toml").read_text(), re.MULTILINE)
    assert version in run(parley, "--version")
    elsewhere.mkdir()
    program = Program.fresh(elsewhere)
    program.executable = parley
    async with program, aiohttp.ClientSession(base_url=program.url) as page:
        html = await (await page.get("/")).text()
        linked = re.findall(r'(?:src|href)="([^"#]+\.(?:js|css|svg))"', html)
        assert linked
        for one in linked:
            async with page.get(urljoin("/", one)) as response:
                assert response.status == 200, one
        answer = await Visitor(page, "", "en").ask("hello?")
        assert "OPENAI_API_KEY" in answer["text"], "the offline model says how to get a real one"
    assert (elsewhere / "data" / "parley.db").exists()


def test_building_a_wheel_leaves_the_guides_that_were_built(tmp_path: Path) -> None:
    for name in ("lib/core/gone.py", "bdist.linux-x86_64/wheel/x", "docs/index.html"):
        file = tmp_path / "build" / name
        file.parent.mkdir(parents=True)
        file.touch()
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "parley-1-py3-none-any.whl").touch()
    make = ("make", "-C", tmp_path, "-f", TOP / "Makefile", "-o", "install", "wheel", "PIP=true")
    run(*make)
    assert [file.name for file in (tmp_path / "build").iterdir()] == ["docs"]
    shutil.rmtree(tmp_path / "build" / "docs")
    run(*make)
    assert not (tmp_path / "build").exists()
