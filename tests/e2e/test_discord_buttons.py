"""Buttons of answers on Discord, in both languages, also after a restart."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.i18n import phrase
from tests.e2e.discord_people import IN, OTHER, Discord, rows, settings, told_all
from tests.e2e.program import Program
from tests.e2e.test_discord import AT, answered, answers
from tests.fakes.completions import FakeCompletions, Raw, Words
from tests.fakes.discord import ADA, GENERAL, FakeDiscord


@pytest.fixture
def people(discord: FakeDiscord) -> Discord:
    return Discord(discord)


async def test_a_finished_answer_is_regenerated_and_judged_also_after_a_restart(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions, people: Discord, language: str
) -> None:
    long = "\n\n".join(f"Reason {number}: " + "because it is so. " * 12 for number in range(16))
    endpoint.script(Words(long, per_s=5_000), Words("Four, surely."))
    program, spoken = settings(discord, endpoint), OTHER[language]
    person, other = IN[language], IN[spoken]
    async with Program(tmp_path, **program):
        await discord.slash(person, GENERAL, "ask", question="two and two?")
        answer = await answered(discord, GENERAL, "Reason 15", count=2)
        await discord.wait_for(lambda: len(answer.buttons) == 3)
        assert [button.label for button in answer.buttons] == [phrase("regenerate", language), "👍", "👎"]
        *pages, last = answers(discord, GENERAL)
        assert last is answer
        assert [page.buttons for page in pages] == [[] for _ in pages], "they stand under the last page"
    async with Program(tmp_path, **program):
        refused = await people.pressed(other, answer, phrase("regenerate", language))
        assert refused == phrase("not_asker", spoken), "in the language of whoever pressed"
        assert await people.pressed(other, answer, "👍") == phrase("thanks", spoken)

        sorry = await people.told(await people.press(person, answer, "👎"))
        assert (sorry.text, sorry.ephemeral_to) == (phrase("thanks_down", language), person)
        opened = await people.press(person, sorry, phrase("reason", language))
        assert (await people.modal(opened))["title"] == phrase("reason_title", language)
        await people.whispered(ADA, "settings", name="language", value=spoken)
        anew = await people.press(person, sorry, phrase("reason", language))
        assert (await people.modal(anew))["title"] == phrase("reason_title", spoken), (
            "the channel's language wins"
        )
        await people.whispered(ADA, "settings", name="language", value="default")
        noted = await people.told(await discord.submit_modal(opened, text="too long 太长"))
        assert (noted.text, noted.ephemeral_to) == (phrase("thanks", language), person)
        await people.press(person, answer, phrase("regenerate", language))
        await told_all(discord, GENERAL, "Four, surely.", len(pages) + 2)
        late = await people.pressed(person, answer, phrase("regenerate", language))
        assert late == phrase("pressed_already", language)
    kept = rows(tmp_path, "SELECT person, value, reason FROM feedback ORDER BY value DESC")
    assert kept == [(str(other), 1, ""), (str(person), -1, "too long 太长")]


async def test_a_reason_comes_back_to_its_author_where_the_answer_is_gone(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions, people: Discord, language: str
) -> None:
    person = IN[language]
    async with Program(tmp_path, **settings(discord, endpoint)):
        await discord.slash(person, GENERAL, "ask", question="two and two?")
        answer = await answered(discord, GENERAL, "two and two?")
        await discord.wait_for(lambda: len(answer.buttons) == 3)
        sorry = await people.told(await people.press(person, answer, "👎"))
        opened = await people.press(person, sorry, phrase("reason", language))
        assert (await people.modal(opened))["title"] == phrase("reason_title", language)
        await people.whispered(person, "forget", what="me", confirm="confirm")
        lost = await people.told(await discord.submit_modal(opened, text="*much* too long 太长"))
    late, back = (phrase(key, language) for key in ("pressed_late", "words_given_back"))
    assert lost.text == f"{late}\n\n{back}\n> \\*much\\* too long 太长"
    assert lost.ephemeral_to == person


async def test_stop_try_again_and_continue_also_after_a_restart(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions, people: Discord, language: str
) -> None:
    broken = Words("These words came through before the end.").on_wire({"stream": True})
    endpoint.script(
        Words("word " * 400, per_s=20),
        Words("One, two,", finish="length"),
        Words(" three."),
        Raw(broken.steps[:4], end="cut"),
        Words("Now it is whole."),
    )
    program, person = settings(discord, endpoint), IN[language]
    async with Program(tmp_path, **program):
        await people.whispered(ADA, "settings", name="language", value=language)
        thread = await discord.say(person, GENERAL, f"{AT} at length")
        answer = await answered(discord, thread, "word word")
        assert [button.label for button in answer.buttons] == [phrase("stop", language)]
        await people.press(IN[OTHER[language]], answer, phrase("stop", language))
        stopped = await answered(discord, thread, phrase("stopped", language))
        assert [button.label for button in stopped.buttons] == [phrase("again", language)]
        await discord.wait_for(lambda: endpoint.requests[0].closed_by_client_at is not None)
    async with Program(tmp_path, **program):
        await people.press(person, stopped, phrase("again", language))
        cut = await answered(discord, thread, phrase("length", language), count=2)
        assert cut.buttons[0].label == phrase("continue", language)
        await people.press(person, cut, phrase("continue", language))
        await answered(discord, thread, "three.", count=3)
        await discord.say(person, thread, "and what is whole?")
        cut = await answered(discord, thread, phrase("cut", language), count=4)
        await people.whispered(ADA, "settings", name="deny", value=f"<@{person}>")
        assert await people.pressed(person, cut, phrase("again", language)) == phrase(
            "refused_denied", language
        )
        await people.whispered(ADA, "settings", name="deny", value="default")
        await people.press(person, cut, phrase("again", language))
        await answered(discord, thread, "Now it is whole.", count=6)
    assert len(endpoint.requests) == 5
