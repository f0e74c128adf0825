"""Actions of people in the workspace, of another app, and of Slack itself."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from functools import partial
from typing import Any

from . import blocks as block_kit
from . import payloads
from .payloads import BOT_USER
from .socket import Envelope
from .web import Web
from .workspace import File, Message, Workspace

Json = dict[str, Any]
Upload = tuple[str, str, bytes]  # name, MIME type, content


class People:
    """Every method acts at once, as one person; `at` are Unix seconds, for what was said long ago."""

    def __init__(self, space: Workspace, web: Web) -> None:
        self.space = space
        self.web = web

    # -- messages

    async def say(
        self,
        user: str,
        channel: str,
        text: str,
        thread_ts: str | None = None,
        *,
        files: Sequence[Upload | File] = (),
        attachments: Sequence[Json] = (),
        at: float | None = None,
    ) -> str:
        """A message; with <@U_BOT> in a channel it arrives as `message` and as `app_mention`. `attachments`: what it
        forwards or quotes."""
        self.space.channels[channel].members.add(user)
        message = Message(channel, self.space.new_ts(at), user, text, thread_ts=thread_ts)
        message.client_msg_id = str(uuid.uuid4())
        message.blocks = block_kit.rich_text(text) if text else []
        message.files = [self._share(upload) for upload in files]
        message.attachments = list(attachments)
        message.subtype = "file_share" if files else None
        return self.space.post(message).ts

    async def direct(self, user: str, text: str, thread_ts: str | None = None, **more: Any) -> str:
        """A direct message to the bot, in D1 for U1."""
        return await self.say(user, self.space.direct_channel(user).id, text, thread_ts, **more)

    async def edit(self, user: str, channel: str, ts: str, text: str) -> str:
        """A mention in the new words is sent once more, as an app_mention of the old message.

        https://github.com/slack-go/slack/pull/1256
        """

        def alter(message: Message) -> None:
            message.text, message.blocks = text, block_kit.rich_text(text)
            message.edited = {"user": user, "ts": self.space.new_ts()}

        message = self._message(channel, ts)
        self.space.change(message, alter)
        self.space.mention(message)
        return ts

    async def update_card(self, channel: str, ts: str, blocks: Sequence[Json]) -> str:
        """Another app changes the blocks of its message alone."""

        def alter(message: Message) -> None:
            message.blocks = list(blocks)

        self.space.change(self._message(channel, ts), alter)
        return ts

    async def delete(self, user: str, channel: str, ts: str) -> str:
        self.space.delete(self._message(channel, ts))
        return ts

    async def delete_file(self, user: str, channel: str, ts: str, file: str) -> str:
        """https://docs.slack.dev/reference/objects/file-object: its messages keep an empty place for it."""

        def alter(message: Message) -> None:
            gone = {"id": file, "mode": "tombstone"}
            message.files = [gone if one["id"] == file else one for one in message.files]

        del self.space.files[file]
        self.space.change(self._message(channel, ts), alter)
        return ts

    async def unfurl(self, channel: str, ts: str) -> str:
        """Slack shows a preview of a link: a message_changed in which no word changed."""
        self.space.change(self._message(channel, ts), lambda message: None)
        return ts

    async def join(self, user: str, channel: str) -> str:
        self.space.channels[channel].members.add(user)
        self._moved("member_joined_channel", user, channel)
        return self._notice(user, channel, "channel_join", f"<@{user}> has joined the channel")

    async def leave(self, user: str, channel: str) -> str:
        """Or be removed: https://docs.slack.dev/reference/events/member_left_channel/"""
        ts = self._notice(user, channel, "channel_leave", f"<@{user}> has left the channel")
        self._moved("member_left_channel", user, channel)
        self.space.channels[channel].members.remove(user)
        return ts

    async def make_private(self, channel: str) -> None:
        """The channel keeps its id: https://slack.com/help/articles/213185467"""
        self.space.channels[channel].kind = "group"

    async def share(self, channel: str, how: str = "ext") -> None:
        """See `Channel.shared`."""
        self.space.channels[channel].shared = how

    async def archive(self, user: str, channel: str) -> str:
        """https://docs.slack.dev/reference/events/channel_archive/: nothing can be posted or edited there any more."""
        ts = self._notice(user, channel, "channel_archive", "archived the channel")
        self.space.channels[channel].archived = True
        self.space.emit({"type": "channel_archive", "channel": channel, "user": user, "event_ts": ts})
        return ts

    async def topic(self, user: str, channel: str, topic: str) -> str:
        self.space.channels[channel].topic = topic
        return self._notice(user, channel, "channel_topic", f"set the channel topic: {topic}")

    async def bot_says(
        self,
        channel: str,
        text: str,
        thread_ts: str | None = None,
        *,
        bot_id: str = "B_OTHER",
        blocks: Sequence[Json] = (),
        attachments: Sequence[Json] = (),
    ) -> str:
        """Another app's message; an unknown bot_id makes it an old integration's, of subtype bot_message."""
        author = next((p.id for p in self.space.people.values() if p.bot_id == bot_id), "")
        message = Message(channel, self.space.new_ts(), author, text, thread_ts=thread_ts, bot_id=bot_id)
        message.blocks, message.attachments = list(blocks), list(attachments)
        message.subtype = None if author else "bot_message"
        return self.space.post(message).ts

    # -- commands, buttons, views

    async def slash(self, user: str, channel: str, command: str, text: str = "") -> Envelope:
        """A slash command; an acknowledgement with words is shown, in_channel or to the person alone."""
        payload = payloads.command(
            self.space, self.space.people[user], self.space.channels[channel], command, text
        )
        return self.space.sockets.deliver(
            "slash_commands", payload, partial(self.web.show, channel, user, None)
        )

    async def press(self, user: str, channel: str, ts: str, action_id: str, value: str = "") -> Envelope:
        """Presses what a reader finds under this action_id; `value` chooses where there is a choice.

        Raises:
            LookupError: the message has no such button now.
        """
        message = self._message(channel, ts)
        pressed = _pressed(message.blocks, action_id, value)
        person = self.space.people[user]
        payload = payloads.interaction(self.space, person, "block_actions")
        payload |= payloads.on_message(self.space, person, message) | {"state": {"values": {}}}
        payload["actions"] = [pressed]
        return self.space.sockets.deliver("interactive", payload)

    async def press_home(self, user: str, action_id: str, value: str = "") -> Envelope:
        """Presses a button in the person's Home tab."""
        view = self.space.homes[user]
        pressed = _pressed(view.body["blocks"], action_id, value)
        payload = payloads.interaction(self.space, self.space.people[user], "block_actions")
        payload |= {"container": {"type": "view", "view_id": view.id}, "view": payloads.view_body(view)}
        payload["actions"] = [pressed]
        return self.space.sockets.deliver("interactive", payload)

    async def shortcut(self, user: str, callback_id: str, channel: str = "", ts: str = "") -> Envelope:
        """A message shortcut, or a global one where no message is given."""
        person = self.space.people[user]
        payload = payloads.interaction(self.space, person, "message_action" if ts else "shortcut")
        payload |= {"callback_id": callback_id, "action_ts": self.space.new_ts()}
        if ts:
            payload |= payloads.on_message(self.space, person, self._message(channel, ts)) | {"message_ts": ts}
            del payload["container"]
        return self.space.sockets.deliver("interactive", payload)

    async def submit_view(self, user: str, callback_id: str, values: Json) -> Envelope:
        """Submits the modal the person sees; `values` is block_id -> action_id -> what was entered, the rest is sent
        as it was shown. What the app answers is done to the modal.

        Raises:
            LookupError: this person sees no such modal.
        """
        shown = [
            v for v in self.space.views.values() if v.user == user and v.body.get("callback_id") == callback_id
        ]
        if not shown:
            raise LookupError(f"{user} sees no modal {callback_id}")
        payload = payloads.interaction(self.space, self.space.people[user], "view_submission")
        view = shown[-1]
        entered = block_kit.state(view.body["blocks"]) | values
        payload |= {"view": payloads.view_body(view, entered), "response_urls": []}
        return self.space.sockets.deliver("interactive", payload, partial(self.web.answer_view, view))

    async def open_home(self, user: str, tab: str = "home") -> str:
        """https://docs.slack.dev/reference/events/app_home_opened/; tab is home or messages."""
        ts = self.space.new_ts()
        event: Json = {"type": "app_home_opened", "user": user, "tab": tab, "event_ts": ts}
        event["channel"] = self.space.direct_channel(user).id
        if tab == "home" and user in self.space.homes:
            event["view"] = payloads.view_body(self.space.homes[user])
        self.space.emit(event)
        return ts

    async def uninstall(self) -> None:
        """Takes the app off the workspace: https://docs.slack.dev/reference/events/app_uninstalled"""
        self.web.revoked = "account_inactive"
        self.space.sockets.abort()
        self.space.emit({"type": "tokens_revoked", "tokens": {"oauth": [], "bot": [BOT_USER]}})
        self.space.emit({"type": "app_uninstalled"})

    async def stop_session(self, user: str, channel: str, ts: str) -> list[str]:
        """Slack's own stop button in a thread; the ts of the streams it stopped.

        https://docs.slack.dev/reference/events/agent_session_stopped/
        """
        streams = [message for message in self.space.channels[channel].thread(ts) if message.streaming]
        for message in streams:
            assert message.stream is not None
            message.stream.state = "stopped_by_user"
            self.space.seen(message)
        stopped = [message.ts for message in streams]
        event: Json = {"type": "agent_session_stopped", "channel": channel, "thread_ts": ts, "user": user}
        self.space.emit(event | {"streaming_message_ts": stopped, "event_ts": self.space.new_ts()})
        return stopped

    # -- parts

    def _message(self, channel: str, ts: str) -> Message:
        message = self.space.find(channel, ts)
        if message is None:
            raise LookupError(f"no message {ts} in {channel}")
        return message

    def _moved(self, event: str, user: str, channel: str) -> None:
        """Announces who joined or left a channel, where the bot is a member."""
        there = self.space.channels[channel]
        if BOT_USER in there.members:
            kind = "C" if there.kind == "channel" else "G"
            told: Json = {
                "type": event,
                "user": user,
                "channel": channel,
                "channel_type": kind,
                "team": self.space.team,
            }
            self.space.emit(told | {"event_ts": self.space.new_ts()})

    def _notice(self, user: str, channel: str, subtype: str, text: str) -> str:
        message = Message(channel, self.space.new_ts(), user, text, subtype=subtype)
        return self.space.post(message).ts

    def _share(self, upload: Upload | File) -> Json:
        file = upload if isinstance(upload, File) else File(self.space.new_id("F"), *upload)
        file.shared = True
        self.space.files[file.id] = file
        return payloads.shared_file_body(self.space, file)


def _pressed(blocks: list[Json], action_id: str, value: str) -> Json:
    found = [pair for pair in block_kit.interactive(blocks) if pair[1]["action_id"] == action_id]
    if not found:
        raise LookupError(f"no {action_id} among {block_kit.labels(blocks)}")
    return payloads.action(*found[0], value)
