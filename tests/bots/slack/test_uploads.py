"""Pictures within messages: uploaded once, shown when Slack can show them, and an error that names what is missing."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bots.slack.connector import SlackConnector
from bots.slack.uploads import BlockPictures
from bots.slack.web import Web
from core.errors import Code, PlatformError
from core.values.outgoing import AnswerPicture, EditMessage, Page, PostMessage
from core.values.places import Place
from tests.fakes.clock import FakeClock
from tests.fakes.slack import FakeSlack

PICTURE = AnswerPicture("report-1.png", "Questions: 12.", "image/png", b"png", "_Picture._")
CHANNEL = Place("slack", "T1", "C1")
REPORT = Page("12 questions", picture=PICTURE)


@pytest.fixture
async def web(slack: FakeSlack) -> AsyncIterator[Web]:
    web = Web(slack.bot_token, slack.api_url)
    yield web
    await web.close()


def uploads(slack: FakeSlack) -> int:
    return sum(call.method == "files.completeUploadExternal" for call in slack.calls)


async def refusal(pictures: BlockPictures) -> PlatformError:
    with pytest.raises(PlatformError) as raised:
        await pictures.file_id(PICTURE)
    return raised.value


async def test_a_picture_is_uploaded_once_for_all_messages_that_show_it(
    slack: FakeSlack, platform: SlackConnector
) -> None:
    installation = platform.installation
    posted = await installation.perform(PostMessage(CHANNEL, REPORT, "report-1"))
    edited = Page("13 questions", picture=PICTURE)
    await installation.perform(EditMessage(CHANNEL, posted, edited, key="report-1"))
    (message,) = slack.messages("C1")
    assert [block["type"] for block in message.blocks] == ["markdown", "image"]
    assert uploads(slack) == 1


async def test_a_picture_that_slack_does_not_process_is_tried_again_later_without_another_upload(
    slack: FakeSlack, web: Web
) -> None:
    pictures = BlockPictures(web, FakeClock(jumps=True))
    slack.space.slow_files = 100
    error = await refusal(pictures)
    assert (error.code, error.retryable) == (Code.UNAVAILABLE, True)
    (file,) = slack.space.files.values()
    file.unprocessed = 0
    assert await pictures.file_id(PICTURE) == file.id
    assert uploads(slack) == 1


async def test_a_missing_scope_is_named(slack: FakeSlack, web: Web) -> None:
    slack.web.scopes = slack.web.scopes.replace("files:write", "")
    error = await refusal(BlockPictures(web, FakeClock()))
    assert (error.code, error.retryable) == (Code.APP_SETUP, False)
    assert "files:write" in error.detail


async def test_a_message_that_is_refused_for_its_picture_is_not_posted_without_its_blocks(
    slack: FakeSlack, platform: SlackConnector
) -> None:
    """The delivery posts it again, without the picture."""
    slack.fail("chat.postMessage", error="invalid_blocks")
    with pytest.raises(PlatformError):
        await platform.installation.perform(PostMessage(CHANNEL, REPORT, "report-1"))
    assert slack.messages("C1") == []
