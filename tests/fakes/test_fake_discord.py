"""The real discord.py against the fake: what it needs is there, and what the fake promises holds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import aiohttp
import discord
import pytest
import yarl
from discord import app_commands
from discord.gateway import DiscordWebSocket
from discord.http import Route

from tests.fakes.discord import (
    ADA,
    BO,
    BOT,
    CHEN,
    FORUM,
    GENERAL,
    GUILD,
    RANDOM,
    FakeDiscord,
    File,
    MessageFlag,
    Permission,
    wire,
)
from tests.fakes.discord.spec import load
from tests.waiting import HANG_S


class Bot(discord.Client):
    """Keeps the events that it receives, and offers one command."""

    def __init__(self, fake: FakeDiscord, heartbeat_timeout: float = 60.0) -> None:
        intents = discord.Intents.default()
        intents.message_content = True
        super().__init__(
            intents=intents,
            guild_ready_timeout=0.05,
            heartbeat_timeout=heartbeat_timeout,
            allowed_mentions=discord.AllowedMentions.none(),
        )
        self.fake = fake
        self.heard: list[discord.Message] = []
        self.interactions: list[discord.Interaction[Any]] = []
        self.threads: list[discord.Thread] = []
        self.tree = app_commands.CommandTree(self)
        self.tree.command(name="ask", description="Ask something")(self.ask)

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """The default waits five seconds before a second session."""

    async def on_message(self, message: discord.Message) -> None:
        self.heard.append(message)

    async def on_thread_create(self, thread: discord.Thread) -> None:
        self.threads.append(thread)

    async def ask(self, interaction: discord.Interaction[Any], question: str, loud: bool = False) -> None:
        self.interactions.append(interaction)
        await interaction.response.defer(thinking=True)
        await interaction.edit_original_response(content=question.upper() if loud else question)


@pytest.fixture
async def fake() -> AsyncIterator[FakeDiscord]:
    async with FakeDiscord() as running:
        yield running


@pytest.fixture
def routed(fake: FakeDiscord) -> Iterator[None]:
    before = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY, discord.Asset.BASE
    Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = fake.api_url, yarl.URL(fake.gateway_url)
    discord.Asset.BASE = fake.cdn_url
    yield
    Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY, discord.Asset.BASE = before


@pytest.fixture
async def bot(fake: FakeDiscord, routed: None) -> AsyncIterator[Bot]:
    client = Bot(fake)
    running = asyncio.create_task(client.start(fake.bot_token))
    await fake.wait_for(lambda: running.done() or client.is_ready())
    await client.tree.sync()
    yield client
    await client.close()
    await asyncio.wait_for(running, HANG_S)
    assert fake.spec_problems == []


async def heard(bot: Bot, count: int = 1) -> list[discord.Message]:
    await bot.fake.wait_for(lambda: len(bot.heard) >= count)
    return bot.heard


async def test_the_bot_finds_its_guild_and_itself(fake: FakeDiscord, bot: Bot) -> None:
    assert bot.user is not None
    assert bot.user.id == BOT
    guild = bot.guilds[0]
    channel = guild.get_channel(GENERAL)
    assert isinstance(channel, discord.TextChannel)
    assert channel.permissions_for(guild.me).send_messages
    assert not channel.permissions_for(guild.me).administrator
    assert list(fake.registered_commands) == ["ask"]


async def test_a_message_a_reply_and_an_edit_arrive_as_people_made_them(fake: FakeDiscord, bot: Bot) -> None:
    first = await fake.say(ADA, GENERAL, f"<@{BOT}> hello")
    await fake.say(BO, GENERAL, "to you", reply_to=first)
    question, reply = await heard(bot, 2)
    assert question.id == first
    assert question.mentions == [bot.user]
    assert question.author.display_name == "Ada Byron"
    assert isinstance(question.author, discord.Member)
    assert isinstance(question.channel, discord.TextChannel)
    assert reply.type is discord.MessageType.reply
    assert [user.id for user in reply.mentions] == [ADA]
    assert reply.reference is not None
    assert isinstance(reply.reference.resolved, discord.Message)
    await fake.edit(first, "changed")
    assert (await question.fetch()).content == "changed"
    await fake.delete(first)
    with pytest.raises(discord.NotFound) as caught:
        await question.fetch()
    assert caught.value.code == 10008


async def test_a_direct_message_belongs_to_no_guild(fake: FakeDiscord, bot: Bot) -> None:
    await fake.direct(ADA, "psst")
    (message,) = await heard(bot)
    assert message.guild is None
    assert isinstance(message.channel, discord.DMChannel)
    await message.reply("yes?")
    assert [m.content for m in fake.from_bot(fake.dm(ADA))] == ["yes?"]


async def test_a_command_is_deferred_then_answered_in_place(fake: FakeDiscord, bot: Bot) -> None:
    asked = await fake.slash(BO, GENERAL, "ask", question="why?", loud=True)
    interaction = fake.interaction(asked)
    await fake.wait_for(lambda: interaction.response and interaction.response.content)
    answer = interaction.response
    assert answer is not None
    assert answer.content == "WHY?"
    assert interaction.deferred
    assert not answer.loading
    assert not answer.edited
    assert [content for _, content in answer.history] == ["", "WHY?"]
    assert bot.interactions[0].locale is discord.Locale.danish
    fake.clock.advance(901)
    with pytest.raises(discord.HTTPException) as caught:
        await bot.interactions[0].edit_original_response(content="late")
    assert caught.value.code == 50027


async def test_a_command_that_is_not_registered_cannot_be_used(fake: FakeDiscord, bot: Bot) -> None:
    with pytest.raises(LookupError, match="registered: ask"):
        await fake.slash(ADA, GENERAL, "nothing")
    with pytest.raises(ValueError, match="required"):
        await fake.slash(ADA, GENERAL, "ask")


async def test_acknowledgements_come_once_and_in_time(fake: FakeDiscord, bot: Bot) -> None:
    bot.tree.clear_commands(guild=None)
    late: list[int | None] = []

    @bot.tree.command(name="slow", description="Slow")
    async def slow(interaction: discord.Interaction[Any]) -> None:
        fake.clock.advance(3.1)
        with pytest.raises(discord.NotFound) as caught:
            await interaction.response.defer()
        late.append(caught.value.code)

    @bot.tree.command(name="twice", description="Twice")
    async def twice(interaction: discord.Interaction[Any]) -> None:
        await interaction.response.send_message("only you", ephemeral=True)
        interaction.response._response_type = None
        with pytest.raises(discord.HTTPException) as caught:
            await interaction.response.defer()
        late.append(caught.value.code)

    await bot.tree.sync()
    await fake.slash(ADA, GENERAL, "slow")
    await fake.wait_for(lambda: late)
    await fake.slash(ADA, GENERAL, "twice")
    await fake.wait_for(lambda: len(late) == 2)
    assert late == [10062, 40060]
    assert len(fake.seen(GENERAL, by=ADA)) == 1
    assert fake.seen(GENERAL, by=BO) == []


async def test_buttons_can_be_pressed(fake: FakeDiscord, bot: Bot) -> None:
    view = discord.ui.View(timeout=None)
    button: discord.ui.Button[discord.ui.View] = discord.ui.Button(label="Again", custom_id="again:1")

    async def again(interaction: discord.Interaction[Any]) -> None:
        await interaction.response.edit_message(content="pressed", view=None)

    button.callback = again  # type: ignore[method-assign]
    view.add_item(button)
    channel = bot.get_partial_messageable(GENERAL)
    sent = await channel.send("choose", view=view)
    message = fake.message(sent.id)
    assert [(b.label, b.custom_id) for b in message.buttons] == [("Again", "again:1")]
    await fake.press(ADA, GENERAL, sent.id, "again:1")
    await fake.wait_for(lambda: message.content == "pressed")
    assert message.buttons == []
    assert message.edited
    with pytest.raises(LookupError):
        await fake.press(ADA, GENERAL, sent.id, "again:1")


async def test_menus_and_forms_come_back_filled(fake: FakeDiscord, bot: Bot) -> None:
    bot.tree.clear_commands(guild=None)
    got: list[str] = []

    class Form(discord.ui.Modal, title="Why?"):
        reason: discord.ui.TextInput[Any] = discord.ui.TextInput(label="Reason", custom_id="reason")

        async def on_submit(self, interaction: discord.Interaction[Any]) -> None:
            got.append(self.reason.value)
            await interaction.response.send_message("thanks", ephemeral=True)

    @bot.tree.context_menu(name="Explain")
    async def explain(interaction: discord.Interaction[Any], message: discord.Message) -> None:
        got.append(message.content)
        await interaction.response.send_modal(Form())

    await bot.tree.sync()
    said = await fake.say(BO, GENERAL, "42")
    picked = await fake.context_menu(ADA, GENERAL, said, "Explain")
    await fake.wait_for(lambda: fake.interaction(picked).modal)
    sent = await fake.submit_modal(picked, reason="because")
    await fake.wait_for(lambda: fake.interaction(sent).answered)
    assert got == ["42", "because"]


async def test_a_thread_takes_the_id_of_its_message(fake: FakeDiscord, bot: Bot) -> None:
    first = await fake.say(ADA, GENERAL, "start")
    (question,) = await heard(bot)
    thread = await question.create_thread(name="An answer")
    assert thread.id == first
    await thread.send("here")
    with pytest.raises(discord.HTTPException) as caught:
        await question.create_thread(name="Again")
    assert caught.value.code == 160004
    history = [m async for m in thread.history(oldest_first=True)]
    assert [m.type.value for m in history] == [21, 0]
    starter = history[0].reference and history[0].reference.resolved
    assert isinstance(starter, discord.Message)
    assert starter.content == "start"
    await fake.say(ADA, first, "more")
    await fake.wait_for(lambda: any(m.content == "more" for m in bot.heard))
    assert isinstance(bot.heard[-1].channel, discord.Thread)
    await fake.archive(first)
    with pytest.raises(discord.HTTPException) as caught:
        await thread.get_partial_message(history[1].id).edit(content="x")
    assert caught.value.code == 50083
    await fake.open_thread(BO, FORUM, None, "A post", "the text")
    await fake.wait_for(lambda: len(bot.threads) == 2)


async def test_the_same_nonce_posts_once(fake: FakeDiscord, bot: Bot) -> None:
    channel = bot.get_partial_messageable(GENERAL)
    first = await channel.send("one", nonce=77)
    assert (await channel.send("one", nonce=77)).id == first.id
    assert len(fake.from_bot(GENERAL)) == 1


async def test_mentions_fire_only_when_allowed(fake: FakeDiscord, bot: Bot) -> None:
    channel = bot.get_partial_messageable(GENERAL)
    await channel.send(f"@everyone <@{ADA}> <@&1>")
    assert fake.pinged == []
    loud = await channel.send(
        f"@here <@{ADA}>", allowed_mentions=discord.AllowedMentions(users=True, everyone=False)
    )
    assert [m.id for m in fake.pinged] == [loud.id]
    assert fake.pinged[0].pinged.users == {ADA}
    assert not fake.pinged[0].pinged.everyone


async def test_refusals_are_those_of_discord(fake: FakeDiscord, bot: Bot) -> None:
    channel = bot.get_partial_messageable(GENERAL)
    codes = []
    await fake.say(ADA, GENERAL, "mine")
    other = (await heard(bot))[0]
    attempts: list[Any] = [
        lambda: channel.send("x" * 2001),
        lambda: channel.send(""),
        lambda: bot.get_partial_messageable(1).send("x"),
        lambda: channel.get_partial_message(other.id).edit(content="x"),
        lambda: bot.http.request(
            Route("GET", "/channels/{channel_id}/messages", channel_id=GENERAL), params={"limit": 0}
        ),
    ]
    for attempt in attempts:
        with pytest.raises(discord.HTTPException) as caught:
            await attempt()
        codes.append(caught.value.code)
    await fake.deny(GENERAL, Permission.SEND_MESSAGES)
    with pytest.raises(discord.Forbidden) as forbidden:
        await channel.send("x")
    assert [*codes, forbidden.value.code] == [50035, 50006, 10003, 50005, 50035, 50013]
    assert any("limit" in problem for problem in fake.spec_problems)
    fake.spec_problems.clear()


async def test_files_go_up_and_come_down(fake: FakeDiscord, bot: Bot) -> None:
    await fake.say(ADA, GENERAL, "", files=[File("a.txt", b"hello", "text/plain")])
    (message,) = await heard(bot)
    assert await message.attachments[0].read() == b"hello"
    await message.channel.send(file=discord.File(__file__, "answer.md"))
    (answer,) = fake.from_bot(GENERAL)
    assert answer.attachments[0].filename == "answer.md"
    assert b"FakeDiscord" in answer.attachments[0].data


async def test_a_burst_is_refused_and_waited_out(fake: FakeDiscord, bot: Bot) -> None:
    fake.limits.enabled = True
    fake.limits.table["post"] = replace(fake.limits.table["post"], count=2, per_s=0.3, shown=False)
    channel = bot.get_partial_messageable(GENERAL)
    began = time.monotonic()
    for word in "abc":
        await channel.send(word)
    assert time.monotonic() - began > 0.25
    assert fake.limits.refused == {"post": 1}
    assert len(fake.from_bot(GENERAL)) == 3
    assert [c.status for c in fake.calls if c.method == "POST"] == [200, 200, 429, 200]


async def test_headers_tell_what_is_left(fake: FakeDiscord) -> None:
    fake.limits.enabled = True
    url, headers = f"{fake.api_url}/channels/{GENERAL}/messages", {"Authorization": f"Bot {fake.bot_token}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        async with session.post(url, json={"content": "x"}) as posted:
            message = await posted.json()
        async with session.patch(f"{url}/{message['id']}", json={"content": "y"}) as edited:
            pass
        async with session.get(url, headers={"Authorization": "Bot no"}) as stranger:
            assert stranger.status == 401
            assert (await stranger.json())["code"] == 0
    for answer in posted, edited:
        assert answer.headers["Content-Type"] == "application/json"
        assert (answer.headers["X-RateLimit-Limit"], answer.headers["X-RateLimit-Remaining"]) == ("5", "4")
    assert posted.headers["X-RateLimit-Bucket"] == edited.headers["X-RateLimit-Bucket"]


async def test_scripted_failures_drop_before_or_after(fake: FakeDiscord, bot: Bot) -> None:
    channel = bot.get_partial_messageable(GENERAL)
    for drop in "before", "after":
        fake.fail("POST", "/channels/*/messages", drop=drop)
        with pytest.raises(aiohttp.ClientError):
            await channel.send(drop)
    assert [m.content for m in fake.from_bot(GENERAL)] == ["after"]
    fake.fail("POST", "/channels/{channel}/messages", status=403, code=50013)
    with pytest.raises(discord.Forbidden):
        await channel.send("x")
    limited = fake.fail("POST", "/channels/**", retry_after=0.05, scope="shared")
    await channel.send("in the end")
    assert limited.hits == 1


async def test_resuming_replays_what_was_missed(fake: FakeDiscord, bot: Bot) -> None:
    fake.refuse_connections = True
    fake.abort_gateway()
    await fake.say(ADA, GENERAL, "missed?")
    fake.refuse_connections = False
    assert (await heard(bot))[0].content == "missed?"
    assert (fake.gateway.identifies, fake.gateway.resumes) == (1, 1)


async def test_an_invalid_session_loses_what_was_said_meanwhile(fake: FakeDiscord, bot: Bot) -> None:
    await fake.gateway.invalidate()
    await fake.say(ADA, GENERAL, "lost")
    await fake.wait_for(lambda: fake.gateway.identifies == 2)
    await fake.say(ADA, GENERAL, "kept")
    assert [m.content for m in await heard(bot)] == ["kept"]


async def test_without_the_content_intent_only_addressed_messages_can_be_read() -> None:
    async with FakeDiscord(message_content_allowed=False) as fake, aiohttp.ClientSession() as session:
        headers = {"Authorization": f"Bot {fake.bot_token}"}
        await fake.say(ADA, GENERAL, "between us")
        await fake.say(ADA, GENERAL, f"<@{BOT}> for you")
        async with session.get(f"{fake.api_url}/channels/{GENERAL}/messages", headers=headers) as answer:
            assert [m["content"] for m in await answer.json()] == [f"<@{BOT}> for you", ""]
        for intents, code in ((1 << 9 | 1 << 15, 4014), (1 << 9, None)):
            async with session.ws_connect(fake.gateway_url) as socket:
                await socket.receive_json()
                await socket.send_json({"op": 2, "d": {"token": fake.bot_token, "intents": intents}})
                answer_frame = await socket.receive()
                if code is not None:
                    assert socket.close_code == code
                    continue
                await fake.say(BO, GENERAL, "still between us")
                event = await socket.receive_json()
                assert answer_frame.json()["t"] == "READY"
                assert (event["t"], event["d"]["content"]) == ("MESSAGE_CREATE", "")


async def test_the_specification_catches_a_wrong_body(fake: FakeDiscord) -> None:
    headers = {"Authorization": f"Bot {fake.bot_token}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        async with session.post(f"{fake.api_url}/channels/{GENERAL}/messages", json={"content": ["no"]}):
            pass
        async with session.get(f"{fake.api_url}/channels/{GENERAL}/nonsense"):
            pass
    wrong_body, wrong_path = fake.spec_problems
    assert "content" in wrong_body
    assert "no such operation" in wrong_path


async def test_the_specification_catches_an_answer_that_discord_would_not_give(
    fake: FakeDiscord, bot: Bot
) -> None:
    said = await fake.say(ADA, GENERAL, "hello")
    path = f"/channels/{GENERAL}/messages/{said}"
    answer = wire.message(fake.world, fake.message(said))
    spec = load()
    assert spec.answer_problems("GET", path, answer) == []
    assert "author" in spec.answer_problems("GET", path, {k: v for k, v in answer.items() if k != "author"})[0]
    assert "id" in spec.object_problems("UserResponse", answer["author"] | {"id": None})[0]


async def test_components_v2_carry_their_text(fake: FakeDiscord, bot: Bot) -> None:
    view = discord.ui.LayoutView()
    view.add_item(discord.ui.Container(discord.ui.TextDisplay("inside")))
    await bot.get_partial_messageable(GENERAL).send(view=view)
    (message,) = fake.from_bot(GENERAL)
    assert message.text == "inside"
    assert message.flags & MessageFlag.IS_COMPONENTS_V2


async def test_an_installed_command_works_where_the_bot_is_not(fake: FakeDiscord, bot: Bot) -> None:
    bot.tree.clear_commands(guild=None)

    @bot.tree.command(name="anywhere", description="Anywhere")
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    async def anywhere(interaction: discord.Interaction[Any]) -> None:
        assert not interaction.is_guild_integration()
        await interaction.response.send_message("here")
        with pytest.raises(discord.Forbidden) as caught:
            await bot.get_partial_messageable(interaction.channel_id or 0).send("x")
        assert caught.value.code == 50001
        for _ in range(5):
            await interaction.followup.send("more")
        with pytest.raises(discord.HTTPException):
            await interaction.followup.send("too much")
        done.set()

    done = asyncio.Event()
    await bot.tree.sync()
    chat = fake.private_chat(ADA)
    await fake.slash(ADA, chat, "anywhere")
    await asyncio.wait_for(done.wait(), HANG_S)
    assert len(fake.from_bot(chat)) == 6


async def test_words_are_completed_while_typing(fake: FakeDiscord, bot: Bot) -> None:
    bot.tree.clear_commands(guild=None)

    @bot.tree.command(name="model", description="Model")
    async def model(interaction: discord.Interaction[Any], name: str) -> None: ...

    @model.autocomplete("name")
    async def names(_: discord.Interaction[Any], current: str) -> list[app_commands.Choice[str]]:
        return [app_commands.Choice(name=current + "-5", value="x")]

    await bot.tree.sync()
    typed = fake.interaction(await fake.autocomplete(ADA, GENERAL, "model", "name", name="gpt"))
    await fake.wait_for(lambda: typed.choices)
    assert typed.choices == [{"name": "gpt-5", "value": "x"}]


async def test_a_forum_post_starts_with_its_message(fake: FakeDiscord, bot: Bot) -> None:
    forum = bot.get_channel(FORUM)
    assert isinstance(forum, discord.ForumChannel)
    post = await forum.create_thread(name="Post", content="text", applied_tags=[forum.available_tags[0]])
    assert post.message.id == post.thread.id
    assert [m.content for m in fake.from_bot(post.thread.id)] == ["text"]
    renamed = await post.thread.edit(name="Better", archived=True)
    assert renamed.archived
    assert fake.threads(FORUM)[0].name == "Better"


async def test_old_messages_can_hardly_be_edited(fake: FakeDiscord, bot: Bot) -> None:
    message = await bot.get_partial_messageable(GENERAL).send("x")
    fake.clock.advance(3700)
    fake.limits.enabled = True
    fake.limits.table["old_edit"] = replace(fake.limits.table["old_edit"], count=1, per_s=0.1)
    await message.edit(content="y")
    await message.edit(content="z")
    assert fake.limits.refused == {"old_edit": 1}


async def test_a_silent_socket_is_noticed(fake: FakeDiscord, routed: None) -> None:
    fake.gateway.heartbeat_interval_ms = 50
    client = Bot(fake, heartbeat_timeout=0.3)
    running = asyncio.create_task(client.start(fake.bot_token))
    await fake.wait_for(client.is_ready)
    fake.half_open()
    await fake.say(ADA, GENERAL, "anyone?")
    await fake.wait_for(lambda: client.heard)
    assert fake.gateway.resumes == 1
    await client.close()
    await running


async def test_a_wrong_token_is_refused(fake: FakeDiscord, routed: None) -> None:
    async with Bot(fake) as client:
        with pytest.raises(discord.LoginFailure):
            await client.login("wrong")
    assert fake.calls[-1].status == 401


async def _got(url: str, **headers: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as response:
        return response.status


async def test_links_of_files_are_signed_run_out_and_are_renewed_by_reading(
    fake: FakeDiscord, bot: Bot
) -> None:
    said = await fake.say(ADA, GENERAL, "", files=[File("报告 1.txt", b"hello", "text/plain")])
    (message,) = await heard(bot)
    (file,) = message.attachments
    assert (file.filename, file.title) == ("_1.txt", "报告 1")
    assert await _got(file.url) == 200
    assert await _got(file.url, Authorization="Bot t") == 404, "no token belongs there"
    assert await _got(file.url.replace("&hm=", "&hm=0")) == 404
    fake.clock.advance(100_000)
    assert await _got(file.url) == 404
    renewed = (await message.channel.fetch_message(said)).attachments[0].url
    assert await _got(renewed) == 200


async def test_a_forward_holds_what_the_message_was_with_its_files(fake: FakeDiscord, bot: Bot) -> None:
    original = await fake.say(ADA, GENERAL, "look", files=[File("a.ogg", b"o", "audio/mpeg")], flags=1 << 13)
    forward = await fake.forward(BO, original, RANDOM)
    await fake.edit(original, "never mind")
    message = await bot.get_partial_messageable(RANDOM).fetch_message(forward)
    (snapshot,) = message.message_snapshots
    assert (message.content, message.attachments, snapshot.content) == ("", [], "look")
    assert (snapshot.attachments[0].filename, snapshot.flags.voice) == ("a.ogg", True)


async def test_without_the_intent_only_what_mentions_the_bot_shows_polls_forwards_and_files() -> None:
    async with FakeDiscord(message_content_allowed=False) as fake:
        poll = {"question": {"text": "Lunch?"}, "answers": []}
        original = await fake.say(ADA, RANDOM, "look")
        hidden = await fake.say(ADA, GENERAL, "", files=[File("a.txt", b"a")], poll=poll)
        forward = await fake.forward(ADA, original, GENERAL)
        shown = await fake.say(ADA, GENERAL, f"<@{BOT}>", files=[File("a.txt", b"a")], poll=poll)
        url, headers = f"{fake.api_url}/channels/{GENERAL}/messages", {"Authorization": f"Bot {fake.bot_token}"}
        async with aiohttp.ClientSession(headers=headers) as session, session.get(url) as response:
            read = {int(one["id"]): one for one in await response.json()}
        fake.spec_problems.clear()
    assert "poll" not in read[hidden]
    assert read[hidden]["attachments"] == []
    assert "message_snapshots" not in read[forward]
    assert (read[shown]["poll"], len(read[shown]["attachments"])) == (poll, 1)


async def test_archived_threads_are_listed_by_the_time_of_their_archiving_in_pages(fake: FakeDiscord) -> None:
    posts = [await fake.open_thread(BO, FORUM, None, f"post {number}") for number in range(4)]
    for post in (posts[2], posts[0], posts[3]):
        await fake.archive(post)
    await fake.archive(await fake.open_thread(BO, GENERAL, None, "of another channel"))
    path = f"/channels/{FORUM}/threads/archived/public"

    async def listed(**query: str) -> tuple[list[str], bool]:
        status, page = await asked(fake, path, query)
        assert status == 200
        return [thread["name"] for thread in page["threads"]], page["has_more"]

    assert await listed() == (["post 3", "post 0", "post 2"], False)
    assert await listed(limit="2") == (["post 3", "post 0"], True)
    _, page = await asked(fake, path, {"limit": "2"})
    before = page["threads"][-1]["thread_metadata"]["archive_timestamp"]
    assert await listed(limit="2", before=before) == (["post 2"], False)
    fake.world.channels[posts[0]].archived_at = fake.clock.now()
    assert (await listed())[0][0] == "post 0"


async def test_archived_threads_need_the_right_to_read_the_history(fake: FakeDiscord) -> None:
    path = f"/channels/{FORUM}/threads/archived/public"
    for permission, code in ((Permission.READ_MESSAGE_HISTORY, 50013), (Permission.VIEW_CHANNEL, 50001)):
        await fake.deny(FORUM, permission)
        status, refusal = await asked(fake, path)
        assert (status, refusal["code"]) == (403, code)
    await fake.deny(FORUM)
    status, refusal = await asked(fake, f"/channels/{FORUM}/threads/archived/private")
    assert (status, refusal["code"]) == (403, 50013), "private ones are for those who manage threads"


async def test_the_first_message_of_a_post_is_not_counted_and_deleted_ones_were_sent(fake: FakeDiscord) -> None:
    post = await fake.open_thread(BO, FORUM, None, "a post", "its words")
    await fake.edit(post, "other words")
    said = await fake.say(ADA, post, "so")
    await fake.say(ADA, post, "and so")
    await fake.delete(said)
    _, page = await asked(fake, f"/guilds/{GUILD}/threads/active")
    (thread,) = page["threads"]
    assert (thread["message_count"], thread["total_message_sent"]) == (1, 2)


async def test_a_hidden_forum_is_seen_by_those_who_have_its_role(fake: FakeDiscord) -> None:
    role = await fake.grant(BO, role="staff")
    await fake.hide(FORUM, role)
    forum = fake.world.channels[FORUM]
    seen = {person: Permission.VIEW_CHANNEL in fake.world.may(person, forum) for person in (ADA, BO, CHEN)}
    assert seen == {ADA: True, BO: True, CHEN: False}, "Ada owns the guild"
    assert Permission.VIEW_CHANNEL in fake.world.bot_may(forum)
    await fake.open_thread(BO, FORUM, None, "a post")
    _, page = await asked(fake, f"/guilds/{GUILD}/threads/active")
    assert [thread["name"] for thread in page["threads"]] == ["a post"]


async def asked(fake: FakeDiscord, path: str, query: dict[str, str] | None = None) -> tuple[int, Any]:
    """The status and the answer of a GET as the bot."""
    headers = {"Authorization": f"Bot {fake.bot_token}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.get(fake.api_url + path, params=query) as answer,
    ):
        return answer.status, await answer.json()


@asynccontextmanager
async def shard(
    fake: FakeDiscord, session: aiohttp.ClientSession, number: int, count: int
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A connection that has sent IDENTIFY for a shard."""
    async with session.ws_connect(fake.gateway_url) as socket:
        await socket.receive()
        body = {"token": fake.bot_token, "intents": 1 | 1 << 9 | 1 << 12 | 1 << 15, "shard": [number, count]}
        await socket.send_json({"op": 2, "d": body})
        yield socket


