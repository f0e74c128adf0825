"""The content of people's files is fetched from Slack alone, whole, or refused with a reason."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bots.slack import files
from bots.slack.web import Web
from core.errors import Code, PlatformError
from core.ports.files import FileContent, FileError
from core.values import parts
from core.values.parts import FileProblem
from tests.fakes.slack import FakeSlack, File

LIMIT = 1_000


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    async with FakeSlack() as slack:
        yield slack


@pytest.fixture
async def web(slack: FakeSlack) -> AsyncIterator[Web]:
    web = Web(slack.bot_token, slack.api_url)
    yield web
    await web.close()


async def shared(slack: FakeSlack, **more: Any) -> parts.File:
    """A file that a person has shared, as a message names it."""
    given: dict[str, Any] = {"id": "F1", "name": "notes.txt", "mimetype": "text/plain", "content": b"all of it"}
    await slack.direct("U1", "see", files=[File(**given | more)])
    return parts.File("", source="F1")


async def problem(web: Web, file: parts.File) -> FileError:
    with pytest.raises(FileError) as failed:
        await files.fetch(web, file, LIMIT)
    assert "127.0.0.1" not in failed.value.detail
    assert "xoxb" not in failed.value.detail
    return failed.value


@pytest.mark.parametrize("told", [None, {"mode": "file_access", "file_access": "check_file_info"}])
async def test_a_file_of_which_only_the_id_is_known_is_looked_up(
    slack: FakeSlack, web: Web, told: dict[str, Any] | None
) -> None:
    file = await shared(slack, told=told)
    assert await files.fetch(web, file, LIMIT) == FileContent("notes.txt", "text/plain", b"all of it")
    assert [call.args for call in slack.called("files.info")] == [{"file": "F1"}]


async def test_a_form_to_sign_in_is_a_missing_scope_and_no_file(slack: FakeSlack, web: Web) -> None:
    file = await shared(slack, name="a.png", mimetype="image/png")
    slack.web.signed_out = True
    error = await problem(web, file)
    assert error.problem is FileProblem.NOT_ALLOWED
    assert isinstance(error.__cause__, PlatformError)
    assert error.__cause__.code is Code.APP_SETUP
    assert "files:read" in error.detail


async def test_so_is_the_refusal_of_files_info(slack: FakeSlack, web: Web) -> None:
    file = await shared(slack)
    slack.web.scopes = slack.web.scopes.replace("files:read,", "")
    error = await problem(web, file)
    assert error.problem is FileProblem.NOT_ALLOWED
    assert isinstance(error.__cause__, PlatformError)
    assert error.__cause__.code is Code.APP_SETUP


@pytest.mark.parametrize(
    "kind", [{"filetype": "html"}, {"mode": "post"}, {"mode": "email"}, {"mimetype": "text/html"}]
)
async def test_a_file_that_is_a_web_page_itself_is_read(
    slack: FakeSlack, web: Web, kind: dict[str, Any]
) -> None:
    file = await shared(slack, mimetype="text/html", content=b"<html>", more={"mimetype": "text/plain", **kind})
    assert (await files.fetch(web, file, LIMIT)).data == b"<html>"


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ({"status": 403}, FileProblem.NOT_ALLOWED),
        ({"status": 404}, FileProblem.NOT_FOUND),
        ({"status": 503}, FileProblem.UNAVAILABLE),
        ({"size": 8}, FileProblem.MISMATCH),
        ({"size": 10**9}, FileProblem.TOO_LARGE),
        ({"size": 0, "content": bytes(LIMIT + 1)}, FileProblem.TOO_LARGE),
        ({"redirects": ["http://10.0.0.1/secret"]}, FileProblem.UNAVAILABLE),
        ({"redirects": ["https://slack.com.evil.example/"]}, FileProblem.UNAVAILABLE),
        ({"redirects": ["/files/F1/x"] * 4}, FileProblem.UNAVAILABLE),
        ({"mode": "tombstone"}, FileProblem.NOT_FOUND),
        ({"mode": "hidden_by_limit"}, FileProblem.NOT_FOUND),
        ({"more": {"is_external": True}}, FileProblem.NOT_ALLOWED),
        ({"more": {"url_private": "", "url_private_download": ""}}, FileProblem.UNAVAILABLE),
        ({"more": {"url_private_download": "http://127.0.0.1:1/files/F1"}}, FileProblem.UNAVAILABLE),
        ({"mode": "quip", "more": {"filetype": "quip"}}, FileProblem.UNKNOWN_TYPE),
    ],
)
async def test_each_refusal_has_its_reason(
    slack: FakeSlack, web: Web, shape: dict[str, Any], expected: FileProblem
) -> None:
    assert (await problem(web, await shared(slack, **shape))).problem is expected


async def test_redirects_among_slacks_hosts_are_followed(slack: FakeSlack, web: Web) -> None:
    file = await shared(slack, redirects=["/files/F1/x", "y", "/files/F1/z"])
    assert (await files.fetch(web, file, LIMIT)).data == b"all of it"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("file_not_found", FileProblem.NOT_FOUND),
        ("file_deleted", FileProblem.NOT_FOUND),
        ("access_denied", FileProblem.NOT_ALLOWED),
        ("internal_error", FileProblem.UNAVAILABLE),
        ("ratelimited", FileProblem.UNAVAILABLE),
    ],
)
async def test_a_refusal_to_say_more_of_a_file_has_its_reason(
    slack: FakeSlack, web: Web, error: str, expected: FileProblem
) -> None:
    file = await shared(slack)
    slack.fail("files.info", error=error)
    assert (await problem(web, file)).problem is expected
    assert slack.web.downloads == []


async def test_a_file_that_drips_ends_at_the_deadline(
    slack: FakeSlack, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "DEADLINE_S", 0.3)
    file = await shared(slack, content=bytes(900), pause_s=0.01)
    assert (await problem(web, file)).problem is FileProblem.UNAVAILABLE


async def test_a_photo_that_few_programs_read_comes_as_slacks_largest_copy(slack: FakeSlack, web: Web) -> None:
    copy: dict[str, Any] = {
        "mimetype": "image/heic",
        "thumb_64": "x",
        "thumb_1024_w": 1024,
        "thumb_tiny": "AAAA",
    }
    copy["thumb_1024"] = f"{slack.space.base_url}/files/F1/copy.jpg"
    file = await shared(slack, name="a.heic", mimetype="image/jpeg", content=b"jpeg", size=99, more=copy)
    assert await files.fetch(web, file, LIMIT) == FileContent("a.heic", "", b"jpeg")
    assert slack.web.downloads == ["/files/F1/copy.jpg"]
    slack.space.files["F1"].more = {"mimetype": "image/heic"}
    slack.space.files["F1"].size = None
    assert (await files.fetch(web, file, LIMIT)).media_type == "image/heic"
