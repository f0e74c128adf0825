"""No question on Discord ends in silence: messages without words, blank and refused answers. The real program against
the wire."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.i18n import phrase
from tests.e2e.conftest import discord_settings, model_settings
from tests.e2e.discord_people import Discord, says
from tests.e2e.program import Program
from tests.e2e.test_discord import AT, answered, answers
from tests.e2e.test_slack import said
from tests.fakes.completions import FakeCompletions, Words
from tests.fakes.discord import ADA, BO, GENERAL, GUILD, RANDOM, FakeDiscord, Message

STICKER: dict[str, Any] = {"sticker_items": [{"id": "77", "name": "wave", "format_type": 1}]}
POLL: dict[str, Any] = {
    "poll": {
        "question": {"text": "Lunch where?"},
        "answers": [{"answer_id": 1, "poll_media": {"text": "Pizza place"}}],
        "expiry": None,
        "allow_multiselect": False,
        "layout_type": 1,
    }
}
GIF: dict[str, Any] = {"embeds": [{"type": "gifv", "url": "https://gif.test/1"}]}
WITHOUT_WORDS: list[tuple[str, dict[str, Any]]] = [("", {"flags": 1 << 13}), ("\u200b \u2800", {})]
SHOWN = [("", STICKER), ("", POLL), ("https://gif.test/1", GIF)]
HIDDEN_LINK = "https://blocked.test"


def labels(message: Message) -> list[str]:
    return [str(button.label) for button in message.buttons]


async def test_what_has_no_words_is_explained_directly_ignored_in_threads_and_never_sent(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    async with Program(tmp_path, **discord_settings(discord), **model_settings(endpoint)):
        for count, (content, fields) in enumerate(WITHOUT_WORDS, start=1):
            await discord.direct(ADA, content, **fields)
            await answered(discord, discord.dm(ADA), phrase("wordless_direct", "en"), count=count)
        await discord.direct(ADA, "what is 2+2?")
        await answered(discord, discord.dm(ADA), "what is 2+2?", count=len(WITHOUT_WORDS) + 1)
        thread = await discord.say(BO, GENERAL, f"{AT} what is 3+3?")
        await answered(discord, thread, "what is 3+3?")
        for content, fields in WITHOUT_WORDS + SHOWN:
            await discord.say(ADA, thread, content, **fields)
        await discord.say(BO, thread, "and 4+4?")
        await answered(discord, thread, "and 4+4?", count=2)
        assert len(answers(discord, thread)) == 2
    assert len(endpoint.requests) == 3
    sent = [content for request in endpoint.requests for _, content in said(request.body)]
    assert all(content.strip(" \u200b\u2800") for content in sent)
    assert said(endpoint.requests[0].body)[-1] == ("user", "what is 2+2?")
    shown = [content.split("\n\n")[-1] for role, content in said(endpoint.requests[2].body) if role == "user"]
    assert shown[1:-1] == ["(sticker: wave)", "Poll: Lunch where?\n- Pizza place", "(GIF)"]


@pytest.mark.parametrize("blank", ["\n\n  \n", " \u00a0 \n\u3000"])
@pytest.mark.parametrize("by_command", [False, True], ids=["mention", "ask"])
async def test_an_answer_without_words_ends_in_words_of_ours(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions, blank: str, by_command: bool
) -> None:
    endpoint.script(*[Words(blank)] * 4)
    async with Program(tmp_path, **discord_settings(discord), **model_settings(endpoint)):
        if by_command:
            await discord.slash(ADA, GENERAL, "ask", question="why?")
            shown = await answered(discord, GENERAL, "The model returned an empty answer.")
        else:
            asked = await discord.say(ADA, GENERAL, f"{AT} why?")
            shown = await answered(discord, asked, "The model returned an empty answer.")
        assert not shown.loading
        assert labels(shown) == [phrase("again", "en")]


@pytest.mark.parametrize("first", ["The words before it stay. " * 10, ""], ids=["behind words", "alone"])
@pytest.mark.parametrize("by_command", [False, True], ids=["mention", "ask"])
async def test_an_answer_that_discord_refuses_ends_in_words_of_ours_and_without_stop(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions, first: str, by_command: bool
) -> None:
    endpoint.script(Words(f"{first}{HIDDEN_LINK} " + "and more words " * 10, per_s=40))
    path = "/webhooks/**" if by_command else "/channels/**"
    discord.fail("*", path, None, status=400, code=240000, containing=HIDDEN_LINK)
    async with Program(tmp_path, **discord_settings(discord), **model_settings(endpoint)):
        seat = GENERAL
        if by_command:
            await discord.slash(ADA, GENERAL, "ask", question="where?")
        else:
            seat = await discord.say(ADA, GENERAL, f"{AT} where?")

        def ended() -> Message | None:
            found = answers(discord, seat)
            shown = found[-1] if found else None
            return shown if shown and labels(shown) == [phrase("again", "en")] else None

        shown = await discord.wait_for(ended)
        assert says("rejected_rest", "en", shown.text) or says("rejected", "en", shown.text)
        assert not shown.loading
        assert HIDDEN_LINK not in shown.text
        assert len(answers(discord, seat)) == 1


async def test_a_thread_that_is_to_hear_mentions_alone_hears_no_more(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    people = Discord(discord)
    async with Program(tmp_path, **discord_settings(discord), **model_settings(endpoint)):
        await people.whispered(ADA, "settings", name="listen", value="mentions_only")
        thread = await discord.say(BO, GENERAL, f"{AT} what is 3+3?")
        answer = await answered(discord, thread, "what is 3+3?")
        await discord.say(BO, thread, "we should ask Ada")
        await discord.say(ADA, thread, f"{AT} and 4+4?")
        await answered(discord, thread, "and 4+4?", count=2)
        await discord.say(BO, thread, "and this one?", reply_to=answer.id)
        await answered(discord, thread, "and this one?", count=3)
        await discord.direct(BO, "and directly?")
        await answered(discord, discord.dm(BO), "and directly?")
    assert len(endpoint.requests) == 4
    assert "we should ask Ada" in str(endpoint.requests[1].body)


@pytest.mark.parametrize("gone", ["message", "thread"])
async def test_an_answer_that_is_deleted_while_it_grows_stops(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions, gone: str
) -> None:
    endpoint.script(Words("Word after word. " * 300, per_s=20), Words("Four."))
    async with Program(tmp_path, **discord_settings(discord), **model_settings(endpoint)):
        thread = await discord.say(ADA, GENERAL, f"{AT} tell me")
        growing = await answered(discord, thread, "Word")
        if gone == "thread":
            discord.fail("*", f"/channels/{thread}/**", None, status=404, code=10003)
            ids = {"id": str(thread), "guild_id": str(GUILD), "parent_id": str(GENERAL)}
            await discord.gateway.dispatch("THREAD_DELETE", ids | {"type": 11})
        else:
            await discord.delete(growing.id)
        await discord.wait_for(lambda: endpoint.requests[0].closed_by_client_at is not None)
        other = await discord.say(BO, RANDOM, f"{AT} what is 2+2?")
        await answered(discord, other, "Four.")
        shown = [message.text for message in answers(discord, thread) if message.id != growing.id]
        assert not any("Word" in text for text in shown), shown
    assert len(endpoint.requests) == 2


@pytest.mark.parametrize("gone", ["bulk", "channel", "server", "unheard message", "unheard thread", "reply"])
async def test_an_answer_that_goes_with_what_holds_it_stops(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions, gone: str
) -> None:
    endpoint.script(Words("Word after word. " * 300, per_s=20), Words("Four."))
    async with Program(tmp_path, **discord_settings(discord), **model_settings(endpoint)):
        if gone == "reply":
            await discord.slash(ADA, GENERAL, "ask", question="tell me")
            seat = GENERAL
        else:
            seat = await discord.say(ADA, GENERAL, f"{AT} tell me")
        growing = await answered(discord, seat, "Word")
        await _remove(discord, growing, gone)
        await discord.wait_for(lambda: endpoint.requests[0].closed_by_client_at is not None)
        await discord.direct(BO, "what is 2+2?")
        await answered(discord, discord.dm(BO), "Four.")
        shown = [message.text for message in answers(discord, seat) if message.id != growing.id]
        assert not any("Word" in text for text in shown), shown
    assert len(endpoint.requests) == 2


async def _remove(discord: FakeDiscord, growing: Message, gone: str) -> None:
    """With "unheard", no event reports it: calls alone are refused."""
    seat = {"channel_id": str(growing.channel_id), "guild_id": str(GUILD)}
    match gone:
        case "bulk":
            await discord.gateway.dispatch("MESSAGE_DELETE_BULK", {"ids": [str(growing.id)]} | seat)
        case "channel":
            await discord.delete_channel(GENERAL)
        case "server":
            await discord.gateway.dispatch("GUILD_DELETE", {"id": str(GUILD)})
        case "unheard message":
            discord.fail("PATCH", f"/channels/*/messages/{growing.id}", None, status=404, code=10008)
        case "unheard thread":
            discord.fail("*", f"/channels/{growing.channel_id}/**", None, status=404, code=10003)
        case "reply":
            await discord.delete(growing.id)


async def test_an_answer_of_which_a_page_is_deleted_stops_and_says_so(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    endpoint.script(Words("Word after word. " * 600, per_s=300))
    async with Program(tmp_path, **discord_settings(discord), **model_settings(endpoint)):
        seat = await discord.say(ADA, GENERAL, f"{AT} tell me")
        await discord.wait_for(lambda: len(answers(discord, seat)) == 2)
        await discord.delete(answers(discord, seat)[0].id)
        await discord.wait_for(lambda: endpoint.requests[0].closed_by_client_at is not None)
        left = await answered(discord, seat, phrase("removed", "en"))
        assert labels(left) == [phrase("again", "en")]


async def test_an_answer_stops_where_the_bot_may_not_write_any_more_and_whoever_asked_is_told(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    endpoint.script(Words("Word after word. " * 300, per_s=20))
    async with Program(tmp_path, **discord_settings(discord), **model_settings(endpoint)):
        seat = await discord.say(ADA, GENERAL, f"{AT} tell me")
        await answered(discord, seat, "Word")
        discord.fail("*", f"/channels/{seat}/**", None, status=403, code=50013)
        await discord.wait_for(lambda: endpoint.requests[0].closed_by_client_at is not None)
        await answered(discord, discord.dm(ADA), f"I'm not allowed to write in <#{GENERAL}>")


async def test_an_answer_goes_on_while_discord_says_that_its_server_is_unavailable(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    endpoint.script(Words("Word after word. " * 10 + "The end.", per_s=30))
    async with Program(tmp_path, **discord_settings(discord), **model_settings(endpoint)):
        seat = await discord.say(ADA, GENERAL, f"{AT} tell me")
        await answered(discord, seat, "Word")
        await discord.gateway.dispatch("GUILD_DELETE", {"id": str(GUILD), "unavailable": True})
        await answered(discord, seat, "The end.")


@pytest.mark.parametrize("by_command", [False, True], ids=["mention", "ask"])
@pytest.mark.parametrize("code", [240000, 200000])
async def test_a_later_page_that_discord_refuses_ends_in_words_of_ours_and_no_page_keeps_stop(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions, by_command: bool, code: int
) -> None:
    endpoint.script(Words("The first page stays. " * 100 + f"{HIDDEN_LINK} and more words.", per_s=2_000))
    discord.fail("*", "/**", None, status=400, code=code, containing=HIDDEN_LINK)
    async with Program(tmp_path, **discord_settings(discord), **model_settings(endpoint)):
        if by_command:
            await discord.slash(ADA, GENERAL, "ask", question="where?")
        seat = GENERAL if by_command else await discord.say(ADA, GENERAL, f"{AT} where?")

        def ended() -> list[Message] | None:
            found = answers(discord, seat)
            return found if found and phrase("again", "en") in labels(found[-1]) else None

        *before, last = await discord.wait_for(ended)
        assert says("rejected_rest", "en", last.text) or says("rejected", "en", last.text)
        assert [labels(page) for page in before] == [[]] * len(before)
        assert labels(last) == [phrase("again", "en")]
        assert "The first page stays." in (before or [last])[0].text
