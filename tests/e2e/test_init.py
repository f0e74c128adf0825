"""`parley init` at a real terminal, and what `parley doctor` says of what it has written."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import signal
import sys
from pathlib import Path

from tests.e2e.conftest import model_settings
from tests.e2e.program import Program
from tests.fakes.completions import FakeCompletions
from tests.waiting import HANG_S, until


class Typist:
    """A person at a terminal in which `parley init` runs. `seen` is all that they see."""

    def __init__(self, folder: Path) -> None:
        self.seen = ""
        self._folder = folder
        self._read = 0
        self._leader, self._follower = pty.openpty()

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_reader(self._leader, self._take)
        environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        self._process = await asyncio.create_subprocess_exec(
            *(str(Path(sys.executable).with_name("parley")), "init"),
            cwd=self._folder,
            env=environment | {"TERM": "dumb"},
            stdin=self._follower,
            stdout=self._follower,
            stderr=self._follower,
            start_new_session=True,
        )

    async def answer(self, question: str, text: str) -> None:
        """Wait for `question`, whole: what is typed before a hidden answer is read is dropped. Then type an answer."""
        await until(lambda: question in (new := self.seen[self._read :]) and new.endswith(": "), 2 * HANG_S)
        self._read = len(self.seen)
        os.write(self._leader, f"{text}\n".encode())

    async def press_enter_to_the_end(self, others: dict[str, str]) -> None:
        """Press Enter at each question until no other one comes; `others`: the first words of a question, and what
        is typed there."""
        while self._process.returncode is None:
            if (asked := self.seen[self._read :]).endswith(": "):
                self._read = len(self.seen)
                question = asked.rstrip().splitlines()[-1]
                typed = next((text for words, text in others.items() if question.startswith(words)), "")
                os.write(self._leader, f"{typed}\n".encode())
            await asyncio.sleep(0.05)

    async def interrupt(self, question: str) -> None:
        """Wait for `question`, and send the signal that Ctrl+C has a terminal send. This one controls no process, so
        that the reading goes on to the end of the line."""
        await until(lambda: question in self.seen and self.seen.endswith(": "), 2 * HANG_S)
        self._process.send_signal(signal.SIGINT)
        os.write(self._leader, b"\n")

    async def end(self) -> int:
        async with asyncio.timeout(HANG_S):
            status = await self._process.wait()
        asyncio.get_running_loop().remove_reader(self._leader)
        os.set_blocking(self._leader, False)
        self._take()
        os.close(self._leader)
        os.close(self._follower)
        return status

    def _take(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self.seen += os.read(self._leader, 65_536).decode(errors="replace").replace("\r\n", "\n")


async def test_a_person_sets_it_up_at_a_terminal_without_showing_the_key(
    tmp_path: Path, endpoint: FakeCompletions
) -> None:
    person = Typist(tmp_path)
    await person.start()
    await person.answer("Platforms (slack, discord, web", "web")
    await person.answer("Is there an endpoint?", "y")
    await person.answer("Base URL [https://", endpoint.base_url)
    await person.answer("Key (hidden", "sk-test")
    await person.answer("Model (several", "test-model")
    await person.answer("Another endpoint", "n")
    for question in ("Admins", "Language", "Time zone", "Earlier answers", "Days after"):
        await person.answer(question, "")
    await person.answer("Write .env?", "y")
    assert await person.end() == 0, person.seen
    assert "sk-test" not in person.seen
    assert "Next: parley doctor" in person.seen
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    doctor = Program(tmp_path)
    await doctor.start("doctor")
    assert await doctor.end() == 0, doctor.output
    assert f"model test-model at {model_settings(endpoint)['OPENAI_BASE_URL'].split('/')[2]}" in doctor.output
    assert "0 failed" in doctor.output


async def test_ctrl_c_at_a_question_says_that_nothing_was_written(tmp_path: Path) -> None:
    person = Typist(tmp_path)
    await person.start()
    await person.interrupt("Platforms (slack, discord, web")
    assert await person.end() == 130
    assert "parley: init: broken off; nothing was written" in person.seen
    assert "Aborted" not in person.seen
    assert os.listdir(tmp_path) == []


async def test_without_a_terminal_it_says_how_to_go_on(tmp_path: Path) -> None:
    init = Program(tmp_path)
    await init.start("init")
    assert await init.end() == 2
    assert (
        init.output
        == "parley: init: there is no terminal to ask at; say --yes, and give the answers as options\n"
    )
    told = Program(tmp_path)
    await told.start("init", "--yes", "--platform", "discord", "--discord-bot-token", "0123456789abcdef" * 4)
    assert await told.end() == 2
    assert "DISCORD_BOT_TOKEN: is the public key of the application" in told.output
    assert not (tmp_path / ".env").exists()