async def test_each_shard_gets_the_events_of_its_guilds_and_the_first_one_direct_messages(
    fake: FakeDiscord,
) -> None:
    there = await fake.add_guild("Difference Club")
    async with (
        aiohttp.ClientSession() as session,
        shard(fake, session, 0, 2) as first,
        shard(fake, session, 1, 2) as second,
    ):
        for socket, guild in ((first, 100), (second, there)):
            ready, created = [(await socket.receive_json())["d"] for _ in range(2)]
            assert [one["id"] for one in ready["guilds"]] == [created["id"]] == [str(guild)]
        await fake.say(ADA, there, "to the second")
        await fake.direct(ADA, "to the first")
        await fake.say(ADA, GENERAL, "to the first again")
        said = (await second.receive_json())["d"]
        assert (said["content"], said["guild_id"]) == ("to the second", str(there))
        heard = [(await first.receive_json())["d"]["content"] for _ in range(2)]
        assert heard == ["to the first", "to the first again"]


async def test_the_same_shard_may_be_connected_twice_and_hears_everything_twice(fake: FakeDiscord) -> None:
    async with (
        aiohttp.ClientSession() as session,
        shard(fake, session, 0, 1) as old,
        shard(fake, session, 0, 1) as new,
    ):
        for socket in (old, new):
            assert [(await socket.receive_json())["t"] for _ in range(2)] == ["READY", "GUILD_CREATE"]
        await fake.say(ADA, GENERAL, "twice")
        assert (await old.receive_json())["d"] == (await new.receive_json())["d"]


