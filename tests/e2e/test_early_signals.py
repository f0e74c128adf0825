"""Signals that come while `parley` still imports its modules."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from tests.e2e.program import Program
from tests.waiting import HANG_S, until

PAUSE = """
import sys
class Pause:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            sys.meta_path.remove(self)
            open({reached!r}, "w").close()
            open({go_on!r}).read()
        return None
sys.meta_path.insert(0, Pause())
"""
"""Holds the import of a module up until something is written to a pipe."""


class HeldProgram:
    """A command of `parley`, in a new interpreter, that has come to the import of `module`."""

    def __init__(self, folder: Path, module: str) -> None:
        self._go_on = folder / "go_on"
        os.mkfifo(self._go_on)
        self._reached = folder / "reached"
        early = folder / "early"
        early.mkdir()
        code = PAUSE.format(module=module, reached=str(self._reached), go_on=str(self._go_on))
        (early / "sitecustomize.py").write_text(code)
        self._program = Program.fresh(folder, OPENAI_API_KEY="none", PYTHONPATH=str(early))

    async def start(self, command: str = "run") -> Program:
        await self._program.start(command)
        await until(self._reached.exists, 2 * HANG_S)
        return self._program

    async def let_go(self) -> None:
        await asyncio.to_thread(self._go_on.write_text, "")


IMPORTS = pytest.mark.parametrize("module", ["typer", "bots.programs"])
"""One that the command line needs, and one that `parley run` alone needs."""


@IMPORTS
async def test_a_reload_that_is_asked_for_during_the_imports_does_not_end_the_start(
    tmp_path: Path, module: str
) -> None:
    held = HeldProgram(tmp_path, module)
    program = await held.start()
    program.send(signal.SIGHUP)
    await held.let_go()
    await program.ready()
    program.send(signal.SIGHUP)
    await until(lambda: "settings_reloaded" in program.output, HANG_S)
    assert await program.stop() == 0


@IMPORTS
async def test_ctrl_c_during_the_imports_ends_the_start_without_a_word(tmp_path: Path, module: str) -> None:
    program = await HeldProgram(tmp_path, module).start()
    assert await program.end(signal.SIGINT) == 128 + signal.SIGINT
    assert program.output == ""


async def test_ctrl_c_during_the_imports_of_another_command_prints_no_traceback(tmp_path: Path) -> None:
    program = await HeldProgram(tmp_path, "typer").start("usage")
    assert await program.end(signal.SIGINT) == 128 + signal.SIGINT
    assert program.output == ""