async def test_a_start_of_the_same_bucket_within_its_time_gets_no_session(fake: FakeDiscord) -> None:
    fake.gateway.max_concurrency, fake.gateway.identify_every_s = 2, 60.0
    async with aiohttp.ClientSession() as session:
        found = []
        for number in (0, 1, 2):
            async with shard(fake, session, number, 4) as socket:
                found.append((await socket.receive_json())["op"])
    assert found == [0, 0, 9]
    assert fake.gateway.too_early == 1


@pytest.mark.parametrize(("number", "count", "guilds_max", "code"), [(2, 2, 2_500, 4010), (0, 1, 0, 4011)])
async def test_a_shard_that_is_none_or_too_large_is_closed(
    fake: FakeDiscord, number: int, count: int, guilds_max: int, code: int
) -> None:
    fake.gateway.guilds_max = guilds_max
    async with aiohttp.ClientSession() as session, shard(fake, session, number, count) as socket:
        await socket.receive()
        assert socket.close_code == code


async def test_a_second_identify_on_one_connection_is_refused(fake: FakeDiscord) -> None:
    async with aiohttp.ClientSession() as session, shard(fake, session, 0, 1) as socket:
        await socket.send_json({"op": 2, "d": {"token": fake.bot_token, "intents": 1}})
        while (await socket.receive()).type is aiohttp.WSMsgType.TEXT:
            pass
        assert socket.close_code == 4005
